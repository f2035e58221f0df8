"""A pod's program: asks STS at the endpoint in argv who it is, with boto3 and no configuration, and prints it as JSON."""

import json
import sys

import boto3

session = boto3.Session()
credentials = session.get_credentials()
if credentials is None:
    sys.exit("boto3 found no credentials")
frozen = credentials.get_frozen_credentials()
sts = session.client("sts", endpoint_url=sys.argv[1], region_name="us-east-1")
json.dump(
    {
        "arn": sts.get_caller_identity()["Arn"],
        "accessKeyId": frozen.access_key,
        "secretAccessKey": frozen.secret_key,
        "token": frozen.token,
        "provider": credentials.method,
    },
    sys.stdout,
)
