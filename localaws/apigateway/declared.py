"""What moto takes for an HTTP API and nothing here would do: refused by its name when it is declared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from moto.apigatewayv2.exceptions import APIGatewayV2Error, BadRequestException
from moto.apigatewayv2.models import Api
from moto.apigatewayv2.responses import ApiGatewayV2Response

from localaws import execute_api
from localaws.context import Context
from localaws.moto_patches import original, put, replace

_CHECKED = {
    "create_api": "api",
    "update_api": "api",
    "create_route": "route",
    "update_route": "route",
    "create_integration": "integration",
    "update_integration": "integration",
    "create_stage": "stage",
}
_OF_STAGES = {
    "description": "description",
    "defaultRouteSettings": "default_route_settings",
    "routeSettings": "route_settings",
    "accessLogSettings": "access_log_settings",
}
#: Operations that would declare what is never looked at when a request is answered.
REFUSED = {
    "create_authorizer": "authorizers do",
    "create_domain_name": "domain names do",
    "create_api_mapping": "API mappings do",
    "create_vpc_link": "VPC links do",
    "create_integration_response": "integration responses do",
    "create_route_response": "route responses do",
    "create_model": "models do",
    "import_api": "an import of OpenAPI does",
    "reimport_api": "an import of OpenAPI does",
}


class _Conflict(APIGatewayV2Error):
    code = 409

    def __init__(self, message: str) -> None:
        super().__init__("ConflictException", message)


def install(ctx: Context) -> None:
    """Look at what is declared before moto takes it."""
    for name, kind in _CHECKED.items():
        replace(ApiGatewayV2Response, name, _checked(name, kind))
    for name, what in REFUSED.items():
        put(ApiGatewayV2Response, name, _refused(what))
    put(ApiGatewayV2Response, "update_stage", update_stage)

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(Api, "__init__")(self, *args, **kwargs)
        vars(self).update(api_endpoint=execute_api.url_of(ctx.endpoint, self.api_id))

    replace(Api, "__init__", init)


def _checked(name: str, kind: str) -> Any:
    def call(self: Any) -> Any:
        given = json.loads(self.body or "{}")
        reason = execute_api.refused(kind, given)
        if reason is None and kind == "stage" and not given.get("autoDeploy"):
            reason = "a stage without autoDeploy does not run locally, with autoDeploy it does"
        if reason:
            raise BadRequestException(f"{reason}. Nothing was changed.")
        if kind == "route":
            _be_the_only_one(self, given, changed=name.startswith("update"))
        return original(ApiGatewayV2Response, name)(self)

    return call


def _be_the_only_one(self: Any, given: Mapping[str, Any], *, changed: bool) -> None:
    """Refuse a route whose key another route of the API has: which of them would be taken is not said."""
    parts = self.path.split("/")
    api, own = (parts[-3], parts[-1]) if changed else (parts[-2], None)
    others = (route for route in self.apigatewayv2_backend.get_routes(api) if route.route_id != own)
    if any(route.route_key == given.get("routeKey") for route in others):
        raise _Conflict(f"Route with key {given['routeKey']} already exists for this API")


def update_stage(self: Any) -> Any:
    """Change a stage in place, which moto does not; a variable that gets an empty value is removed.

    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html
    """
    given = json.loads(self.body or "{}")
    reason = execute_api.refused("stage", given)
    if reason is None and given.get("autoDeploy") is False:
        reason = "a stage without autoDeploy does not run locally, with autoDeploy it does"
    if reason:
        raise BadRequestException(f"{reason}. Nothing was changed.")
    *_, api, _, name = self.path.split("/")
    stage = self.apigatewayv2_backend.get_stage(api, unquote(name))
    variables = {**(stage.stage_variables or {}), **given.get("stageVariables", {})}
    changes = {attribute: given[sent] for sent, attribute in _OF_STAGES.items() if sent in given}
    changes["stage_variables"] = {key: value for key, value in variables.items() if value != ""}
    vars(stage).update(changes)
    return 200, {}, json.dumps(stage.to_json())


def _refused(what: str) -> Any:
    def call(self: Any) -> Any:
        raise BadRequestException(f"{what} not run locally. Nothing was changed.")

    return call


#: What localaws answers itself, of which moto has nothing.
OPERATIONS = (update_stage,)
