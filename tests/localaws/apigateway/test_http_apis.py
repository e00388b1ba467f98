"""HTTP APIs answer on the same port: routes, payloads, permissions, CORS, and what is refused by its name."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import base64
import http.client
import http.server
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlparse

import pytest
from botocore.exceptions import ClientError
from moto.apigatewayv2.responses import ApiGatewayV2Response

from localaws import execute_api
from localaws.cloudformation.errors import StackFailed, UnknownProperty, UnknownResourceType
from localaws.context import Context
from tests.localaws.requests import Answer, send
from tests.localaws.running import ctx  # noqa: F401

Deploy = Callable[..., Any]
ECHO = "import json\ndef handler(e, c): return {'statusCode': 200, 'body': json.dumps(e)}"
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    },
}
URL = {"Fn::Join": ["", ["https://", {"Ref": "Api"}, ".execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]]}  # fmt: skip  # noqa: E501


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def function(code: str, **properties: Any) -> dict[str, Any]:
    return resource(
        "AWS::Lambda::Function",
        Runtime="python3.13", Handler="index.handler", Code={"ZipFile": code}, Timeout=10, MemorySize=256,
        Role={"Fn::GetAtt": ["Role", "Arn"]}, **properties,
    )  # fmt: skip


def permission(path: str = "/*/*") -> dict[str, Any]:
    arn = {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}" + path}
    return resource(
        "AWS::Lambda::Permission",
        FunctionName={"Ref": "Function"},
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=arn,
    )


def api(code: str, *keys: str, stage: str = "$default", version: str = "2.0", **more: Any) -> dict[str, Any]:
    """Return the resources of an API whose routes all go to one function of ``code``."""
    target = {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]}
    made = {
        "Role": ROLE,
        "Function": function(code),
        "Api": resource("AWS::ApiGatewayV2::Api", Name="api", ProtocolType="HTTP"),
        "Stage": resource("AWS::ApiGatewayV2::Stage", ApiId={"Ref": "Api"}, StageName=stage, AutoDeploy=True),
        "Integration": resource(
            "AWS::ApiGatewayV2::Integration",
            ApiId={"Ref": "Api"},
            IntegrationType="AWS_PROXY",
            IntegrationUri={"Fn::GetAtt": ["Function", "Arn"]},
            PayloadFormatVersion=version,
        ),
        "Permission": permission(),
    }
    for number, key in enumerate(keys):
        made[f"Route{number}"] = resource(
            "AWS::ApiGatewayV2::Route", ApiId={"Ref": "Api"}, RouteKey=key, Target=target, AuthorizationType="NONE"
        )
    return {**made, **more}


def made(deploy: Deploy, resources: dict[str, Any]) -> str:
    """Deploy an API, and return the path of its address as the stack's output tells it."""
    stack = deploy(outputs={"Url": {"Value": URL}}, **resources)
    url = stack.outputs["Url"].value
    assert url.startswith("http://127.0.0.1:")
    return f"/{url.split('/', 3)[3]}"


