"""Templates in YAML say what they say in JSON: short forms of functions are long forms, and dates stay text."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from localaws.cloudformation.yaml_templates import read_yaml

WORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)
FUNCTIONS = ("Base64", "FindInMap", "GetAZs", "If", "ImportValue", "Join", "Select", "Split", "Sub", "Equals", "Not")


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref Queue", {"Ref": "Queue"}),
        ("!Condition Large", {"Condition": "Large"}),
        ("!GetAtt Queue.Arn", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!GetAtt Stack.Outputs.Name", {"Fn::GetAtt": ["Stack", "Outputs.Name"]}),
        ("!GetAtt [Queue, Arn]", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!Sub '${Queue.Arn}/*'", {"Fn::Sub": "${Queue.Arn}/*"}),
        ("!Sub ['${A}', {A: !Ref B}]", {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}),
        ("!If [Large, !Ref A, !Ref 'AWS::NoValue']", {"Fn::If": ["Large", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]}),
        ("Fn::Base64: !Sub text", {"Fn::Base64": {"Fn::Sub": "text"}}),
        ("!Transform {Name: Include}", {"Fn::Transform": {"Name": "Include"}}),
        ("2012-10-17", "2012-10-17"),
        ("2012-10-17T00:00:00Z", "2012-10-17T00:00:00Z"),
        ("[yes, 7, 1.5, ~]", [True, 7, 1.5, None]),
    ],
)
def test_a_short_form_is_its_long_form(short: str, long: Any) -> None:
    assert read_yaml(short) == long


class Short(dict[str, Any]):
    """A call of a function in long form, which is written in its short one."""


def _write(dumper: yaml.SafeDumper, call: Short) -> yaml.Node:
    ((name, value),) = call.items()
    tag = f"!{name.removeprefix('Fn::')}"
    if isinstance(value, list):
        return dumper.represent_sequence(tag, value)
    return dumper.represent_mapping(tag, value) if isinstance(value, dict) else dumper.represent_scalar(tag, value)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(Short, _write)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=3)
    calls = st.tuples(st.sampled_from(FUNCTIONS), lists).map(lambda call: Short({f"Fn::{call[0]}": call[1]}))
    return lists | st.dictionaries(WORDS, inner, max_size=3) | calls


TREES = st.recursive(
    st.text(max_size=6) | st.integers() | st.booleans() | st.none() | WORDS.map(lambda name: Short(Ref=name)), _deeper
)


@given(TREES)
def test_whatever_is_written_in_short_forms_is_read_as_the_long_ones(tree: Any) -> None:
    assert read_yaml(yaml.dump(tree, Dumper=_Dumper)) == json.loads(json.dumps(tree))


def test_no_text_makes_an_object_of_python() -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml("!!python/object/apply:os.getcwd []")
    assert yaml.safe_load("2012-10-17") != "2012-10-17", "other readers of YAML are as they were"
