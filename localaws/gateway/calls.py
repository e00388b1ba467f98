"""Reads which AWS call an HTTP request is: its service, action, caller and parameters.

The permission check and moto would otherwise read one request in two ways. So a request that could be read in two ways
is refused here, and `localaws.gateway.one_reading` makes moto carry out the call that was read here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote

from localaws.gateway import body, calls_s3, operations
from localaws.gateway.refusals import Refused

#: The key in ``environ`` of a request's verified caller (a `localaws.gateway.signatures.Caller`).
CALLER = "localaws.caller"
#: In ``environ``: the header by which a client has a call judged as plain HTTP (``aws:SecureTransport`` is false).
TRANSPORT = "HTTP_X_LOCALAWS_SECURE_TRANSPORT"
_ENVIRON_KEY = "localaws.call"
#: Services whose signing name is not the one that IAM policies use.
_IAM_NAMES = {"monitoring": "cloudwatch", "eventbridge": "events", "tagging": "tag"}
_REST_SERVICES = {"lambda", "scheduler", "lakeformation", "pipes"}
#: Arguments of an address that sign it.
_SIGNING = {
    "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-security-token", "x-amz-signature",
    "x-amz-signedheaders", "x-amz-content-sha256",
}  # fmt: skip
_CBOR = re.compile(r"/service/[A-Za-z0-9_.]+/operation/([A-Za-z0-9]+)")
_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_QUEUE_PATH = re.compile(r"/(?:\d{12}|queue)/([\w.-]+)")


#: What a call of Glue's Iceberg endpoint is called here, and where its path begins: `localaws.iceberg_rest` answers it.
ICEBERG, ICEBERG_ROOT = "IcebergRest", "/iceberg/"


@dataclass(frozen=True)
class Request:
    """One AWS call; ``service`` as in IAM actions, ``parameters`` as the API names them (for S3: query and headers).

    ``foreign`` are names in the request that the operation does not have. ``form`` holds all arguments that moto may
    read besides the body; None for services that are not read here.
    """

    service: str
    action: str
    access_key: str
    region: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    bucket: str = ""
    key: str = ""
    protocol: str = "json"
    foreign: tuple[str, ...] = ()
    form: Mapping[str, list[str]] | None = None
    secure_transport: bool = True

    @property
    def detail(self) -> str:
        """Return the resource of the call in its service's terms: ``bucket/key``, a table, a queue, a function."""
        if self.service == "s3":
            return f"{self.bucket}/{self.key}" if self.key else self.bucket
        for name in _TELLING.get(self.service, ()):
            if value := self.parameters.get(name):
                return str(value).rsplit("/", 1)[-1] if name == "QueueUrl" else str(value)
        return ""


_TELLING = {
    "dynamodb": ("TableName",),
    "sqs": ("QueueUrl", "QueueName"),
    "sns": ("TopicArn",),
    "lambda": ("FunctionName",),
    "states": ("stateMachineArn", "executionArn"),
    "kinesis": ("StreamName", "StreamARN"),
    "glue": ("TableName", "JobName", "Name", "DatabaseName"),
    "athena": ("WorkGroup", "QueryExecutionId"),
    "sts": ("RoleArn",),
    "kms": ("KeyId",),
    "ssm": ("Name",),
    "secretsmanager": ("SecretId",),
}


def read(environ: dict[str, Any]) -> Request | None:
    """Return the AWS call in a WSGI ``environ`` whose signature was verified; None if it is not an AWS call.

    Raises `Refused` for an ambiguous request; `localaws.gateway.admission` calls this first.
    """
    if CALLER not in environ:
        return None
    if _ENVIRON_KEY not in environ:
        environ[_ENVIRON_KEY] = replace(_read(environ), secure_transport=_is_secure(environ))
    found: Request = environ[_ENVIRON_KEY]
    return found


def _is_secure(environ: Mapping[str, Any]) -> bool:
    """Return the transport that policies see: the loopback connection counts as TLS unless a client says no."""
    said = str(environ.get(TRANSPORT, "true")).lower()
    if said not in {"true", "false"}:
        raise _refused(environ[CALLER].service, f"X-Localaws-Secure-Transport is {ascii(said)[:80]}: true or false")
    return said == "true"