def echoed(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.said
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_a_request_is_answered_by_the_most_specific_route(ctx: Context, deploy: Deploy) -> None:
    keys = (
        "GET /pets/dog/1",
        "GET /pets/dog/{id}",
        "GET /pets/{proxy+}",
        "ANY /{proxy+}",
        "POST /pets/cat",
        "$default",
    )
    root = made(deploy, api(ECHO, *keys))
    for method, path, key, values in [
        ("GET", "/pets/dog/1", keys[0], None),
        ("GET", "/pets/dog/2", keys[1], {"id": "2"}),
        ("GET", "/pets/dog/a%20b", keys[1], {"id": "a b"}),
        ("GET", "/pets/cat", keys[2], {"proxy": "cat"}),
        ("GET", "/pets/dog/2/tail", keys[2], {"proxy": "dog/2/tail"}),
        ("POST", "/pets/cat", keys[4], None),
        ("PUT", "/any/thing", keys[3], {"proxy": "any/thing"}),
        ("GET", "/", "$default", None),
    ]:
        event = echoed(send(ctx, method, f"{root}{path}"))
        assert (event["routeKey"], event.get("pathParameters")) == (key, values)
        assert event["requestContext"]["http"]["method"] == method


def test_the_event_of_format_2_has_all_that_was_sent(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, api(ECHO, "POST /items/{id}", Stage=resource(
        "AWS::ApiGatewayV2::Stage", ApiId={"Ref": "Api"}, StageName="$default", AutoDeploy=True,
        StageVariables={"colour": "red"},
    )))  # fmt: skip
    headers = [("X-Twice", "a"), ("X-Twice", "b"), ("Cookie", "one=1; two=2"), ("Content-Type", "application/json")]
    event = echoed(send(ctx, "POST", f"{root}/items/7?b=1&b=2&c=%C3%BC", headers, b'{"a": 1}'))
    assert event["version"] == "2.0"
    assert (event["rawPath"], event["rawQueryString"]) == ("/items/7", "b=1&b=2&c=%C3%BC")
    assert event["queryStringParameters"] == {"b": "1,2", "c": "ü"}
    assert event["cookies"] == ["one=1", "two=2"]
    assert event["headers"]["x-twice"] == "a,b"
    assert event["stageVariables"] == {"colour": "red"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
    assert event["requestContext"]["stage"] == "$default"
    binary = echoed(send(ctx, "POST", f"{root}/items/7", {"Content-Type": "image/png"}, b"\x89PNG"))
    assert (base64.b64decode(binary["body"]), binary["isBase64Encoded"]) == (b"\x89PNG", True)


def test_the_event_of_format_1_keeps_repeated_values(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, api(ECHO, "ANY /{proxy+}", stage="prod", version="1.0"))
    event = echoed(send(ctx, "GET", f"{root}/prod/a/b?x=1&x=2"))
    assert (event["version"], event["resource"], event["path"]) == ("1.0", "/{proxy+}", "/prod/a/b")
    assert event["pathParameters"] == {"proxy": "a/b"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["queryStringParameters"] == {"x": "2"}


TEXT, JSON = "text/plain; charset=utf-8", "application/json"


@pytest.mark.parametrize(
    ("returned", "status", "kind", "body"),
    [
        ({"a": 1}, 200, JSON, b'{"a": 1}'),
        ("text", 200, JSON, b"text"),
        ({"statusCode": 201, "headers": {"Content-Type": "text/x"}, "body": "made"}, 201, "text/x", b"made"),
        ({"statusCode": "404", "body": "none"}, 404, TEXT, b"none"),
        ({"statusCode": 200, "body": "iVA=", "isBase64Encoded": True}, 200, TEXT, b"\x89P"),
    ],
)
def test_what_a_function_returns_is_the_answer(
    ctx: Context, deploy: Deploy, returned: Any, status: int, kind: str, body: bytes
) -> None:
    answer = send(ctx, "GET", made(deploy, api(f"def handler(e, c): return {returned!r}", "$default")))
    assert (answer.status, answer.headers["content-type"], answer.body) == (status, kind, body)


@pytest.mark.parametrize(
    "code",
    [
        "return {'statusCode': 200, 'body': 'no', 'isBase64Encoded': True}",
        "return {'statusCode': 200, 'body': {'a': 1}}",
        "return {'statusCode': 'odd'}",
        "return {'statusCode': 200, 'headers': {'X': 'a\\r\\nSet-Cookie: b'}}",
        "return {'statusCode': 200, 'headers': ['a']}",
        "return {'statusCode': float('inf')}",
        "raise ValueError",
    ],
)
def test_what_is_no_answer_is_an_error_of_the_server(ctx: Context, deploy: Deploy, code: str) -> None:
    answer = send(ctx, "GET", made(deploy, api(f"def handler(e, c): {code}", "$default")))
    assert (answer.status, answer.headers["content-type"]) == (500, JSON)
    assert answer.body == b'{"message": "Internal Server Error"}'


def test_an_api_is_reached_by_its_name_too(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, api(ECHO, "GET /here"))
    name = root.rsplit("/", 1)[1]
    for host in (f"{name}.execute-api.us-east-1.amazonaws.com", f"{name}.execute-api.localhost:4566"):
        assert echoed(send(ctx, "GET", "/here", {"Host": host}))["routeKey"] == "GET /here"
    assert send(ctx, "GET", "/here", {"Host": f"{name}.execute-api.eu-west-1.amazonaws.com"}).status != 200
    assert send(ctx, "GET", "/here", {"Host": "nobody.execute-api.localhost"}).status == 404
    assert send(ctx, "GET", f"{root}/elsewhere").body == b'{"message": "Not Found"}'


def test_a_function_is_invoked_only_where_its_policy_lets_the_route(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, api(ECHO, "GET /open/{id}", "GET /closed", Permission=permission("/*/*/open/{id}")))
    assert send(ctx, "GET", f"{root}/open/1").status == 200
    assert send(ctx, "GET", f"{root}/closed").status == 500


def test_an_answer_without_a_body_ends_where_it_ends(ctx: Context, deploy: Deploy) -> None:
    """What follows on the same connection is the next answer."""
    answer = "{'statusCode': int(e['rawPath'][1:]), 'body': 'b', 'headers': {'Content-Length': '9'}}"
    code = f"def handler(e, c): return {answer}"
    root = made(deploy, api(code, "$default"))
    connection = http.client.HTTPConnection(urlparse(ctx.endpoint).netloc, timeout=30)
    try:
        for status, body in ((204, b""), (200, b"b"), (304, b""), (200, b"b")):
            connection.request("GET", f"{root}/{status}")
            told = connection.getresponse()
            assert (told.status, told.read()) == (status, body)
    finally:
        connection.close()


def test_reserved_concurrency_makes_the_service_unavailable(ctx: Context, deploy: Deploy) -> None:
    """The first request is answered only when the second has been, so that both are there at once."""
    code = (
        "import json, time\nfrom urllib.request import urlopen\n"
        "def handler(e, c):\n"
        "    urlopen(e['queryStringParameters']['ask']).read()\n"
        "    return 'done'"
    )
    root = made(deploy, api(code, "$default", Function=function(code, ReservedConcurrentExecutions=1)))
    runs, ends = threading.Event(), threading.Event()

    class Held(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            runs.set()
            ends.wait(30)
            self.send_response(204)
            self.end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Held) as server, ThreadPoolExecutor(2) as callers:
        callers.submit(server.serve_forever)
        first = callers.submit(send, ctx, "GET", f"{root}?ask=http://127.0.0.1:{server.server_port}/")
        try:
            assert runs.wait(30)
            assert send(ctx, "GET", root).status == 503
        finally:
            ends.set()
            status = first.result().status
            server.shutdown()
        assert status == 200


def test_a_page_gets_through_where_the_cors_configuration_names_it(ctx: Context, deploy: Deploy) -> None:
    allowed = {
        "AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET"], "AllowHeaders": ["x-own"], "MaxAge": 60,
        "ExposeHeaders": ["x-told"],
    }  # fmt: skip
    shared = resource("AWS::ApiGatewayV2::Api", Name="api", ProtocolType="HTTP", CorsConfiguration=allowed)
    root = made(deploy, api(ECHO, "GET /a", Api=shared))
    page = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site", "User-Agent": "Mozilla/5.0"}
    told = send(ctx, "GET", f"{root}/a", page)
    assert echoed(told)["routeKey"] == "GET /a"
    assert told.headers["access-control-allow-origin"] == "https://shop.example"
    assert told.headers["access-control-expose-headers"] == "x-told"
    before = send(ctx, "OPTIONS", f"{root}/a", {**page, "Access-Control-Request-Method": "GET"})
    assert (before.status, before.headers["access-control-allow-methods"]) == (204, "GET")
    assert before.headers["access-control-allow-headers"] == "x-own"
    assert before.headers["access-control-max-age"] == "60"
    other = send(ctx, "GET", f"{root}/a", {**page, "Origin": "https://evil.example"})
    assert (other.status, other.headers.get("access-control-allow-origin")) == (403, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "User-Agent": "Mozilla/5.0"},
        {"Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0"},
    ],
)
def test_no_page_reaches_an_api_that_names_none(ctx: Context, deploy: Deploy, headers: dict[str, str]) -> None:
    root = made(deploy, api(ECHO, "$default"))
    assert send(ctx, "GET", root, headers).status == 403
    assert send(ctx, "POST", root, {**headers, "User-Agent": "Mozilla/5.0"}).status == 403
    opened = send(ctx, "GET", root, {"Sec-Fetch-Site": "none", "User-Agent": "Mozilla/5.0"})
    assert (opened.status, opened.headers["content-security-policy"]) == (200, "sandbox allow-scripts")


