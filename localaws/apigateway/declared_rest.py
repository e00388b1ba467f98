"""What moto takes for a REST API: what would not run is refused, and a deployment keeps the methods as they are then.

moto's REST APIs take seconds to import, so this is installed with the first call of API Gateway.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

from moto.apigateway.models import RestAPI
from moto.apigateway.responses import APIGatewayResponse
from moto.apigatewayv2.exceptions import BadRequestException

from localaws import execute_api
from localaws.moto_patches import original, put, replace

_CHECKED = {
    "create_rest_api": "restApi",
    "create_deployment": "deployment",
    "create_stage": "restStage",
    "put_method": "method",
    "put_integration": "restIntegration",
    "put_integration_response": "integrationResponse",
}
_CHANGED = {"update_rest_api": "restApi", "update_stage": "restStage"}
#: Operations that would declare what is never looked at when a request is answered.
REFUSED = {
    "create_authorizer": "authorizers do",
    "create_domain_name": "domain names do",
    "create_base_path_mapping": "base path mappings do",
    "create_vpc_link": "VPC links do",
    "create_usage_plan": "usage plans do",
    "create_usage_plan_key": "usage plans do",
    "create_api_key": "API keys do",
    "create_request_validator": "request validators do",
    "create_model": "models do",
    "put_gateway_response": "gateway responses do",
    "put_rest_api": "an import of OpenAPI does",
    "import_rest_api": "an import of OpenAPI does",
    "update_method": "a changed method does",
    "update_integration": "a changed integration does",
}


def install() -> None:
    """Look at what is declared before moto takes it, and keep what is deployed."""
    for name, kind in _CHECKED.items():
        replace(APIGatewayResponse, name, _checked(name, kind))
    for name, kind in _CHANGED.items():
        replace(APIGatewayResponse, name, _checked_change(name, kind))
    for name, what in REFUSED.items():
        put(APIGatewayResponse, name, _refused(what))
    replace(RestAPI, "create_deployment", _create_deployment)


@dataclass(frozen=True)
class Method:
    """A method as it was deployed: the resource that it is of, and moto's integration."""

    resource_id: str
    integration: Any


def deployed(deployment: Any) -> list[tuple[str, Method]]:
    """Return the keys (``GET /path``) and methods that a deployment has."""
    found: list[tuple[str, Method]] = vars(deployment).get("methods_then", [])
    return found


def _create_deployment(self: Any, *args: Any, **kwargs: Any) -> Any:
    deployment = original(RestAPI, "create_deployment")(self, *args, **kwargs)
    methods = [
        (
            f"{method.http_method} {resource.get_path()}",
            Method(resource.id, copy.deepcopy(method.method_integration)),
        )
        for resource in self.resources.values()
        for method in resource.resource_methods.values()
        if method.method_integration is not None
    ]
    vars(deployment).update(methods_then=methods)
    return deployment


def _checked(name: str, kind: str) -> Any:
    def call(self: Any) -> Any:
        given: dict[str, Any] = json.loads(self.body or "{}")
        if kind == "method":
            given["httpMethod"] = self.path.rsplit("/", 1)[1]
        if kind == "restApi" and ("openapi" in given or "swagger" in given):
            raise BadRequestException("an import of OpenAPI does not run locally. Nothing was changed.")
        if reason := execute_api.refused(kind, given):
            raise BadRequestException(f"{reason}. Nothing was changed.")
        answer = original(APIGatewayResponse, name)(self)
        if kind == "restApi" and "binaryMediaTypes" in given:  # moto keeps none
            made = self.backend.apis[json.loads(answer[2])["id"]]
            vars(made).update(binaryMediaTypes=given["binaryMediaTypes"])
        return answer

    return call


def _checked_change(name: str, kind: str) -> Any:
    def call(self: Any) -> Any:
        operations = json.loads(self.body or "{}").get("patchOperations") or []
        if reason := execute_api.refused_change(kind, operations):
            raise BadRequestException(f"{reason}. Nothing was changed.")
        answer = original(APIGatewayResponse, name)(self)
        for each in operations:
            if each["path"] == "/disableExecuteApiEndpoint":  # moto takes every text for true
                api = self.backend.get_rest_api(self.path.split("/")[2])
                vars(api).update(disableExecuteApiEndpoint=each.get("value", "").lower() == "true")
                answer = 200, {}, json.dumps(api.to_dict())
        return answer

    return call


def _refused(what: str) -> Any:
    def call(self: Any) -> Any:
        raise BadRequestException(f"{what} not run locally. Nothing was changed.")

    return call
