"""What would close an API and does not run is refused, whenever it is known; what is let in is let in by its own."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.cloudformation.errors import StackFailed, UnknownProperty
from localaws.context import Context
from tests.localaws.apigateway import test_http_apis as http_apis
from tests.localaws.apigateway import test_rest_apis as rest_apis
from tests.localaws.apigateway.test_http_apis import ECHO, Deploy, function, permission, resource
from tests.localaws.requests import send
from tests.localaws.running import ctx  # noqa: F401

TELLS = (
    "import cfnresponse\n"
    "def handler(e, c): cfnresponse.send(e, c, cfnresponse.SUCCESS, dict(e['ResourceProperties']['Told']), 'told')"
)


def told(**values: Any) -> dict[str, Any]:
    """Return the resources of something made whose attributes are ``values``: they are known late."""
    token = {"Fn::GetAtt": ["Teller", "Arn"]}
    return {"Teller": function(TELLS), "Made": resource("Custom::Told", ServiceToken=token, Told=values)}


def late(name: str) -> Any:
    return {"Fn::GetAtt": ["Made", name]}


@pytest.mark.parametrize(
    ("closing", "named"),
    [({"AuthorizationType": late("Kind")}, "authorizationType AWS_IAM"), ({"ApiKeyRequired": late("Key")}, "apiKey")],
)
def test_a_method_whose_closing_is_known_late_is_not_deployed_open(
    deploy: Deploy, closing: dict[str, Any], named: str
) -> None:
    closed = rest_apis.method("GET", {"Ref": "Items"}, **closing)
    with pytest.raises(StackFailed, match=named):
        deploy(**rest_apis.rest(ECHO, **told(Kind="AWS_IAM", Key="true"), List=closed))


def test_a_route_whose_closing_is_known_late_is_not_deployed_open(deploy: Deploy) -> None:
    made = http_apis.api(ECHO, "$default", **told(Kind="AWS_IAM"))
    made["Route0"]["Properties"]["AuthorizationType"] = late("Kind")
    with pytest.raises(StackFailed, match="authorizationType AWS_IAM"):
        deploy(**made)


def test_what_no_provider_knows_is_refused_when_it_is_known_late_too(deploy: Deploy) -> None:
    """Of every type: the plan looks at what it sees, and the deployment once more."""
    bucket = resource("AWS::S3::Bucket", PublicAccessBlockConfiguration=late("Policy"))
    with pytest.raises(StackFailed, match=r"PublicAccessBlockConfiguration\.Unheard"):
        deploy(Role=http_apis.ROLE, **told(Policy={"Unheard": "of"}), Changed=bucket)
    integration = {"Type": "MOCK", "Credentials": "arn:aws:iam::123456789012:role/r", "IntegrationResponses": []}
    method = rest_apis.method("GET", {"Ref": "Items"}, Integration=late("Integration"))
    with pytest.raises(StackFailed, match=r"Integration\.Credentials"):
        deploy(**rest_apis.rest(ECHO, **told(Integration=integration), List=method))


REST_API = "AWS::ApiGateway::RestApi"
LIMITS = {"ThrottlingRateLimit": 0, "ThrottlingBurstLimit": 10}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"Api": resource(REST_API, Name="a", EndpointConfiguration={"Types": ["PRIVATE"]})}, "PRIVATE"),
        ({"List": rest_apis.method("GET/open", {"Ref": "Items"})}, "httpMethod GET/open"),
        (
            {
                "Stage": resource(
                    "AWS::ApiGateway::Stage", RestApiId={"Ref": "Api"}, StageName="prod",
                    DeploymentId={"Ref": "First"}, MethodSettings=[{"HttpMethod": "*", "ResourcePath": "/*", **LIMITS}],
                )
            },
            "limit of 0",
        ),
    ],
)  # fmt: skip
def test_what_closes_a_rest_api_is_refused(deploy: Deploy, changed: dict[str, Any], named: str) -> None:
    with pytest.raises(UnknownProperty, match=named):
        deploy(**rest_apis.rest(ECHO, **changed))


def test_a_stage_that_lets_nothing_through_is_refused(deploy: Deploy) -> None:
    stage = resource(
        "AWS::ApiGatewayV2::Stage", ApiId={"Ref": "Api"}, StageName="$default", AutoDeploy=True,
        RouteSettings={"GET /x": LIMITS},
    )  # fmt: skip
    with pytest.raises(UnknownProperty, match="limit of 0"):
        deploy(**http_apis.api(ECHO, "GET /x", Stage=stage))


def test_what_would_close_an_api_is_refused_by_the_apis_too(ctx: Context) -> None:
    rest, http = ctx.client("apigateway"), ctx.client("apigatewayv2")
    name = rest.create_rest_api(name="open")["id"]
    where = {"restApiId": name, "resourceId": rest.get_resources(restApiId=name)["items"][0]["id"]}
    rest.put_method(**where, httpMethod="GET", authorizationType="NONE")
    rest.put_integration(**where, httpMethod="GET", type="MOCK")
    deployment = rest.create_deployment(restApiId=name)["id"]
    rest.create_stage(restApiId=name, stageName="prod", deploymentId=deployment)
    other = http.create_api(Name="open", ProtocolType="HTTP")["ApiId"]

    def patch(path: str, value: str, op: str = "replace") -> dict[str, Any]:
        return {"restApiId": name, "patchOperations": [{"op": op, "path": path, "value": value}]}

    none = {"ThrottlingRateLimit": 0.0, "ThrottlingBurstLimit": 0}
    calls: list[Callable[[], Any]] = [
        lambda: rest.create_rest_api(name="a", endpointConfiguration={"types": ["PRIVATE"]}),
        lambda: rest.create_rest_api(name="a", cloneFrom=name),
        lambda: rest.create_rest_api(name="a", minimumCompressionSize=0),
        lambda: rest.update_rest_api(**patch("/policy", "{}")),
        lambda: rest.update_rest_api(**patch("/minimumCompressionSize", "0")),
        lambda: rest.update_rest_api(**patch("/binaryMediaTypes/image~1png", "", "add")),
        lambda: rest.update_rest_api(**patch("/apiKeySource", "AUTHORIZER")),
        lambda: rest.update_rest_api(**patch("/endpointConfiguration/types/EDGE", "PRIVATE")),
        lambda: rest.update_stage(**patch("/clientCertificateId", "a"), stageName="prod"),
        lambda: rest.update_stage(**patch("/canarySettings/percentTraffic", "50"), stageName="prod"),
        lambda: rest.update_stage(**patch("/*/*/throttling/rateLimit", "0"), stageName="prod"),
        lambda: rest.create_stage(
            restApiId=name, stageName="b", deploymentId=deployment, canarySettings={"percentTraffic": 5.0}
        ),
        lambda: rest.create_deployment(restApiId=name, canarySettings={"percentTraffic": 5.0}),
        lambda: rest.put_method(**where, httpMethod="BREW", authorizationType="NONE"),
        lambda: http.create_stage(ApiId=other, StageName="a", AutoDeploy=True, DefaultRouteSettings=none),
        lambda: http.create_route(ApiId=other, RouteKey="GET /a", AuthorizationScopes=["a"]),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(ClientError, match="not run locally") as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400, number
    for value in ("true", "false"):
        made = rest.update_rest_api(**patch("/disableExecuteApiEndpoint", value))
        assert made["disableExecuteApiEndpoint"] is (value == "true")


@pytest.mark.parametrize("kind", ["http", "rest"])
def test_a_method_that_none_is_does_not_walk_around_a_permission(ctx: Context, deploy: Deploy, kind: str) -> None:
    """A route's ARN has the method in its path: with slashes in it, it would be the ARN of another route."""
    only = permission("/*/GET/open/*")
    if kind == "http":
        root = http_apis.made(deploy, http_apis.api(ECHO, "GET /open/{id}", "ANY /closed", Permission=only))
    else:
        more = {"Closed": rest_apis.part("closed"), "OfClosed": rest_apis.method("ANY", {"Ref": "Closed"})}
        root = rest_apis.made(deploy, rest_apis.rest(ECHO, Permission=only, **more))
    assert send(ctx, "GET", f"{root}/closed").status == 500
    for method in ("GET/open", "GET/open/", "get", "BREW", "$default"):
        assert send(ctx, method, f"{root}/closed").status == 400


