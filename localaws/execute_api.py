"""Where APIs of API Gateway are reached here, and what of them does not run.

An API's own address, ``https://{id}.execute-api.{region}.amazonaws.com``, leads out of this machine. Here it is
``{endpoint}/_aws/execute-api/{id}``, and what follows it is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

#: Where the path of an API's address begins; the API's id follows.
ROOT = "/_aws/execute-api/"
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
        if (value := given.get(name)) not in (None, "", [], {}, False) and not re.fullmatch(wanted, str(value)):
            return f"{name} {value} does not run locally" + (f", {_PLAIN[name]} does" if name in _PLAIN else "")
    if kind == "integrationResponse":
        return _refused_response(given)
    if kind == "integration" and given.get("integrationSubtype"):
        return f"integrationSubtype {given['integrationSubtype']} does not run locally, AWS_PROXY of a function does"
    return None


def _refused_response(given: Mapping[str, Any]) -> str | None:
    """Return why a MOCK integration's answer is not fixed, or None if it is."""
    if any(not re.fullmatch(r"'[^']*'", str(value)) for value in (given.get("responseParameters") or {}).values()):
        return "responseParameters other than fixed texts do not run locally"
    if any("$" in str(text) for text in (given.get("responseTemplates") or {}).values()):
        return "responseTemplates with variables do not run locally"
    return None


_NOTHING = r"(?!)"
#: What a property may be, where not everything runs: authorizers most of all, since an open route would be a hole.
_ONLY: Mapping[str, Mapping[str, str]] = {
    "api": {"protocolType": "HTTP", "target": _NOTHING, "body": _NOTHING, "bodyS3Location": _NOTHING},
    "route": {
        "authorizationType": "NONE",
        "authorizerId": _NOTHING,
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
    "restApi": {"policy": _NOTHING, "apiKeySource": "HEADER"},
    "restApiChange": {},
    "method": {
        "authorizationType": "NONE",
        "authorizerId": _NOTHING,
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
