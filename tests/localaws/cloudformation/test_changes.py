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


def test_equal_templates_change_nothing() -> None:
    assert changed(STREAM, STREAM) == []
