"""A pod's program: reads its role's credentials twenty times a second, each time over a connection of its own, and prints a line
of each: when it began and ended (Unix time), the status or the error, and the access key."""

import http.client
import json
import time

BASE = "/latest/meta-data/iam/security-credentials/"


def get(path):
    connection = http.client.HTTPConnection("169.254.169.254", timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def read(role):
    if not role:
        status, role = get(BASE)
        return role if status == 200 else "", status, ""
    status, body = get(BASE + role)
    return role, status, json.loads(body).get("AccessKeyId", "") if status == 200 else ""


role, due = "", time.time()
while True:
    began, outcome, key = time.time(), "", ""
    try:
        role, outcome, key = read(role)
    except Exception as error:
        outcome = repr(error)
    print(json.dumps([began, time.time(), outcome, key]), flush=True)
    due = max(due + 0.05, time.time() - 1)
    time.sleep(max(due - time.time(), 0))