def protocol_of(environ: Mapping[str, Any], service: str) -> str:
    """Return the protocol for errors to a request that is not read yet; ``service`` as signed, or empty."""
    path = str(environ.get("PATH_INFO", ""))
    if service == "s3":
        return "s3"
    if "HTTP_X_AMZ_TARGET" in environ:
        return "json"
    if "/operation/" in path:
        return "cbor"
    if service in _REST_SERVICES or re.match(r"/\d{4}-\d\d-\d\d/", path):
        return "rest"
    is_form = str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")
    return "query" if service or is_form or "Action=" in str(environ.get("QUERY_STRING", "")) else "s3"


def session_name(access_key: str) -> str:
    """Return the name of the role session that calls with ``access_key``; of other callers, the key itself."""
    from localaws.gateway.callers import session_of

    session = session_of(access_key)
    return session.session_name if session else access_key


def _read(environ: dict[str, Any]) -> Request:  # noqa: PLR0911  one return a protocol
    caller = environ[CALLER]
    service = _IAM_NAMES.get(caller.service, caller.service)
    who = (caller.access_key, caller.region)
    query = _once(str(environ.get("QUERY_STRING", "")), service)
    if service == "s3":
        action, bucket, key, parameters = calls_s3.read(environ, query)
        return Request(service, action, *who, parameters, bucket, key, protocol="s3", form=_form(query))
    body.unpack(environ)
    asked = {name: value for name, value in query.items() if name.lower() not in _SIGNING}
    model = operations.MODELS.get(service)
    if model is None:
        return _of_an_unknown_service(environ, service, who, asked)
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return _json(environ, service, who, asked, str(target))
    if service == "glue" and str(environ.get("PATH_INFO", "")).startswith(ICEBERG_ROOT):
        return Request(service, ICEBERG, *who, asked, protocol="rest")
    known = operations.protocols(model)
    if "smithy-rpc-v2-cbor" in known and (found := _CBOR.fullmatch(environ["PATH_INFO"])):
        return _cbor(environ, service, who, asked, found[1])
    if "rest-json" in known:
        return _rest(environ, service, who, asked)
    if "query" in known:
        return _query(environ, service, who, asked)
    raise _refused(service, "it has no X-Amz-Target, which alone says what this service is asked for")


def _of_an_unknown_service(
    environ: dict[str, Any], service: str, who: tuple[str, str], asked: Mapping[str, str]
) -> Request:
    """Return a call of a service that is not read here: only its action, which the refusal of a role names.

    moto reads the administrator's call by itself.
    """
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    action = target.rpartition(".")[2] or asked.get("Action", "")
    return Request(service, action, *who, protocol=protocol_of(environ, service))


def _json(
    environ: dict[str, Any], service: str, who: tuple[str, str], asked: Mapping[str, str], target: str
) -> Request:
    prefix, _, action = target.rpartition(".")
    model = operations.MODELS[service]
    if service == "dynamodb" and prefix == operations.target_prefix(operations.STREAMS):
        model = operations.STREAMS
    if not prefix or prefix != operations.target_prefix(model):
        raise _refused(service, f"X-Amz-Target {ascii(target)[:80]} is not this service's")
    if asked:
        raise _refused(service, f"{_listed(asked)} in its address stands beside X-Amz-Target, which says what is asked")
    if body.is_form(environ):
        raise _refused(service, "its body is a form, and X-Amz-Target says that it is JSON")
    operation = _operation(service, model, action)
    given = _json_object(environ, service)
    foreign = _foreign(given, operation.body, operation.texts)
    given |= _named_by_path(environ, service, given)
    kept = {name: value for name, value in given.items() if name not in foreign}
    return Request(service, action, *who, kept, foreign=foreign, form={})


def _query(environ: dict[str, Any], service: str, who: tuple[str, str], asked: Mapping[str, str]) -> Request:
    content = body.whole(environ)
    if content and asked:
        raise _refused(service, f"{_listed(asked)} in its address stands beside a body: one place says what is asked")
    if content and not str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        raise _refused(service, "its body is not application/x-www-form-urlencoded")
    form = _once(_text(content, service), service) if content else dict(asked)
    given = {name: value for name, value in form.items() if name not in {"Action", "Version"}}
    action = form.get("Action", "")
    operation = _operation(service, operations.MODELS[service], action)
    foreign = tuple(name for name in given if name.split(".")[0] not in operation.body)
    given |= _named_by_path(environ, service, given)
    kept = {name: value for name, value in given.items() if name not in foreign}
    return Request(service, action, *who, kept, protocol="query", foreign=foreign, form=_form(form))


