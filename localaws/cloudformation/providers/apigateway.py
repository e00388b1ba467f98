"""AWS::ApiGateway: REST APIs whose methods invoke functions, or give a fixed answer. What does not run is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localaws import execute_api
from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.cloudformation.template import holds_pending
from localaws.context import Context

_METHOD = "AuthorizationType ApiKeyRequired OperationName"
_INTEGRATION = "ConnectionType ContentHandling PassthroughBehavior RequestTemplates TimeoutInMillis Type Uri"


def _create_api(ctx: Context, request: Request) -> ResourceOutcome:
    names = "Name Description ApiKeySourceType BinaryMediaTypes DisableExecuteApiEndpoint EndpointConfiguration"
    given = api.camel(api.pick(request.properties, names))
    given["apiKeySource"] = given.pop("apiKeySourceType", None)
    answer = api.call(ctx, "apigateway", "CreateRestApi", tags=request.tags or None, **given)
    root = api.call(ctx, "apigateway", "GetResources", restApiId=answer["id"])["items"][0]["id"]
    return ResourceOutcome(answer["id"], {"RestApiId": answer["id"], "RootResourceId": root})


def _update_api(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    changes = [
        {"op": "replace", "path": f"/{name.lower()}", "value": new.get(name, "")} for name in ("Name", "Description")
    ]
    api.call(ctx, "apigateway", "UpdateRestApi", restApiId=outcome.physical_id, patchOperations=changes)
    return outcome


def _delete_api(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "apigateway", "DeleteRestApi", restApiId=outcome.physical_id)


def _create_resource(ctx: Context, request: Request) -> ResourceOutcome:
    given = {"restApiId": request["RestApiId"], "parentId": request["ParentId"], "pathPart": request["PathPart"]}
    made = api.call(ctx, "apigateway", "CreateResource", **given)["id"]
    return ResourceOutcome(made, {"ResourceId": made})


def _delete_resource(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    given = {"restApiId": request["RestApiId"], "resourceId": outcome.physical_id}
    api.remove(ctx, "apigateway", "DeleteResource", **given)


def _put_method(ctx: Context, request: Request) -> ResourceOutcome:
    where = {
        "restApiId": request["RestApiId"],
        "resourceId": request["ResourceId"],
        "httpMethod": request["HttpMethod"],
    }
    given = {"AuthorizationType": "NONE", **api.pick(request.properties, _METHOD)}
    api.call(ctx, "apigateway", "PutMethod", **where, **api.camel(given))
    for response in request.get("MethodResponses", []):
        api.call(ctx, "apigateway", "PutMethodResponse", **where, **api.camel(response))
    integration = request.get("Integration", {})
    given = api.camel(api.pick(integration, _INTEGRATION))
    verb = integration.get("IntegrationHttpMethod")
    api.call(ctx, "apigateway", "PutIntegration", **where, integrationHttpMethod=verb, **given)
    for response in integration.get("IntegrationResponses", []):
        api.call(ctx, "apigateway", "PutIntegrationResponse", **where, **api.camel(response))
    return ResourceOutcome("|".join(where.values()))


def _update_method(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    _delete_method(ctx, old, outcome)
    return _put_method(ctx, new)


def _delete_method(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    rest, resource, method = outcome.physical_id.split("|")
    api.remove(ctx, "apigateway", "DeleteMethod", restApiId=rest, resourceId=resource, httpMethod=method)


def _create_deployment(ctx: Context, request: Request) -> ResourceOutcome:
    given = {"restApiId": request["RestApiId"], "description": request.get("Description")}
    made = api.call(ctx, "apigateway", "CreateDeployment", **given)["id"]
    return ResourceOutcome(made, {"DeploymentId": made})


def _delete_deployment(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    given = {"restApiId": request["RestApiId"], "deploymentId": outcome.physical_id}
    api.remove(ctx, "apigateway", "DeleteDeployment", **given)


def _create_stage(ctx: Context, request: Request) -> ResourceOutcome:
    given = {
        "restApiId": request["RestApiId"],
        "stageName": request["StageName"],
        "deploymentId": request["DeploymentId"],
        "description": request.get("Description"),
        "variables": request.get("Variables"),
        "tags": request.tags or None,
    }
    api.call(ctx, "apigateway", "CreateStage", **given)
    return ResourceOutcome(request["StageName"])


def _update_stage(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    before, now = old.get("Variables", {}), new.get("Variables", {})
    set_ = {"deploymentId": new["DeploymentId"], "description": new.get("Description", "")}
    set_ |= {f"variables/{name}": str(value) for name, value in now.items()}
    changes = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in set_.items()]
    changes += [{"op": "remove", "path": f"/variables/{name}"} for name in before if name not in now]
    name = outcome.physical_id
    api.call(ctx, "apigateway", "UpdateStage", restApiId=new["RestApiId"], stageName=name, patchOperations=changes)
    arn = f"arn:aws:apigateway:{ctx.region}::/restapis/{new['RestApiId']}/stages/{name}"
    if gone := sorted(old.tags.keys() - new.tags.keys()):
        api.call(ctx, "apigateway", "UntagResource", resourceArn=arn, tagKeys=gone)
    if new.tags:
        api.call(ctx, "apigateway", "TagResource", resourceArn=arn, tags=new.tags)
    return outcome


def _delete_stage(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "apigateway", "DeleteStage", restApiId=request["RestApiId"], stageName=outcome.physical_id)


def _set_account(ctx: Context, request: Request) -> ResourceOutcome:
    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": request.get("CloudWatchRoleArn", "")}
    api.call(ctx, "apigateway", "UpdateAccount", patchOperations=[change])
    return ResourceOutcome(request.name())


def _update_account(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    _set_account(ctx, new)
    return outcome


def _leave_account(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    """Do nothing: an account has these settings always."""


def _refuse(kind: str, translate: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
    def refuse(properties: Mapping[str, Any]) -> str | None:
        known = {name: value for name, value in properties.items() if not holds_pending(value)}
        return execute_api.refused(kind, translate(known))

    return refuse


def _of_api(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**api.camel(properties), "apiKeySource": properties.get("ApiKeySourceType")}


def _refuse_method(properties: Mapping[str, Any]) -> str | None:
    known = {f"{name[:1].lower()}{name[1:]}": value for name, value in properties.items() if not holds_pending(value)}
    given = properties.get("Integration") or {}
    if not isinstance(given, Mapping):  # it is not known yet
        return execute_api.refused("method", known)
    if "Type" not in given:
        return "Integration: a method without one does not run locally"
    inner = {f"{name[:1].lower()}{name[1:]}": value for name, value in given.items() if not holds_pending(value)}
    if inner.get("type") == "MOCK" and len(inner.get("integrationResponses") or []) != 1:
        return "Integration: of MOCK one fixed answer runs locally"
    reasons = [execute_api.refused("method", known), execute_api.refused("restIntegration", inner)]
    for response in inner.get("integrationResponses") or []:
        named = {f"{name[:1].lower()}{name[1:]}": value for name, value in response.items()}
        reasons.append(execute_api.refused("integrationResponse", named))
    return next((reason for reason in reasons if reason), None)


PROVIDERS = (
    Provider(
        "AWS::ApiGateway::RestApi",
        honoured="""Name Description ApiKeySourceType BinaryMediaTypes DisableExecuteApiEndpoint
            EndpointConfiguration.Types Tags""",
        required=frozenset({"Name"}),
        attributes=frozenset({"RestApiId", "RootResourceId"}),
        create=_create_api,
        update=_update_api,
        delete=_delete_api,
        immutable=frozenset(
            {"ApiKeySourceType", "BinaryMediaTypes", "DisableExecuteApiEndpoint", "EndpointConfiguration", "Tags"}
        ),
        refuse=_refuse("restApi", _of_api),
    ),
    Provider(
        "AWS::ApiGateway::Resource",
        honoured="RestApiId ParentId PathPart",
        required=frozenset({"RestApiId", "ParentId", "PathPart"}),
        attributes=frozenset({"ResourceId"}),
        create=_create_resource,
        delete=_delete_resource,
    ),
    Provider(
        "AWS::ApiGateway::Method",
        honoured="""RestApiId ResourceId HttpMethod AuthorizationType ApiKeyRequired OperationName
            Integration.{IntegrationHttpMethod,Type,Uri,ConnectionType,PassthroughBehavior,TimeoutInMillis}
            Integration.RequestTemplates
            Integration.IntegrationResponses.{StatusCode,ResponseParameters,ResponseTemplates}
            MethodResponses.{StatusCode,ResponseParameters,ResponseModels}""",
        required=frozenset({"RestApiId", "ResourceId", "HttpMethod"}),
        create=_put_method,
        update=_update_method,
        delete=_delete_method,
        immutable=frozenset({"RestApiId", "ResourceId", "HttpMethod"}),
        refuse=_refuse_method,
    ),
    Provider(
        "AWS::ApiGateway::Deployment",
        honoured="RestApiId Description",
        required=frozenset({"RestApiId"}),
        attributes=frozenset({"DeploymentId"}),
        create=_create_deployment,
        delete=_delete_deployment,
    ),
    Provider(
        "AWS::ApiGateway::Stage",
        honoured="RestApiId StageName DeploymentId Description Variables Tags",
        accepted={
            "AccessLogSetting": "no access log is written locally",
            "MethodSettings": "requests are neither throttled, measured nor cached locally",
            "TracingEnabled": "requests are not traced locally",
        },
        required=frozenset({"RestApiId", "StageName", "DeploymentId"}),
        create=_create_stage,
        update=_update_stage,
        delete=_delete_stage,
        immutable=frozenset({"RestApiId", "StageName"}),
        refuse=_refuse("restStage", api.camel),
    ),
    Provider(
        "AWS::ApiGateway::Account",
        honoured="CloudWatchRoleArn",
        create=_set_account,
        update=_update_account,
        delete=_leave_account,
    ),
)
