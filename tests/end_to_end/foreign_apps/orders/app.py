"""An app that knows nothing of Sluice: an HTTP API over a table, in Node, and what CDK's own custom resources do."""

import os

from aws_cdk import App, CfnOutput, CustomResource, Duration, RemovalPolicy, Stack, aws_apigateway, custom_resources
from aws_cdk import aws_apigatewayv2 as api_gateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration

app = App()
stack = Stack(app, "orders")
table = dynamodb.Table(
    stack,
    "Table",
    partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    removal_policy=RemovalPolicy.DESTROY,
)
function = lambda_.Function(
    stack,
    "Function",
    runtime=lambda_.Runtime.NODEJS_22_X,
    handler="index.handler",
    code=lambda_.Code.from_asset("function"),
    environment={"TABLE": table.table_name, "CURRENCY": os.environ.get("CURRENCY", "EUR")},
)
table.grant_read_write_data(function)
api = api_gateway.HttpApi(
    stack, "Api", cors_preflight=api_gateway.CorsPreflightOptions(allow_origins=["https://shop.example"])
)
orders = HttpLambdaIntegration("Orders", function)
api.add_routes(path="/orders", methods=[api_gateway.HttpMethod.GET], integration=orders)
api.add_routes(
    path="/orders/{id}", methods=[api_gateway.HttpMethod.GET, api_gateway.HttpMethod.PUT], integration=orders
)

site = s3.Bucket(stack, "Site", removal_policy=RemovalPolicy.DESTROY, auto_delete_objects=True, versioned=True)
if os.environ.get("PAGE"):
    page = s3_deployment.Source.data("index.html", os.environ["PAGE"])
    s3_deployment.BucketDeployment(stack, "Page", destination_bucket=site, sources=[page])
    rest = aws_apigateway.LambdaRestApi(stack, "Rest", handler=function)
    inline = """
def start(event, context):
    return {"PhysicalResourceId": "made", "Data": {"Said": event["RequestType"]}}
def is_complete(event, context):
    return {"IsComplete": True}
"""
    start, is_complete = (
        lambda_.Function(
            stack,
            name,
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler=f"index.{name}",
            code=lambda_.Code.from_inline(inline),
        )
        for name in ("start", "is_complete")
    )
    provider = custom_resources.Provider(
        stack,
        "Provider",
        on_event_handler=start,
        is_complete_handler=is_complete,
        query_interval=Duration.seconds(1),
    )
    made = CustomResource(stack, "Made", service_token=provider.service_token)
    CfnOutput(stack, "Said", value=made.get_att_string("Said"))
    CfnOutput(stack, "RestUrl", value=rest.url_for_path("/orders"))
logs.LogRetention(stack, "Retention", log_group_name="/orders/log", retention=logs.RetentionDays.ONE_WEEK)
first = custom_resources.AwsSdkCall(
    service="DynamoDB",
    action="putItem",
    parameters={"TableName": table.table_name, "Item": {"id": {"S": "first"}, "total": {"N": "1"}}},
    physical_resource_id=custom_resources.PhysicalResourceId.of("first"),
)
custom_resources.AwsCustomResource(
    stack,
    "First",
    on_create=first,
    policy=custom_resources.AwsCustomResourcePolicy.from_sdk_calls(resources=[table.table_arn]),
)
CfnOutput(stack, "Url", value=str(api.url))
CfnOutput(stack, "SiteName", value=site.bucket_name)
app.synth()