def _cbor(
    environ: dict[str, Any], service: str, who: tuple[str, str], asked: Mapping[str, str], action: str
) -> Request:
    """Return a call in Smithy RPC (``/service/<name>/operation/<action>``); its body is not needed and not read.

    https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
    """
    if asked or body.is_form(environ):
        raise _refused(service, "an address of an operation stands beside arguments or a form")
    _operation(service, operations.MODELS[service], action)
    return Request(service, action, *who, protocol="cbor", form={})


def _rest(environ: dict[str, Any], service: str, who: tuple[str, str], asked: Mapping[str, str]) -> Request:
    """Return a call of a service with an action for each method and path, found with moto's own router."""
    from moto.core.request import Request as HttpRequest
    from moto.core.routing import get_service_router
    from werkzeug.exceptions import NotFound

    if body.is_form(environ):
        raise _refused(service, "its body is a form")
    if environ["REQUEST_METHOD"] == "POST" and (invoked := _INVOKE.fullmatch(environ["PATH_INFO"])):
        action, path_parameters = "Invoke", {"FunctionName": unquote(invoked[1])}
    else:
        try:
            matched, path_parameters = get_service_router(operations.MODELS[service]).match(HttpRequest(dict(environ)))
        except NotFound:
            return Request(service, "", *who, protocol="rest", form=_form(asked))
        action = str(matched.name)
    operation = _operation(service, operations.MODELS[service], action)
    given = {} if operation.raw else _json_object(environ, service)
    foreign = (*_foreign(given, operation.body, operation.texts), *sorted(set(asked) - operation.query))
    kept = {name: value for name, value in {**asked, **given}.items() if name not in foreign}
    parameters = {**kept, **path_parameters}
    return Request(service, action, *who, parameters, protocol="rest", foreign=foreign, form=_form(asked))


def _operation(service: str, model: str, action: str) -> operations.Operation:
    found = operations.operation(model, action)
    if found is None:
        raise Refused("InvalidAction", f"{service} has no operation {ascii(action)[:80]}", service=service)
    return found


def _foreign(given: Mapping[str, Any], known: frozenset[str], texts: frozenset[str]) -> tuple[str, ...]:
    """Return the names that are no parameters, and those of text parameters whose value is no text."""
    wrong = [n for n, v in given.items() if n not in known or (n in texts and not isinstance(v, str | None))]
    return tuple(sorted(wrong))


def _named_by_path(environ: Mapping[str, Any], service: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that the path gives: older SQS clients call a queue's own address."""
    path = str(environ["PATH_INFO"])
    if path in {"", "/"}:
        return {}
    queue = _QUEUE_PATH.fullmatch(path) if service == "sqs" else None
    if queue is None:
        raise _refused(service, f"its path is {ascii(path)[:80]}, and not /")
    if str(given.get("QueueUrl", path)).rsplit("/", 1)[-1] != queue[1]:
        raise _refused(service, f"it is sent to the queue {queue[1]}, and QueueUrl names another")
    return {"QueueUrl": path}


def _json_object(environ: dict[str, Any], service: str) -> dict[str, Any]:
    try:
        found = json.loads(_text(body.whole(environ), service) or "{}")
    except (ValueError, RecursionError) as error:
        raise Refused("SerializationException", f"the body is not JSON: {error}", service=service) from error
    if not isinstance(found, dict):
        raise Refused("SerializationException", "the body is not a JSON object", service=service)
    return found


def _once(text: str, service: str) -> dict[str, str]:
    """Return the arguments of an address or a form; raise Refused if one is given twice."""
    pairs = parse_qsl(text, keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _refused(service, f"{ascii(twice)[:80]} is given more than once")
    return found


def _text(content: bytes, service: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Refused("SerializationException", f"the body is not UTF-8: {error.reason}", service=service) from error


def _form(pairs: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in pairs.items()}


def _listed(names: Mapping[str, str]) -> str:
    return ascii(", ".join(sorted(names)))[:80]


def _refused(service: str, why: str) -> Refused:
    return Refused("ValidationException", f"The request can be read in more ways than one: {why}.", service=service)
