"""Where APIs of API Gateway are reached here, and what of them does not run.

An API's own address, ``https://{id}.execute-api.{region}.amazonaws.com``, leads out of this machine. Here it is
``{endpoint}/_aws/execute-api/{id}``, and what follows it is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: Where the path of an API's address begins; the API's id follows.
ROOT = "/_aws/execute-api/"
#: The methods that an API is asked with; a route or method for all of them is of ``ANY``.
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_AWS_ADDRESS = re.compile(r"https://(?P<id>[a-z0-9]+)\.execute-api\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_HOST = re.compile(
    r"(?P<id>[a-z0-9]+)\.execute-api\.(?:(?P<region>[a-z0-9-]+)\.)?(?P<of>amazonaws\.com(?:\.cn)?|localhost)"
)


def url_of(endpoint: str, api_id: str) -> str:
    """Return the address at which the API is reached, without a slash at its end."""
    return f"{endpoint}{ROOT}{api_id}"


def reached_here(text: str, endpoint: str, region: str, exists: Callable[[str], bool]) -> str:
    """Return ``text`` with the addresses on AWS of APIs that exist here replaced by those at which they are reached."""
    if ".execute-api." not in text:
        return text

    def local(found: re.Match[str]) -> str:
        here = found["region"] == region and exists(found["id"])
        return url_of(endpoint, found["id"]) if here else found[0]

    return _AWS_ADDRESS.sub(local, text)


def id_in_host(name: str, region: str) -> str:
    """Return the id of the API that a host's name addresses, as on AWS or below ``localhost``; empty if none."""
    found = _HOST.fullmatch(name)
    if found is None or found["region"] not in ((region,) if found["of"] != "localhost" else (region, None)):
        return ""
    return found["id"]


def refused(kind: str, given: Mapping[str, Any]) -> str | None:
    """Return why a part of an API (``api``, ``route``, ``method``, …) does not run locally, or None if it does.

    ``given`` are properties as the API names them (``routeKey``). What is left out or empty is not looked at.
    """
    for name, wanted in _ONLY[kind].items():
        value = given.get(name)
        if value not in (None, "", [], {}, False, "false") and not re.fullmatch(wanted, str(value)):
            return f"{name} {value} does not run locally" + (f", {_PLAIN[name]} does" if name in _PLAIN else "")
    return _MORE[kind](given) if kind in _MORE else None


def refused_change(kind: str, operations: Iterable[Mapping[str, Any]]) -> str | None:
    """Return why patch operations on a REST API or a stage of one do not run locally, or None if they do."""
    for each in operations:
        path, value = str(each.get("path")), str(each.get("value", ""))
        if each.get("op") not in ("add", "replace", "remove") or not re.fullmatch(_CHANGED[kind], path):
            return f"a change of {path} does not run locally"
        if path == "/apiKeySource" and (reason := refused("restApi", {"apiKeySource": value})):
            return reason
        if path.startswith("/endpointConfiguration/") and (reason := _refused_endpoint([value])):
            return reason
        if "/throttling/" in path and _is_zero(value):
            return _NO_RATE
    return None


def _refused_api(given: Mapping[str, Any]) -> str | None:
    """Return why AWS would not take an HTTP API: credentials are sent to pages that are named one by one."""
    cors = given.get("corsConfiguration") or {}
    if "*" in (cors.get("allowOrigins") or []) and str(cors.get("allowCredentials", "")).lower() == "true":
        return "corsConfiguration: allowCredentials is not supported with the origin *, name the origins"
    return None


def _refused_route(given: Mapping[str, Any]) -> str | None:
    """Return why AWS would not take a route's key.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
    """
    if (key := given.get("routeKey")) is None or key == "$default":
        return None
    method, _, path = str(key).partition(" ")
    *before, last = path.split("/")
    named = re.findall(r"\{([^}+]*)\+?\}", path)
    plain = all(re.fullmatch(_SEGMENT, part) for part in before) and re.fullmatch(rf"{_SEGMENT}|{_GREEDY}", last)
    if method in ("ANY", *METHODS) and path.startswith("/") and plain and len(named) == len(set(named)):
        return None
    return f"routeKey {str(key)!r} is none: a method and a path (GET /pets/{{id}}) or $default are"


def _refused_integration(given: Mapping[str, Any]) -> str | None:
    if given.get("integrationSubtype"):
        return f"integrationSubtype {given['integrationSubtype']} does not run locally, AWS_PROXY of a function does"
    return _refused_timeout(given, 30_000)


def _refused_timeout(given: Mapping[str, Any], longest: int) -> str | None:
    told = str(given.get("timeoutInMillis") or longest)
    if re.fullmatch(r"\d+", told) and not 50 <= int(told) <= longest:
        return f"timeoutInMillis {told} is not between 50 and {longest}"
    return None


def _refused_rest_api(given: Mapping[str, Any]) -> str | None:
    if given.get("minimumCompressionSize") is not None:
        return f"minimumCompressionSize {given['minimumCompressionSize']} does not run locally, without it an API does"
    endpoint = given.get("endpointConfiguration") or {}
    if endpoint.get("vpcEndpointIds"):
        return "endpointConfiguration of VPC endpoints does not run locally"
    return _refused_endpoint(endpoint.get("types") or [])


