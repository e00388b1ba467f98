from __future__ import annotations

from typing import Any

import pytest

from localaws.cloudformation.errors import DependencyCycle, TemplateError, UnknownIntrinsic, UnresolvedReference
from localaws.cloudformation.parameters import GivenParameter, given_parameters, parameter_values
from localaws.cloudformation.template import PENDING, Scope, check_rules, in_order, resolve

REFS = {"Bucket": "my-bucket"}
ATTRIBUTES = {("Bucket", "Arn"): "arn:aws:s3:::my-bucket"}


def scope(**changes: Any) -> Scope:
    given: dict[str, Any] = {
        "stack": "Data",
        "stack_id": "arn:stack",
        "account": "123456789012",
        "region": "eu-west-1",
        "parameters": {"Env": "prod", "Names": ["a", "b"]},
        "mappings": {"Sizes": {"prod": {"memory": 1024}}},
        "conditions": {
            "IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]},
            "NotProd": {"Fn::Not": [{"Condition": "IsProd"}]},
            "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "NotProd"}]},
            "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "NotProd"}]},
        },
        "ref": lambda name: REFS[name],
        "get_att": lambda name, attribute: ATTRIBUTES[name, attribute],
        "import_value": lambda name: f"imported {name}",
        "stack_output": lambda stack, output: f"{stack}'s {output}",
    }
    return Scope(**{**given, **changes})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Bucket"}, "my-bucket"),
        ({"Ref": "Env"}, "prod"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::my-bucket"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::my-bucket"),
        ({"Fn::Sub": "${Bucket.Arn}/${!kept}/${AWS::StackName}"}, "arn:aws:s3:::my-bucket/${kept}/Data"),
        ({"Fn::Sub": ["${x}-${Env}", {"x": {"Ref": "Bucket"}}]}, "my-bucket-prod"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Env"}, 3, True]]}, "a-prod-3-true"),
        ({"Fn::Join": [",", {"Ref": "Names"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Fn::Split": ["/", "a/b/c"]}]}, "b"),
        ({"Fn::ImportValue": {"Fn::Sub": "${Env}-x"}}, "imported prod-x"),
        ({"Fn::GetStackOutput": {"StackName": "Other", "OutputName": "O", "Region": "eu-west-1"}}, "Other's O"),
        ({"Fn::If": ["IsProd", 1, 2]}, 1),
        ({"Fn::If": ["NotProd", 1, 2]}, 2),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Env"}, "memory"]}, 1024),
        ({"Fn::FindInMap": ["Sizes", "dev", "memory", {"DefaultValue": 128}]}, 128),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Condition": {"Bool": {"k": "v"}}}, {"Condition": {"Bool": {"k": "v"}}}),
    ],
)  # fmt: skip
def test_every_intrinsic_gives_what_cloudformation_gives(value: Any, expected: Any) -> None:
    assert resolve(value, scope(), at="R.Properties") == expected


def test_an_unknown_intrinsic_is_refused_with_stack_resource_and_property_path() -> None:
    with pytest.raises(UnknownIntrinsic, match=r"Data/R\.Properties\.Tags\[0\]\.Value.*Fn::Cidr"):
        resolve({"Tags": [{"Value": {"Fn::Cidr": ["10.0.0.0/16", 1, 8]}}]}, scope(), at="R.Properties")


def test_a_dynamic_reference_is_refused() -> None:
    with pytest.raises(UnknownIntrinsic, match="resolve:ssm"):
        resolve("{{resolve:ssm:/a}}", scope(), at="R.Properties")


def test_an_unknown_pseudo_parameter_is_refused() -> None:
    with pytest.raises(UnknownIntrinsic, match="AWS::Nope"):
        resolve({"Ref": "AWS::Nope"}, scope(), at="R")


def test_a_stack_output_of_another_region_is_refused() -> None:
    with pytest.raises(UnresolvedReference, match="us-west-2"):
        resolve({"Fn::GetStackOutput": {"StackName": "O", "OutputName": "X", "Region": "us-west-2"}}, scope(), at="R")


def test_a_value_that_holds_an_unmade_resource_is_pending() -> None:
    waiting = scope(ref=lambda name: PENDING)
    assert resolve({"Fn::Join": ["", ["a", {"Ref": "Bucket"}]]}, waiting, at="R") is PENDING
    assert resolve({"Fn::Sub": "x${Bucket}"}, waiting, at="R") is PENDING
    assert resolve({"Fn::Select": [0, {"Fn::Split": ["/", {"Ref": "Bucket"}]}]}, waiting, at="R") is PENDING


def test_a_select_beyond_the_list_is_an_error() -> None:
    with pytest.raises(TemplateError, match="no item 3"):
        resolve({"Fn::Select": [3, ["a"]]}, scope(), at="R")


def test_a_boolean_of_a_parameter_is_text_as_it_is_written() -> None:
    """In a template in YAML `true` is often not between quotes, and compared with one that is."""
    flag = {"Type": "String", "Default": True, "AllowedValues": [True, False]}
    assert parameter_values({"A": flag}, {}, stack="S", ssm=str) == {"A": "true"}
    assert parameter_values({"A": flag}, {"A": "false"}, stack="S", ssm=str) == {"A": "false"}
    assert given_parameters({"A": flag}, {}, {"A": "true"}) == {"A": GivenParameter("true")}
    with pytest.raises(TemplateError, match="is 'maybe'; allowed: true, false"):
        parameter_values({"A": flag}, {"A": "maybe"}, stack="S", ssm=str)


def test_parameters_take_the_given_value_then_the_default_then_fail() -> None:
    declared = {"A": {"Type": "String", "Default": "x"}, "L": {"Type": "CommaDelimitedList", "Default": "a, b"}}
    assert parameter_values(declared, {"A": "y"}, stack="S", ssm=str) == {"A": "y", "L": ["a", "b"]}
    with pytest.raises(UnresolvedReference, match="neither a value nor a default"):
        parameter_values({"B": {"Type": "String"}}, {}, stack="S", ssm=str)


def test_an_ssm_parameter_is_read_by_its_name() -> None:
    declared = {"V": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a/b"}}
    assert parameter_values(declared, {}, stack="S", ssm=lambda name: f"value of {name}") == {"V": "value of /a/b"}


def test_a_value_outside_the_allowed_ones_and_an_unknown_type_are_refused() -> None:
    with pytest.raises(TemplateError, match="allowed: a, b"):
        parameter_values({"A": {"Type": "String", "AllowedValues": ["a", "b"]}}, {"A": "c"}, stack="S", ssm=str)
    with pytest.raises(UnknownIntrinsic, match="AWS::EC2::Image::Id"):
        parameter_values({"A": {"Type": "AWS::EC2::Image::Id", "Default": "x"}}, {}, stack="S", ssm=str)


def test_a_rule_that_does_not_hold_stops_the_deployment() -> None:
    rule = {"Assert": {"Fn::Not": [{"Fn::Contains": [["1", "prod"], {"Ref": "Env"}]}]}, "AssertDescription": "too old"}
    with pytest.raises(TemplateError, match="too old"):
        check_rules({"Check": {"Assertions": [rule]}}, scope())


def test_resources_come_after_what_they_need() -> None:
    assert in_order({"c": ["b"], "b": ["a"], "a": []}, stack="S") == ["a", "b", "c"]


def test_a_circle_is_named() -> None:
    with pytest.raises(DependencyCycle, match=r"S: .*a.*→.*b"):
        in_order({"a": ["b"], "b": ["a"]}, stack="S")
