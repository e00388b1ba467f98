"""An app that knows nothing of Sluice: a queue, a function that works its messages off, and a bucket."""

import os

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

app = App()
stack = Stack(app, "worker", termination_protection=bool(os.environ.get("PROTECTED")))
dead = sqs.DeadLetterQueue(queue=sqs.Queue(stack, "Dead"), max_receive_count=3)
queue = sqs.Queue(stack, "Queue", visibility_timeout=Duration.seconds(60), dead_letter_queue=dead)
done = s3.Bucket(stack, "Done", removal_policy=RemovalPolicy.RETAIN)
function = lambda_.Function(
    stack,
    "Function",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_asset("function"),
    environment={"BUCKET": done.bucket_name, "GREETING": os.environ.get("GREETING", "hello")},
)
function.add_event_source(sources.SqsEventSource(queue))
done.grant_write(function)
CfnOutput(stack, "QueueUrl", value=queue.queue_url)
CfnOutput(stack, "BucketName", value=done.bucket_name)
app.synth()
