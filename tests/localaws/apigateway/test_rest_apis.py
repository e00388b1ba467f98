"""REST APIs answer what is deployed of them: events, stages, permissions, fixed answers, and what is refused."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import base64
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.apigateway.responses import APIGatewayResponse

from localaws.cloudformation.errors import UnknownProperty, UnknownResourceType
from localaws.context import Context
from tests.localaws.apigateway.test_http_apis import ECHO, ROLE, Deploy, echoed, function, permission, resource
from tests.localaws.requests import send
from tests.localaws.running import ctx  # noqa: F401

URL = {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}"}
URI = {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"}
ROOT = {"Fn::GetAtt": ["Api", "RootResourceId"]}


def method(verb: str, at: Any, **changed: Any) -> dict[str, Any]:
    integration = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": URI}
    given = {"AuthorizationType": "NONE", "Integration": integration, **changed}
    return resource("AWS::ApiGateway::Method", RestApiId={"Ref": "Api"}, ResourceId=at, HttpMethod=verb, **given)


def part(path: str, parent: Any = ROOT) -> dict[str, Any]:
    return resource("AWS::ApiGateway::Resource", RestApiId={"Ref": "Api"}, ParentId=parent, PathPart=path)


def rest(code: str, deployment: str = "First", **more: Any) -> dict[str, Any]:
    """Return the resources of a REST API of one function: the root, ``items`` and what is below it."""
    methods = {
        "AtRoot": method("ANY", ROOT),
        "Items": part("items"),
        "List": method("GET", {"Ref": "Items"}),
        "Item": part("{id}", {"Ref": "Items"}),
        "OfItem": method("ANY", {"Ref": "Item"}),
    }
    made = {
        "Role": ROLE,
        "Function": function(code),
        "Api": resource("AWS::ApiGateway::RestApi", Name="api"),
        deployment: resource("AWS::ApiGateway::Deployment", RestApiId={"Ref": "Api"}),
        "Stage": resource(
            "AWS::ApiGateway::Stage", RestApiId={"Ref": "Api"}, StageName="prod", DeploymentId={"Ref": deployment},
            Variables={"colour": "red"},
        ),
        "Permission": permission(),
        **methods,
        **more,
    }  # fmt: skip
    parts = [name for name, each in made.items() if each["Type"] == "AWS::ApiGateway::Method"]
    made[deployment]["DependsOn"] = parts
    return made


def made(deploy: Deploy, resources: dict[str, Any]) -> str:
    url = deploy(outputs={"Url": {"Value": URL}}, **resources).outputs["Url"].value
    assert url.startswith("http://127.0.0.1:")
    return f"/{url.split('/', 3)[3]}"


def test_the_event_is_that_of_a_proxy_integration(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, rest(ECHO))
    headers = [("X-Twice", "a"), ("X-Twice", "b"), ("Content-Type", "application/x-www-form-urlencoded")]
    event = echoed(send(ctx, "POST", f"{root}/items/a%20b?x=1&x=2", headers, b"a=1"))
    assert "version" not in event
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/items/{id}", "/items/a%20b", "POST")
    assert event["pathParameters"] == {"id": "a%20b"}
    assert event["multiValueHeaders"]["X-Twice"] == ["a", "b"]
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["stageVariables"] == {"colour": "red"}
    assert (event["body"], event["isBase64Encoded"]) == ("a=1", False)
    assert event["requestContext"]["path"] == "/prod/items/a%20b"
    assert echoed(send(ctx, "GET", f"{root}/items"))["resource"] == "/items"
    for path in (root, f"{root}/"):
        assert echoed(send(ctx, "DELETE", path))["resource"] == "/"


def test_a_path_is_as_it_was_sent(ctx: Context, deploy: Deploy) -> None:
    """https://github.com/middleapi/standard-server/pull/93 tells what was seen on AWS."""
    root = made(deploy, rest(ECHO))
    for path, value in (("a%2Fb", "a%2Fb"), ("a%20b/", "a%20b"), ("%25", "%25"), ("a+b", "a+b")):
        event = echoed(send(ctx, "GET", f"{root}/items/{path}"))
        assert (event["path"], event["pathParameters"]) == (f"/items/{path}", {"id": value})
        assert event["requestContext"]["path"] == f"/prod/items/{path}"
    api = root.split("/")[3]
    resources = ctx.client("apigateway").get_resources(restApiId=api)["items"]
    ids = {each["path"]: each["id"] for each in resources}
    assert event["requestContext"]["resourceId"] == ids["/items/{id}"]