def test_a_changed_api_answers_as_it_is_now_and_a_deleted_one_no_more(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, api(ECHO, "GET /a"))
    other = "def handler(e, c): return 'other'"
    assert made(deploy, api(other, "GET /b", "GET /c")) == root
    assert send(ctx, "GET", f"{root}/b").body == b"other"
    assert send(ctx, "GET", f"{root}/c").body == b"other"
    assert send(ctx, "GET", f"{root}/a").status == 404
    made(deploy, {"Role": ROLE, "Api": resource("AWS::ApiGatewayV2::Api", Name="new", ProtocolType="HTTP")})
    assert send(ctx, "GET", f"{root}/b").status == 404


def integration(**properties: Any) -> dict[str, Any]:
    target = {"Fn::GetAtt": ["Function", "Arn"]}
    given = {"IntegrationType": "AWS_PROXY", "IntegrationUri": target, **properties}
    return resource("AWS::ApiGatewayV2::Integration", ApiId={"Ref": "Api"}, **given)


def test_what_a_template_leaves_out_again_is_as_if_it_had_never_been(ctx: Context, deploy: Deploy) -> None:
    def described(tags: dict[str, str], variables: dict[str, str], **properties: Any) -> dict[str, Any]:
        named = resource("AWS::ApiGatewayV2::Api", Name="api", ProtocolType="HTTP", Tags=tags)
        stage = resource(
            "AWS::ApiGatewayV2::Stage", ApiId={"Ref": "Api"}, StageName="$default", AutoDeploy=True,
            StageVariables=variables,
        )  # fmt: skip
        return api(ECHO, "$default", Api=named, Stage=stage, Integration=integration(**properties))

    client = ctx.client("apigatewayv2")
    before = described({"a": "1", "b": "2"}, {"x": "1", "y": "2"}, PayloadFormatVersion="2.0", TimeoutInMillis=1000)
    root = made(deploy, before)
    name = root.rsplit("/", 1)[1]
    assert made(deploy, described({"a": "3"}, {"y": "3"})) == root
    event = echoed(send(ctx, "GET", root))
    assert (event["version"], event["stageVariables"]) == ("1.0", {"y": "3"})
    (left,) = client.get_integrations(ApiId=name)["Items"]
    assert (left["TimeoutInMillis"], left["PayloadFormatVersion"]) == (30_000, "1.0")
    assert {key: value for key, value in client.get_api(ApiId=name)["Tags"].items() if key in "ab"} == {"a": "3"}


