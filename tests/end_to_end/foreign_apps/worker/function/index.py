import os
from typing import Any

import boto3


def handler(event: dict[str, Any], context: object) -> None:
    for record in event["Records"]:
        text = f"{os.environ['GREETING']} {record['body']}"
        boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=record["body"], Body=text.encode())
