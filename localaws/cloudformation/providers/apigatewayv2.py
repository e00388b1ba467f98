"""AWS::ApiGatewayV2: HTTP APIs, their stages, integrations and routes. What does not run is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localaws import execute_api
from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.cloudformation.template import holds_pending
from localaws.context import Context

_API = "Name ProtocolType Description DisableExecuteApiEndpoint CorsConfiguration Version RouteSelectionExpression"
_INTEGRATION = (
    "IntegrationType IntegrationUri IntegrationMethod PayloadFormatVersion Description TimeoutInMillis ConnectionType"
)
_ROUTE = "RouteKey Target OperationName AuthorizationType"
_STAGE = "AutoDeploy Description StageVariables"


def _create_api(ctx: Context, request: Request) -> ResourceOutcome:
    given = api.pick(request.properties, _API)
    answer = api.call(ctx, "apigatewayv2", "CreateApi", Tags=request.tags, **given)
    return ResourceOutcome(answer["ApiId"], {"ApiId": answer["ApiId"], "ApiEndpoint": answer["ApiEndpoint"]})


def _update_api(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    if old.get("CorsConfiguration") and not new.get("CorsConfiguration"):
        api.call(ctx, "apigatewayv2", "DeleteCorsConfiguration", ApiId=outcome.physical_id)
    defaults = {"Description": "", "DisableExecuteApiEndpoint": False, "Version": ""}
    given = {**defaults, **api.pick(new.properties, _API.replace("ProtocolType", ""))}
    api.call(ctx, "apigatewayv2", "UpdateApi", ApiId=outcome.physical_id, **given)
    arn = f"arn:aws:apigateway:{ctx.region}::/apis/{outcome.physical_id}"
    api.call(ctx, "apigatewayv2", "TagResource", ResourceArn=arn, Tags=new.tags)
    if gone := sorted(old.tags.keys() - new.tags.keys()):
        api.call(ctx, "apigatewayv2", "UntagResource", ResourceArn=arn, TagKeys=gone)
    return outcome


def _delete_api(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "apigatewayv2", "DeleteApi", ApiId=outcome.physical_id)


def _create_stage(ctx: Context, request: Request) -> ResourceOutcome:
    name = request["StageName"]
    stages = api.call(ctx, "apigatewayv2", "GetStages", ApiId=request["ApiId"])["Items"]
    api.must_be_new(any(stage["StageName"] == name for stage in stages), f"the stage {name}")
    given = api.pick(request.properties, _STAGE)
    api.call(ctx, "apigatewayv2", "CreateStage", ApiId=request["ApiId"], StageName=name, **given)
    return ResourceOutcome(name)


def _update_stage(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    variables = {**dict.fromkeys(old.get("StageVariables", {}), ""), **new.get("StageVariables", {})}
    given = {"Description": "", **api.pick(new.properties, _STAGE), "StageVariables": variables}
    api.call(ctx, "apigatewayv2", "UpdateStage", ApiId=new["ApiId"], StageName=outcome.physical_id, **given)
    return outcome


def _delete_stage(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "apigatewayv2", "DeleteStage", ApiId=request["ApiId"], StageName=outcome.physical_id)


def _part(
    what: str, names: str, defaults: Mapping[str, Any]
) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Return how an integration or a route is created, updated and deleted; what is left out gets its default again."""

    def create(ctx: Context, request: Request) -> ResourceOutcome:
        given = api.pick(request.properties, names)
        answer = api.call(ctx, "apigatewayv2", f"Create{what}", ApiId=request["ApiId"], **given)
        return ResourceOutcome(answer[f"{what}Id"], {f"{what}Id": answer[f"{what}Id"]})

    def update(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
        given = {**defaults, **api.pick(new.properties, names)}
        where = {"ApiId": new["ApiId"], f"{what}Id": outcome.physical_id}
        api.call(ctx, "apigatewayv2", f"Update{what}", **where, **given)
        return outcome

    def delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
        given = {"ApiId": request["ApiId"], f"{what}Id": outcome.physical_id}
        api.remove(ctx, "apigatewayv2", f"Delete{what}", **given)

    return create, update, delete


def _refuse(kind: str) -> Callable[[Mapping[str, Any]], str | None]:
    def refuse(properties: Mapping[str, Any]) -> str | None:
        known = {name: value for name, value in properties.items() if not holds_pending(value)}
        return execute_api.refused(kind, api.camel(known))

    return refuse


def _refuse_stage(properties: Mapping[str, Any]) -> str | None:
    if str(properties.get("AutoDeploy", "")).lower() != "true":
        return "AutoDeploy: a stage without it does not run locally, with it it does"
    return _refuse("stage")(properties)


_create_integration, _update_integration, _delete_integration = _part(
    "Integration",
    _INTEGRATION,
    {"Description": "", "TimeoutInMillis": 30_000, "PayloadFormatVersion": "1.0", "ConnectionType": "INTERNET"},
)
_create_route, _update_route, _delete_route = _part("Route", _ROUTE, {"OperationName": "", "AuthorizationType": "NONE"})

PROVIDERS = (
    Provider(
        "AWS::ApiGatewayV2::Api",
        honoured="""Name ProtocolType Description DisableExecuteApiEndpoint Version RouteSelectionExpression Tags
            CorsConfiguration.{AllowCredentials,AllowHeaders,AllowMethods,AllowOrigins,ExposeHeaders,MaxAge}""",
        required=frozenset({"Name", "ProtocolType"}),
        attributes=frozenset({"ApiId", "ApiEndpoint"}),
        create=_create_api,
        update=_update_api,
        delete=_delete_api,
        immutable=frozenset({"ProtocolType"}),
        refuse=_refuse("api"),
    ),
    Provider(
        "AWS::ApiGatewayV2::Stage",
        honoured="ApiId StageName AutoDeploy Description StageVariables",
        accepted={
            "AccessLogSettings": "no access log is written locally",
            "DefaultRouteSettings": "requests are neither throttled nor measured locally",
            "RouteSettings": "requests are neither throttled nor measured locally",
            "Tags": "moto's stages carry no tags",
        },
        required=frozenset({"ApiId", "StageName"}),
        create=_create_stage,
        update=_update_stage,
        delete=_delete_stage,
        immutable=frozenset({"ApiId", "StageName"}),
        refuse=_refuse_stage,
    ),
    Provider(
        "AWS::ApiGatewayV2::Integration",
        honoured=f"ApiId {_INTEGRATION}",
        required=frozenset({"ApiId", "IntegrationType"}),
        attributes=frozenset({"IntegrationId"}),
        create=_create_integration,
        update=_update_integration,
        delete=_delete_integration,
        immutable=frozenset({"ApiId", "IntegrationType"}),
        refuse=_refuse("integration"),
    ),
    Provider(
        "AWS::ApiGatewayV2::Route",
        honoured=f"ApiId {_ROUTE}",
        required=frozenset({"ApiId", "RouteKey"}),
        attributes=frozenset({"RouteId"}),
        create=_create_route,
        update=_update_route,
        delete=_delete_route,
        immutable=frozenset({"ApiId"}),
        refuse=_refuse("route"),
    ),
)
