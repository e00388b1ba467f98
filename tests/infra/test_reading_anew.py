"""A stack that reads outputs anew reads the version of CDK's bootstrap that its own synthesizer reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import (
    App,
    BootstraplessSynthesizer,
    CfnResource,
    CliCredentialsStackSynthesizer,
    DefaultStackSynthesizer,
    LegacyStackSynthesizer,
    Stack,
    StackSynthesizer,
)

from infra.synthesis import read_outputs_anew

_USUAL = "/cdk-bootstrap/hnb659fds/version"


def _parameters(outdir: Path, context: Mapping[str, Any], synthesizer: StackSynthesizer | None) -> dict[str, Any]:
    app = App(outdir=str(outdir), context=context)
    stack = Stack(app, "own", synthesizer=synthesizer) if synthesizer else Stack(app, "own")
    CfnResource(stack, "Handle", type="AWS::CloudFormation::WaitConditionHandle")
    read_outputs_anew(stack)
    found: dict[str, Any] = app.synth().get_stack_by_name("own").template["Parameters"]
    return found


@pytest.mark.parametrize(
    ("context", "make", "name"),
    [
        ({}, lambda: None, _USUAL),
        ({"@aws-cdk/core:bootstrapQualifier": "abcd"}, lambda: None, "/cdk-bootstrap/abcd/version"),
        ({}, DefaultStackSynthesizer, _USUAL),
        ({}, lambda: DefaultStackSynthesizer(qualifier="abcd"), "/cdk-bootstrap/abcd/version"),
        ({}, lambda: DefaultStackSynthesizer(file_assets_bucket_name="b"), _USUAL),
        ({}, lambda: DefaultStackSynthesizer(bootstrap_stack_version_ssm_parameter="/own/v"), "/own/v"),
    ],
)
def test_it_reads_the_version_that_its_synthesizer_reads(
    tmp_path: Path, context: Mapping[str, Any], make: Callable[[], StackSynthesizer | None], name: str
) -> None:
    found = _parameters(tmp_path, context, make())
    assert {each: told["Default"] for each, told in found.items()} == {"ReadAnew": name, "BootstrapVersion": name}
    assert "[cdk:skip]" not in found["ReadAnew"]["Description"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        LegacyStackSynthesizer,
        BootstraplessSynthesizer,
        CliCredentialsStackSynthesizer,
    ],
)
def test_a_stack_that_reads_no_version_is_refused_by_name(tmp_path: Path, make: Callable[[], StackSynthesizer]) -> None:
    """CDK's kernel hands the error on by its text."""
    said = (
        r"The stack own has no parameter BootstrapVersion(.|\n)*Safe: nothing was(.|\n)*Next: leave read_outputs_anew"
    )
    with pytest.raises(RuntimeError, match=said):
        _parameters(tmp_path, {}, make())
