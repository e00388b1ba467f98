"""What moto takes for an HTTP API and nothing here would do: refused by its name when it is declared."""

from __future__ import annotations

import json
from typing import Any

from moto.apigatewayv2.exceptions import BadRequestException
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


def install(ctx: Context) -> None:
    """Look at what is declared before moto takes it."""
    for name, kind in _CHECKED.items():
        replace(ApiGatewayV2Response, name, _checked(name, kind))
    for name, what in REFUSED.items():
        put(ApiGatewayV2Response, name, _refused(what))

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
        return original(ApiGatewayV2Response, name)(self)

    return call


def _refused(what: str) -> Any:
    def call(self: Any) -> Any:
        raise BadRequestException(f"{what} not run locally. Nothing was changed.")

    return call