def test_a_stage_is_changed_in_place(ctx: Context, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    root = made(deploy, api(ECHO, "$default"))
    monkeypatch.setattr(
        ApiGatewayV2Response, "delete_stage", lambda self: pytest.fail("there was no stage for a while")
    )
    stage = resource(
        "AWS::ApiGatewayV2::Stage", ApiId={"Ref": "Api"}, StageName="$default", AutoDeploy=True,
        StageVariables={"x": "1"}, Description="new",
    )  # fmt: skip
    assert made(deploy, api(ECHO, "$default", Stage=stage)) == root
    assert echoed(send(ctx, "GET", root))["stageVariables"] == {"x": "1"}
    client, name = ctx.client("apigatewayv2"), root.rsplit("/", 1)[1]
    assert client.get_stage(ApiId=name, StageName="$default")["Description"] == "new"
    for change in ({"AutoDeploy": False}, {"DefaultRouteSettings": {"ThrottlingBurstLimit": 0}}, {"DeploymentId": "a"}):
        with pytest.raises(ClientError, match="not run locally"):
            client.update_stage(ApiId=name, StageName="$default", **change)


NO_KEYS = ("FOO bar", "GET pets", "GET /{a+}/b", "GET /{a}/{a}", "get /x", "GET /a b", "GET/open /x", "GET", "", "/x")


@pytest.mark.parametrize("key", NO_KEYS)
def test_a_key_that_no_route_can_have_is_refused(deploy: Deploy, key: str) -> None:
    with pytest.raises(UnknownProperty, match="routeKey"):
        deploy(**api(ECHO, key))


@pytest.mark.parametrize("key", ["$default", "ANY /", "GET /a/{b}/{c+}", "PATCH /v1.0/a-b_c~d/", "HEAD /a:b/{b-c}"])
def test_a_key_that_a_route_can_have_is_taken(key: str) -> None:
    assert execute_api.refused("route", {"routeKey": key}) is None


def test_of_two_routes_of_one_key_the_second_is_refused(ctx: Context, deploy: Deploy) -> None:
    with pytest.raises(StackFailed, match="Route with key GET /a already exists"):
        deploy(**api(ECHO, "GET /a", "GET /a"))
    client = ctx.client("apigatewayv2")
    name = client.create_api(Name="by-hand", ProtocolType="HTTP")["ApiId"]
    first, other = (client.create_route(ApiId=name, RouteKey=key)["RouteId"] for key in ("GET /a", "GET /b"))
    with pytest.raises(client.exceptions.ConflictException):
        client.update_route(ApiId=name, RouteId=other, RouteKey="GET /a")
    assert client.update_route(ApiId=name, RouteId=first, RouteKey="GET /a")["RouteKey"] == "GET /a"
    for key in NO_KEYS:
        with pytest.raises(client.exceptions.BadRequestException):
            client.create_route(ApiId=name, RouteKey=key)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"Integration": integration(TimeoutInMillis=40_000)}, "timeoutInMillis 40000"),
        (
            {
                "Api": resource(
                    "AWS::ApiGatewayV2::Api", Name="a", ProtocolType="HTTP",
                    CorsConfiguration={"AllowOrigins": ["*"], "AllowCredentials": True},
                )
            },
            "allowCredentials",
        ),
    ],
)  # fmt: skip
def test_what_aws_would_not_take_is_not_taken(deploy: Deploy, changed: dict[str, Any], named: str) -> None:
    with pytest.raises(UnknownProperty, match=named):
        deploy(**api(ECHO, "$default", **changed))


