"""cfn-lint and CDK's own validation find nothing in the templates but what is listed."""

from __future__ import annotations

import pytest

from tests.infra.templates import Cloud
from tests.laws import some

pytestmark = pytest.mark.slow

#: Accepted rules, each with the reason.
ACCEPTED = {
    "W3005": "CDK makes a function wait for its role's policies, and names the role, which GetAtt implies, too.",
}
STACKS = ("storage", "ingestion", "streams", "processing", "recovery", "serving")


@pytest.mark.parametrize("stack", some(STACKS, 3))
def test_cfn_lint_finds_nothing(cloud: Cloud, stack: str) -> None:
    from cfnlint.api import lint  # here: it takes seconds to import, and the fast tests are collected with these

    text = (cloud.folder / f"sluice-{cloud.environment.name}-{stack}.template.json").read_text()
    matches = lint(text, regions=[cloud.environment.region])
    assert [f"{each.rule.id} {each.message}" for each in matches if each.rule.id not in ACCEPTED] == []


def test_every_listed_rule_is_still_found(clouds: dict[str, Cloud]) -> None:
    from cfnlint.api import lint

    cloud = clouds["dev"]
    text = (cloud.folder / "sluice-dev-ingestion.template.json").read_text()
    assert {each.rule.id for each in lint(text, regions=[cloud.environment.region])} == set(ACCEPTED)


def test_every_template_is_linted(cloud: Cloud) -> None:
    assert set(cloud.templates) == set(STACKS)


def test_the_validation_of_cdk_finds_nothing(cloud: Cloud) -> None:
    assert [each for each in cloud.report["pluginReports"] if each.get("violations")] == []