def test_a_stage_is_changed_in_place(ctx: Context, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(variables: dict[str, str], tags: dict[str, str], deployment: str = "First") -> dict[str, Any]:
        return resource(
            "AWS::ApiGateway::Stage", RestApiId={"Ref": "Api"}, StageName="prod", DeploymentId={"Ref": deployment},
            Variables=variables, Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )  # fmt: skip

    root = made(deploy, rest(ECHO, Stage=stage({"a": "1", "b": "2"}, {"one": "1", "two": "2"})))
    monkeypatch.setattr(APIGatewayResponse, "delete_stage", lambda self: pytest.fail("there was no stage for a while"))
    assert made(deploy, rest(ECHO, Stage=stage({"b": "3", "c": "4"}, {"two": "3"}))) == root
    assert echoed(send(ctx, "GET", root))["stageVariables"] == {"b": "3", "c": "4"}
    told = ctx.client("apigateway").get_stage(restApiId=root.split("/")[3], stageName="prod")
    assert {key: value for key, value in told["tags"].items() if key in ("one", "two")} == {"two": "3"}
    assert made(deploy, rest(ECHO, "Second", Stage=stage({}, {}, "Second"))) == root
    assert echoed(send(ctx, "GET", root))["stageVariables"] is None


def test_an_integration_waits_no_longer_than_aws_lets_it(deploy: Deploy) -> None:
    slow = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": URI, "TimeoutInMillis": 40_000}
    with pytest.raises(UnknownProperty, match="timeoutInMillis 40000 is not between 50 and 29000"):
        deploy(**rest(ECHO, List=method("GET", {"Ref": "Items"}, Integration=slow)))


def test_what_is_not_there_is_answered_as_on_aws(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, rest(ECHO))
    for method_, path in (("POST", f"{root}/items"), ("GET", f"{root}/items/1/2"), ("GET", f"{root}/other")):
        answer = send(ctx, method_, path)
        assert (answer.status, answer.body) == (403, b'{"message": "Missing Authentication Token"}')
    answer = send(ctx, "GET", root.replace("/prod", "/test"))
    assert (answer.status, answer.body) == (403, b'{"message": "Forbidden"}')


@pytest.mark.parametrize(
    ("code", "status", "body"),
    [
        ("return {'statusCode': 200, 'body': 'x', 'multiValueHeaders': {'A': ['1', '2']}}", 200, b"x"),
        ("return {'statusCode': 200, 'body': 'iVA=', 'isBase64Encoded': True}", 200, b"iVA="),
        ("return {'a': 1}", 502, b'{"message": "Internal server error"}'),
        ("raise ValueError", 502, b'{"message": "Internal server error"}'),
        ("return {'statusCode': 200, 'headers': ['a']}", 502, b'{"message": "Internal server error"}'),
        ("return {'statusCode': float('inf')}", 502, b'{"message": "Internal server error"}'),
    ],
)
def test_what_a_function_returns_is_the_answer(
    ctx: Context, deploy: Deploy, code: str, status: int, body: bytes
) -> None:
    answer = send(ctx, "GET", made(deploy, rest(f"def handler(e, c): {code}")))
    assert (answer.status, answer.headers["content-type"], answer.body) == (status, "application/json", body)


def test_what_is_binary_is_encoded_where_the_api_says_so(ctx: Context, deploy: Deploy) -> None:
    code = "def handler(e, c): return {'statusCode': 200, 'body': e['body'], 'isBase64Encoded': e['isBase64Encoded']}"
    api = resource("AWS::ApiGateway::RestApi", Name="api", BinaryMediaTypes=["image/png"])
    root = made(deploy, rest(code, Api=api))
    sent = {"Content-Type": "image/png"}
    assert send(ctx, "POST", root, {**sent, "Accept": "image/png"}, b"\x89P").body == b"\x89P"
    assert send(ctx, "POST", root, sent, b"\x89P").body == base64.b64encode(b"\x89P")


def test_a_fixed_answer_is_given_without_a_function(ctx: Context, deploy: Deploy) -> None:
    allowed = {"method.response.header.Access-Control-Allow-Origin": "'*'"}
    answers = [{"StatusCode": "204", "ResponseParameters": allowed}]
    template = {"application/json": "{ statusCode: 200 }"}
    fixed = {"Type": "MOCK", "RequestTemplates": template, "IntegrationResponses": answers}
    told = [{"StatusCode": "204", "ResponseParameters": dict.fromkeys(allowed, True)}]
    root = made(deploy, rest(ECHO, Asked=method("OPTIONS", {"Ref": "Items"}, Integration=fixed, MethodResponses=told)))
    answer = send(ctx, "OPTIONS", f"{root}/items")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "*")


def test_a_stage_answers_what_its_deployment_has(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, rest(ECHO))
    more = {"Other": part("other"), "OfOther": method("GET", {"Ref": "Other"})}
    assert made(deploy, rest(ECHO, **more)) == root
    assert send(ctx, "GET", f"{root}/other").status == 403, "it was not deployed again"
    assert made(deploy, rest(ECHO, "Second", **more)) == root
    assert echoed(send(ctx, "GET", f"{root}/other"))["resource"] == "/other"