ROUTE = {"ApiId": {"Ref": "Api"}, "RouteKey": "GET /x", "Target": {"Fn::Sub": "integrations/${Integration}"}}
WITH = {"ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY"}


@pytest.mark.parametrize(
    ("kind", "properties", "named"),
    [
        ("Route", {**ROUTE, "AuthorizationType": "AWS_IAM"}, "authorizationType AWS_IAM"),
        ("Route", {**ROUTE, "AuthorizationType": "JWT"}, "authorizationType JWT"),
        ("Route", {**ROUTE, "AuthorizerId": "a"}, "property AuthorizerId"),
        ("Authorizer", {"ApiId": "a", "AuthorizerType": "JWT", "Name": "a"}, "AWS::ApiGatewayV2::Authorizer"),
        ("Api", {"Name": "a", "ProtocolType": "WEBSOCKET"}, "protocolType WEBSOCKET"),
        ("Api", {"Body": {}}, "property Body"),
        ("Stage", {"ApiId": {"Ref": "Api"}, "StageName": "s"}, "AutoDeploy"),
        ("Integration", {**WITH, "IntegrationType": "HTTP_PROXY"}, "integrationType HTTP_PROXY"),
        ("Integration", {**WITH, "IntegrationSubtype": "SQS-SendMessage"}, "IntegrationSubtype"),
        ("Integration", {**WITH, "ConnectionType": "VPC_LINK"}, "connectionType VPC_LINK"),
        ("Integration", {**WITH, "IntegrationUri": "https://example.org"}, "integrationUri"),
        ("Integration", {**WITH, "CredentialsArn": "arn:aws:iam::123456789012:role/r"}, "property CredentialsArn"),
    ],
)
def test_what_does_not_run_is_refused_in_a_template(
    deploy: Deploy, kind: str, properties: dict[str, Any], named: str
) -> None:
    """An authorizer that is not looked at would be a hole; nothing is created."""
    changed = {kind: resource(f"AWS::ApiGatewayV2::{kind}", **properties)}
    with pytest.raises((UnknownProperty, UnknownResourceType), match=named):
        deploy(**{**api(ECHO, "GET /x"), **changed})


