"""A pod's program: reads the credentials of the role in argv twenty times a second, each time over a connection of its own, and
prints a line of each: when it began and ended (Unix time), the status or the error, and the access key."""

import http.client
import json
import sys
import time

PATH = "/latest/meta-data/iam/security-credentials/" + sys.argv[1]


def read():
    connection = http.client.HTTPConnection("169.254.169.254", timeout=5)
    try:
        connection.request("GET", PATH)
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body).get("AccessKeyId", "") if response.status == 200 else ""
    finally:
        connection.close()


due = time.time()
while True:
    began, outcome, key = time.time(), "", ""
    try:
        outcome, key = read()
    except Exception as error:
        outcome = repr(error)
    print(json.dumps([began, time.time(), outcome, key]), flush=True)
    due = max(due + 0.05, time.time() - 1)
    time.sleep(max(due - time.time(), 0))