def test_a_function_is_invoked_only_where_its_policy_lets_the_method(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, rest(ECHO, Permission=permission("/prod/GET/items")))
    assert send(ctx, "GET", f"{root}/items").status == 200
    assert send(ctx, "GET", f"{root}/items/1").status == 500


@pytest.mark.parametrize(("told", "let"), [("*", True), ("https://shop.example", True), ("https://a.example", False)])
def test_a_page_reaches_the_paths_whose_fixed_answer_names_it(
    ctx: Context, deploy: Deploy, told: str, let: bool
) -> None:
    answers = [
        {"StatusCode": "204", "ResponseParameters": {"method.response.header.Access-Control-Allow-Origin": f"'{told}'"}}
    ]
    fixed = method("OPTIONS", {"Ref": "Items"}, Integration={"Type": "MOCK", "IntegrationResponses": answers})
    fixed["Properties"]["MethodResponses"] = [
        {"StatusCode": "204", "ResponseParameters": {"method.response.header.Access-Control-Allow-Origin": True}}
    ]
    root = made(deploy, rest(ECHO, Asked=fixed))
    page = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site", "User-Agent": "Mozilla/5.0"}
    before = send(ctx, "OPTIONS", f"{root}/items", {**page, "Access-Control-Request-Method": "GET"})
    assert (before.status, before.headers.get("access-control-allow-origin")) == ((204, told) if let else (403, None))
    assert send(ctx, "GET", f"{root}/items", page).status == (200 if let else 403)
    assert send(ctx, "GET", f"{root}/items/1", page).status == 403, "nothing is said there"


HTTP = {"Type": "HTTP_PROXY", "IntegrationHttpMethod": "GET", "Uri": "https://a.example"}
VARIED = {"Type": "MOCK", "IntegrationResponses": [{"StatusCode": "200", "ResponseTemplates": {"a/b": "$input"}}]}


@pytest.mark.parametrize(
    ("name", "changed", "named"),
    [
        ("List", method("GET", {"Ref": "Items"}, AuthorizationType="AWS_IAM"), "authorizationType AWS_IAM"),
        ("List", method("GET", {"Ref": "Items"}, AuthorizationType="CUSTOM"), "authorizationType CUSTOM"),
        ("List", method("GET", {"Ref": "Items"}, AuthorizerId="a"), "property AuthorizerId"),
        ("List", method("GET", {"Ref": "Items"}, ApiKeyRequired=True), "apiKeyRequired True"),
        ("List", method("GET", {"Ref": "Items"}, RequestValidatorId="v"), "property RequestValidatorId"),
        ("List", method("GET", {"Ref": "Items"}, Integration=HTTP), "type HTTP_PROXY"),
        ("List", method("GET", {"Ref": "Items"}, Integration=VARIED), "responseTemplates with variables"),
        ("Api", resource("AWS::ApiGateway::RestApi", Name="a", Policy={}), "property Policy"),
        ("Api", resource("AWS::ApiGateway::RestApi", Name="a", Body={}), "property Body"),
        ("New", resource("AWS::ApiGateway::Authorizer", Name="a"), "AWS::ApiGateway::Authorizer"),
        ("New", resource("AWS::ApiGateway::ApiKey"), "AWS::ApiGateway::ApiKey"),
    ],
)
def test_what_does_not_run_is_refused_in_a_template(
    deploy: Deploy, name: str, changed: dict[str, Any], named: str
) -> None:
    with pytest.raises((UnknownProperty, UnknownResourceType), match=named):
        deploy(**rest(ECHO, **{name: changed}))


def test_what_does_not_run_is_refused_by_the_api_too(ctx: Context) -> None:
    client = ctx.client("apigateway")
    made = client.create_rest_api(name="by-hand")
    root = client.get_resources(restApiId=made["id"])["items"][0]["id"]
    where = {"restApiId": made["id"], "resourceId": root, "httpMethod": "GET"}
    client.put_method(**where, authorizationType="NONE")
    for call in (
        lambda: client.create_rest_api(name="closed", policy="{}"),
        lambda: client.create_authorizer(restApiId=made["id"], name="a", type="TOKEN"),
        lambda: client.put_method(**{**where, "httpMethod": "PUT"}, authorizationType="AWS_IAM"),
        lambda: client.put_method(**{**where, "httpMethod": "PUT"}, authorizationType="NONE", apiKeyRequired=True),
        lambda: client.update_method(**where, patchOperations=[]),
        lambda: client.put_integration(**where, type="HTTP_PROXY", uri="https://a.example"),
        lambda: client.create_usage_plan(name="a"),
        lambda: client.import_rest_api(body=b'{"openapi": "3.0.1"}'),
    ):
        with pytest.raises(ClientError, match="not run locally") as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert list(client.get_resource(restApiId=made["id"], resourceId=root)["resourceMethods"]) == ["GET"]
