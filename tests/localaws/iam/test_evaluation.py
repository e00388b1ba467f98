"""The evaluation of policies decides as a second one does, which was written from AWS's flow chart alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.gateway.callers import Session
from localaws.iam.conditions import Supplied
from localaws.iam.evaluation import Held, evaluate
from localaws.iam.policies import parse, parse_of_resource
from localaws.iam.principals import Principal
from tests.laws import cases
from tests.localaws.iam import naive
from tests.localaws.iam.naive import ACCOUNT, EVENTS, ROLE, ROOT, SESSION, Asked, Policies

ACTIONS = ["s3:GetObject", "s3:PutObject", "sqs:SendMessage"]
RESOURCES = ["arn:aws:s3:::one/a", "arn:aws:s3:::one/b", "arn:aws:s3:::two/a"]
NAMES = [ROOT, ACCOUNT, ROLE, SESSION, "*", "999999999999", f"arn:aws:iam::{ACCOUNT}:role/another"]
KEYS = {
    "aws:PrincipalTag/team": ["a", "ab", "b"],
    "aws:SecureTransport": ["true", "false"],
    "aws:TagKeys": ["a", "ab", "b"],
}
OPERATORS = [
    "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists", "StringNotLikeIfExists",
    "Bool", "Null", "ForAllValues:StringEquals", "ForAnyValue:StringLike", "ForAnyValue:StringNotEquals",
]  # fmt: skip


def several(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(sorted(KEYS)))
    # Several values without a quantifier are of no defined result.
    fitting = [each for each in OPERATORS if (":" in each or each == "Null") or key != "aws:TagKeys"]
    operator = draw(st.sampled_from(fitting))
    wanted = draw(
        st.sampled_from([["true"], ["false"]]) if operator in {"Null", "Bool"} else several([*KEYS[key], "a*"])
    )
    if "Like" not in operator:
        wanted = [each.replace("*", "x") for each in wanted]
    return {operator: {key: wanted}}


@st.composite
def statements(draw: st.DrawFn, *, of_resource: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"]))}
    found[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(several([*ACTIONS, "s3:*", "*", "S3:get*"]))
    patterns = [*RESOURCES, "arn:aws:s3:::one/*", "*", "arn:aws:s3:::???/a"]
    found[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(several(patterns))
    if draw(st.booleans()):
        found["Condition"] = draw(conditions())
    if of_resource:
        element = draw(st.sampled_from(["Principal", "Principal", "Principal", "NotPrincipal"]))
        names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True).map(lambda each: {"AWS": each})
        services = st.just({"Service": [EVENTS]})
        found[element] = draw(st.one_of(st.just("*"), names, services))
    return found


def policy(*, of_resource: bool = False) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(statements(of_resource=of_resource), max_size=3)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    context: dict[str, str | list[str] | None] = {
        "aws:PrincipalTag/team": draw(maybe(st.sampled_from(KEYS["aws:PrincipalTag/team"]))),
        "aws:SecureTransport": draw(st.sampled_from(KEYS["aws:SecureTransport"])),
        "aws:TagKeys": draw(maybe(several(KEYS["aws:TagKeys"]))),
    }
    who = draw(st.sampled_from(["role", "role", "root", "service"]))
    return Asked(who, draw(st.sampled_from(ACTIONS)), draw(st.sampled_from(RESOURCES)), context)


@st.composite
def held_policies(draw: st.DrawFn) -> Policies:
    return Policies(
        draw(policy()), draw(maybe(policy(of_resource=True))), draw(maybe(policy())), draw(maybe(policy())),
        draw(st.booleans()),
    )  # fmt: skip


def text(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def decided(policies: Policies, asked: Asked) -> bool:
    """What the local AWS decides."""
    mine = asked.who == "role"
    principal = Principal(
        ACCOUNT, "us-east-1", EVENTS if asked.who == "service" else "", Session(ROLE, "me") if mine else None
    )
    resource = None if policies.resource is None else parse_of_resource(text(policies.resource))

    def own(given: list[dict[str, Any]] | None) -> Any:
        return parse(text(given)) if mine and given is not None else None

    held = Held(
        own(policies.identity) or (), own(policies.boundary), own(policies.session), resource,
        resource_decides=policies.resource_decides and resource is not None,
    )  # fmt: skip
    context = Supplied(
        {key.lower(): tuple(value) if isinstance(value, list) else value for key, value in asked.context.items()}
    )
    return evaluate(held, principal, asked.action, asked.resource, context).allowed


@pytest.mark.slow
@settings(max_examples=cases(2000), deadline=None)
@given(held_policies(), requests())
def test_both_evaluations_decide_alike(policies: Policies, asked: Asked) -> None:
    assert decided(policies, asked) == naive.is_allowed(policies, asked)


ANY = {"Action": ["*"], "Resource": ["*"]}
ALLOW, DENY = {"Effect": "Allow", **ANY}, {"Effect": "Deny", **ANY}
FOR = {who: {**ALLOW, "Principal": {"AWS": [who]}} for who in (ROLE, SESSION, ROOT, "*")}
OF_SERVICE = {**ALLOW, "Principal": {"Service": [EVENTS]}}


@pytest.mark.parametrize(
    ("who", "policies", "allowed"),
    [
        # By https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html, rule by rule.
        ("role", Policies([], None, None, None), False),
        ("role", Policies([ALLOW], None, None, None), True),
        ("role", Policies([ALLOW, DENY], None, None, None), False),
        ("role", Policies([], [FOR[ROLE]], None, None), True),
        ("role", Policies([], [FOR["*"]], None, None), True),
        ("role", Policies([], [FOR[ROOT]], None, None), False),
        ("role", Policies([ALLOW], [FOR[ROOT]], None, None), True),
        ("role", Policies([ALLOW], [{**FOR[ROOT], "Effect": "Deny"}], None, None), False),
        ("role", Policies([ALLOW], None, [], None), False),
        ("role", Policies([ALLOW], None, [ALLOW], None), True),
        ("role", Policies([ALLOW], None, None, []), False),
        ("role", Policies([], [FOR[ROLE]], [], None), False),
        ("role", Policies([], [FOR[ROLE]], None, []), False),
        ("role", Policies([], [FOR[SESSION]], [], []), True),
        ("role", Policies([], [FOR[SESSION]], [DENY], []), False),
        ("role", Policies([ALLOW], [], None, None, True), False),
        ("role", Policies([ALLOW], [FOR[ROOT]], None, None, True), True),
        ("role", Policies([], [FOR[ROLE]], None, None, True), True),
        ("root", Policies([], None, None, None), True),
        ("root", Policies([], [{**FOR["*"], "Effect": "Deny"}], None, None), False),
        ("root", Policies([], [FOR[ROLE]], None, None, True), False),
        ("root", Policies([], [FOR[ROOT]], None, None, True), True),
        ("service", Policies([], None, None, None), False),
        ("service", Policies([], [FOR[ROOT]], None, None), False),
        ("service", Policies([], [OF_SERVICE], None, None), True),
        ("service", Policies([], [OF_SERVICE, {**FOR["*"], "Effect": "Deny"}], None, None), False),
        ("role", Policies([ALLOW], [{**DENY, "NotPrincipal": {"AWS": [ROLE]}}], None, None), False),
        ("role", Policies([ALLOW], [{**DENY, "NotPrincipal": {"AWS": [ROOT, ROLE, SESSION]}}], None, None), True),
        ("role", Policies([], [{**ALLOW, "NotPrincipal": {"AWS": ["999999999999"]}}], None, None), False),
    ],
)
def test_each_rule_of_the_documentation_holds_for_both(who: str, policies: Policies, allowed: bool) -> None:
    asked = Asked(who, ACTIONS[0], RESOURCES[0], {})
    assert (decided(policies, asked), naive.is_allowed(policies, asked)) == (allowed, allowed)