def test_what_does_not_run_is_refused_by_the_api_too(ctx: Context) -> None:
    client = ctx.client("apigatewayv2")
    name = client.create_api(Name="by-hand", ProtocolType="HTTP")["ApiId"]
    route = client.create_route(ApiId=name, RouteKey="GET /a")["RouteId"]
    function_arn = f"arn:aws:lambda:us-east-1:{ctx.account}:function:f"
    for call in (
        lambda: client.create_api(Name="quick", ProtocolType="HTTP", Target=function_arn),
        lambda: client.create_api(Name="socket", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.a"),
        lambda: client.create_authorizer(ApiId=name, AuthorizerType="JWT", IdentitySource=["$x"], Name="a"),
        lambda: client.create_route(ApiId=name, RouteKey="GET /b", AuthorizationType="AWS_IAM"),
        lambda: client.update_route(ApiId=name, RouteId=route, AuthorizationType="JWT", AuthorizerId="a"),
        lambda: client.create_route(ApiId=name, RouteKey="GET /c", ApiKeyRequired=True),
        lambda: client.create_integration(ApiId=name, IntegrationType="HTTP_PROXY", IntegrationUri="https://a.example"),
        lambda: client.create_stage(ApiId=name, StageName="s"),
        lambda: client.create_domain_name(DomainName="a.example"),
        lambda: client.import_api(Body="{}"),
    ):
        with pytest.raises(ClientError, match=r"not run locally|does not run locally") as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert [each["RouteKey"] for each in client.get_routes(ApiId=name)["Items"]] == ["GET /a"]


def test_a_body_in_pieces_is_whole(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, api(ECHO, "$default"))
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (b"one ", b"two ", b"three")) + b"0\r\n\r\n"
    event = echoed(send(ctx, "POST", root, {"Transfer-Encoding": "chunked", "Content-Type": "text/plain"}, pieces))
    assert event["body"] == "one two three"


def test_a_body_that_is_too_long_is_refused(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, api(ECHO, "$default"))
    assert send(ctx, "POST", root, {"Content-Type": "text/plain"}, b"x" * (10 * 2**20 + 1)).status == 413


def test_a_path_is_the_one_that_was_sent_however_it_is_sent(ctx: Context, deploy: Deploy) -> None:
    root = made(deploy, api(ECHO, "$default"))
    host = {"Host": f"{root.rsplit('/', 1)[1]}.execute-api.localhost"}
    for target, path in (("//two/slashes", "//two/slashes"), ("/a/../b", "/a/../b"), ("/_localaws/health", None)):
        event = echoed(send(ctx, "GET", target, host))
        assert event["rawPath"] == (path or target)
    whole = echoed(send(ctx, "GET", f"{ctx.endpoint}{root}/whole?a=1"))
    assert (whole["rawPath"], whole["rawQueryString"]) == ("/whole", "a=1")
