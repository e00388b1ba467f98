"""cdk-nag's three packs hold; what is accepted has its own reason, still stands, and may only become less."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from infra.bundle import Bundle
from sluice.cli.starting import start_project
from sluice.environments import read_environments
from sluice.load import load_project
from tests.infra.nag import PACKS, accepted, open_findings
from tests.infra.templates import Cloud, synthesize

_KEY = "aws:cdk:acknowledged-rules"
_FEWEST_WORDS = 6
#: One fact of all functions: the runtime, on which two packs have a rule.
_OF_THE_WHOLE = {"AwsSolutions::AwsSolutions-L1", "Serverless::Serverless-LambdaLatestVersion"}
#: Findings that are accepted, by pack and environment. A number may fall, and is then written down; none may rise.
ACCEPTED_TODAY = {
    "dev": {"AwsSolutions": 136, "Serverless": 39, "NIST.800.53.R5": 68},
    # AwsSolutions-KDS3 finds each stream that is encrypted with a key of one's own, as NIST wants of logs.
    "prod": {"AwsSolutions": 134, "Serverless": 36, "NIST.800.53.R5": 51},
}


def test_no_finding_stands_unaccepted(cloud: Cloud) -> None:
    assert not open_findings(cloud)


def test_what_is_accepted_does_not_become_more(cloud: Cloud) -> None:
    found = Counter(pack for pack, _, _ in accepted(cloud))
    assert dict(found) == ACCEPTED_TODAY[cloud.environment.name]


def test_an_acceptance_that_fits_no_finding_is_stale(cloud: Cloud) -> None:
    used = {(where, rule) for _, where, rule in accepted(cloud)}
    given = {("", rule) for rule in _OF_THE_WHOLE}
    for path in cloud.folder.glob("*.metadata.json"):
        for construct, entries in json.loads(path.read_text()).items():
            acknowledged = [rule for entry in entries if entry["type"] == _KEY for rule in entry["data"]]
            given |= {(construct.strip("/"), rule) for rule in acknowledged}
    assert len(given) > len(_OF_THE_WHOLE)
    assert given == used


def test_an_acceptance_of_a_resource_that_is_not_there_is_stale(clouds: dict[str, Cloud]) -> None:
    from infra.accepted_controls import CONTROLS  # here: CDK takes seconds to import

    found = {
        (where.rpartition("/")[2], rule.rpartition("::")[2])
        for cloud in clouds.values()
        for _, where, rule in accepted(cloud)
    }
    declared = {(resource, rule) for each in CONTROLS for resource in each.resources for rule in each.rules}
    assert declared - found == set()


def test_each_acceptance_has_a_reason_of_its_own() -> None:
    from infra.accepted import ACCEPTED, LATEST_RUNTIME  # here: CDK takes seconds to import
    from infra.accepted_controls import CONTROLS, INLINE_POLICY

    reasons = [LATEST_RUNTIME, INLINE_POLICY[1], *(control.reason for control in CONTROLS)] + [
        reason for constructs in ACCEPTED.values() for findings in constructs.values() for reason in findings.values()
    ]
    assert [reason for reason in reasons if len(reason.split()) < _FEWEST_WORDS] == []
    assert [reason for reason, count in Counter(reasons).items() if count > 1] == []


def test_no_rule_is_accepted_for_a_whole_stack(cloud: Cloud) -> None:
    assert {rule for _, where, rule in accepted(cloud) if "/" not in where} == _OF_THE_WHOLE


def test_each_pack_has_looked(cloud: Cloud) -> None:
    assert {each["pluginName"] for each in cloud.report["pluginReports"]} >= set(PACKS)


@pytest.mark.slow
def test_nothing_stands_unaccepted_in_a_new_project(bundle: Bundle, tmp_path: Path) -> None:
    start_project(tmp_path / "shop", empty=False)
    project = load_project([tmp_path / "shop" / "contracts"])
    for name, environment in read_environments(tmp_path / "shop" / "environments.yaml").items():
        assert not open_findings(synthesize(environment, project, bundle, tmp_path / name, nag=True)), name