def _refused_endpoint(types: Iterable[str]) -> str | None:
    private = "endpointConfiguration PRIVATE does not run locally: what is closed to others would answer; EDGE does"
    return private if "PRIVATE" in types else None


def _refused_stage(given: Any) -> str | None:
    """Return why a stage does not run: one that lets no request through would be open here."""
    if isinstance(given, Mapping):
        limits = ("throttlingratelimit", "throttlingburstlimit")
        if any(name.lower() in limits and _is_zero(value) for name, value in given.items()):
            return _NO_RATE
        given = list(given.values())
    if isinstance(given, list):
        return next((reason for each in given if (reason := _refused_stage(each))), None)
    return None


def _is_zero(value: Any) -> bool:
    return re.fullmatch(r"0+(\.0*)?", str(value)) is not None


def _refused_response(given: Mapping[str, Any]) -> str | None:
    """Return why a MOCK integration's answer is not fixed, or None if it is."""
    if any(not re.fullmatch(r"'[^']*'", str(value)) for value in (given.get("responseParameters") or {}).values()):
        return "responseParameters other than fixed texts do not run locally"
    if any("$" in str(text) for text in (given.get("responseTemplates") or {}).values()):
        return "responseTemplates with variables do not run locally"
    return None


_NOTHING = r"(?!)"
_NO_RATE = "a throttling limit of 0 does not run locally: requests are not throttled, so what it closes would be open"
_SEGMENT = r"[\w.~:@!$&'()*+,;=%-]*|\{[\w.:-]+\}"
_GREEDY = r"\{[\w.:-]+\+\}"
#: What may be changed by patch operations: they are paths of properties.
_CHANGED = {
    "restApi": r"/name|/description|/apiKeySource|/disableExecuteApiEndpoint|/endpointConfiguration/types/\w+",
    "restStage": r"""/deploymentId|/description|/tracingEnabled|/variables/\w+|/accessLogSettings(/\w+)?"""
    r"|/[^/]+/[^/]+/(logging|metrics|throttling|caching)/\w+",
}
#: What a property may be, where not everything runs: authorizers most of all, since an open route would be a hole.
_ONLY: Mapping[str, Mapping[str, str]] = {
    "api": {
        "protocolType": "HTTP",
        "target": _NOTHING,
        "routeKey": _NOTHING,
        "credentialsArn": _NOTHING,
        "body": _NOTHING,
        "bodyS3Location": _NOTHING,
    },
    "route": {
        "authorizationType": "NONE",
        "authorizerId": _NOTHING,
        "authorizationScopes": _NOTHING,
        "apiKeyRequired": _NOTHING,
        "requestParameters": _NOTHING,
        "requestModels": _NOTHING,
    },
    "integration": {
        "integrationType": "AWS_PROXY",
        "connectionType": "INTERNET",
        "connectionId": _NOTHING,
        "credentialsArn": _NOTHING,
        "requestParameters": _NOTHING,
        "responseParameters": _NOTHING,
        "requestTemplates": _NOTHING,
        "tlsConfig": _NOTHING,
        "payloadFormatVersion": r"1\.0|2\.0",
        "integrationUri": r"arn:[^$]*:lambda:[^$]*",
    },
    "restApi": {"policy": _NOTHING, "apiKeySource": "HEADER", "cloneFrom": _NOTHING},
    "restStage": {"canarySettings": _NOTHING, "cacheClusterEnabled": _NOTHING},
    "deployment": {"canarySettings": _NOTHING, "cacheClusterEnabled": _NOTHING},
    "method": {
        "httpMethod": "ANY|" + "|".join(METHODS),
        "authorizationType": "NONE",
        "authorizerId": _NOTHING,
        "authorizationScopes": _NOTHING,
        "apiKeyRequired": _NOTHING,
        "requestParameters": _NOTHING,
        "requestModels": _NOTHING,
        "requestValidatorId": _NOTHING,
    },
    "restIntegration": {
        "type": "AWS_PROXY|MOCK",
        "connectionType": "INTERNET",
        "connectionId": _NOTHING,
        "credentials": _NOTHING,
        "requestParameters": _NOTHING,
        "cacheKeyParameters": _NOTHING,
        "contentHandling": _NOTHING,
        "tlsConfig": _NOTHING,
        "uri": r"arn:[^$]*:lambda:[^$]*",
    },
    "integrationResponse": {"selectionPattern": _NOTHING, "contentHandling": _NOTHING},
    "stage": {"clientCertificateId": _NOTHING, "deploymentId": _NOTHING},
}
_PLAIN = {
    "protocolType": "HTTP",
    "authorizationType": "NONE",
    "integrationType": "AWS_PROXY of a function",
    "connectionType": "INTERNET",
    "type": "AWS_PROXY of a function or MOCK",
    "uri": "a function's",
    "integrationUri": "a function's ARN",
    "target": "an API with an integration, a route and a stage of their own",
}
#: What else is looked at of a part, beyond single properties.
_MORE: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "api": _refused_api,
    "route": _refused_route,
    "integration": _refused_integration,
    "stage": _refused_stage,
    "restApi": _refused_rest_api,
    "restStage": _refused_stage,
    "restIntegration": lambda given: _refused_timeout(given, 29_000),
    "integrationResponse": _refused_response,
}