def test_a_browser_that_does_not_say_why_it_asks_reaches_no_function(ctx: Context, deploy: Deploy) -> None:
    root = http_apis.made(deploy, http_apis.api(ECHO, "$default"))
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        assert send(ctx, method, root, {"User-Agent": "Mozilla/5.0"}).status == 403


def alias(version: str, name: str = "live") -> dict[str, Any]:
    of = {"Ref": "Function"}
    return {
        version: resource("AWS::Lambda::Version", FunctionName=of, Description=version),
        "Alias": resource(
            "AWS::Lambda::Alias", FunctionName=of, FunctionVersion={"Fn::GetAtt": [version, "Version"]}, Name=name
        ),
    }


@pytest.mark.parametrize(("permitted", "status"), [("Alias", 200), ("Function", 500)])
def test_an_api_invokes_an_alias_where_the_aliass_own_policy_lets_it(
    ctx: Context, deploy: Deploy, permitted: str, status: int
) -> None:
    def described(version: str, **more: Any) -> dict[str, Any]:
        made = http_apis.api(ECHO, "$default", **more, **alias(version))
        made["Integration"]["Properties"]["IntegrationUri"] = {"Ref": "Alias"}
        made["Permission"]["Properties"]["FunctionName"] = {"Ref": permitted}
        return made

    root = http_apis.made(deploy, described("First"))
    assert send(ctx, "GET", root).status == status
    assert http_apis.made(deploy, described("Second", First=alias("First")["First"])) == root
    assert send(ctx, "GET", root).status == status, "the alias is of another version now, its policy is the same"


def test_a_permission_is_about_what_it_was_given_for(ctx: Context, deploy: Deploy) -> None:
    made = deploy(Role=http_apis.ROLE, Function=function(ECHO), **alias("First"))
    name = made.resources["Function"].outcome.physical_id
    client = ctx.client("lambda")
    who = {"StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    client.add_permission(FunctionName=name, Qualifier="live", **who)
    client.add_permission(FunctionName=name, **who)
    assert f":{name}:live" in client.get_policy(FunctionName=name, Qualifier="live")["Policy"]
    assert f":{name}:live" not in client.get_policy(FunctionName=name)["Policy"]
    client.remove_permission(FunctionName=f"{name}:live", StatementId="a")
    assert f":{name}" in client.get_policy(FunctionName=name)["Policy"]
    for gone in (
        lambda: client.get_policy(FunctionName=name, Qualifier="live"),
        lambda: client.remove_permission(FunctionName=name, Qualifier="live", StatementId="a"),
        lambda: client.add_permission(FunctionName=name, Qualifier="none", **who),
    ):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            gone()
