"""A change set says what happens to a resource that goes, as CloudFormation's does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.cloudformation.changes import changes_of
from localaws.cloudformation.stacks import Stack

STREAM = {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "visits", "ShardCount": 1}}
RENAMED = STREAM | {"Properties": {"Name": "calls", "ShardCount": 1}}
WIDER = STREAM | {"Properties": {"Name": "visits", "ShardCount": 2}}


def changed(old: Any, new: Any) -> list[tuple[Any, ...]]:
    def text(body: Any) -> str:
        return json.dumps({"Resources": {"S": body} if body else {}})

    found = changes_of(Stack("shop", "id", text=text(old)), text(new))
    return [(each["Action"], each.get("Replacement"), each.get("PolicyAction")) for each in found]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, STREAM, ("Add", None, None)),
        (STREAM, WIDER, ("Modify", "False", None)),
        (STREAM, RENAMED, ("Modify", "True", "ReplaceAndDelete")),
        (STREAM, RENAMED | {"UpdateReplacePolicy": "Retain"}, ("Modify", "True", "ReplaceAndRetain")),
        (STREAM, STREAM | {"DeletionPolicy": "Retain"}, ("Modify", "False", None)),
        (STREAM, None, ("Remove", None, "Delete")),
        (STREAM | {"DeletionPolicy": "Retain"}, None, ("Remove", None, "Retain")),
        (STREAM, {"Type": "AWS::Nobody::Knows"}, ("Modify", "False", None)),
    ],
)
def test_each_change_says_whether_the_resource_is_replaced_and_what_becomes_of_the_old_one(
    old: Any, new: Any, told: tuple[Any, ...]
) -> None:
    assert changed(old, new) == [told]


def test_a_change_names_each_property_and_whether_it_alone_replaces_the_resource() -> None:
    """The CDK CLI shows no property that a change set does not name."""
    both = {"Type": STREAM["Type"], "Properties": {"Name": "calls", "ShardCount": 2}, "Metadata": {"a": 1}}
    old, new = (json.dumps({"Resources": {"S": body}}) for body in (STREAM, both))
    (change,) = changes_of(Stack("shop", "id", text=old), new)
    assert change["Scope"] == ["Metadata", "Properties"]
    assert [(d["Target"].get("Name"), d["Target"]["RequiresRecreation"]) for d in change["Details"]] == [
        ("Name", "Always"),
        ("ShardCount", "Never"),
        (None, "Never"),
    ]


def test_a_resource_that_names_an_altered_parameter_may_be_replaced() -> None:
    bodies = {
        "Named": STREAM | {"Properties": {"Name": {"Ref": "Name"}}},
        "Within": STREAM | {"Properties": {"Name": {"Fn::Sub": ["a-${Name}", {}]}}},
        "Other": STREAM | {"Properties": {"Name": {"Ref": "Names"}}},
    }
    text = json.dumps({"Resources": bodies})
    found = changes_of(Stack("shop", "id", text=text), text, {"Name"})
    assert [(each["LogicalResourceId"], each["Replacement"]) for each in found] == [
        ("Named", "Conditional"),
        ("Within", "Conditional"),
    ]


def test_equal_templates_change_nothing() -> None:
    assert changed(STREAM, STREAM) == []
