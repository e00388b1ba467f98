"""cdk-nag's AWS Solutions rules hold; what is accepted has its own reason and still stands."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.infra.templates import Cloud

_KEY = "aws:cdk:acknowledged-rules"
_FEWEST_WORDS = 6


def nag_report(cloud: Cloud) -> dict[str, Any]:
    (report,) = [each for each in cloud.report["pluginReports"] if each["pluginName"] == "AwsSolutions"]
    return report


def test_no_finding_stands_unaccepted(cloud: Cloud) -> None:
    found = [
        (violation["ruleName"], [each["constructPath"] for each in violation["violatingConstructs"]])
        for violation in nag_report(cloud)["violations"]
    ]
    assert not found


def test_an_acceptance_that_fits_no_finding_is_stale(cloud: Cloud) -> None:
    used = {
        (each.get("acknowledgedAt", ""), each["acknowledgedId"]) for each in nag_report(cloud)["suppressedViolations"]
    }
    given = {("", "AwsSolutions::AwsSolutions-L1")}
    for path in cloud.folder.glob("*.metadata.json"):
        for construct, entries in json.loads(path.read_text()).items():
            acknowledged = [rule for entry in entries if entry["type"] == _KEY for rule in entry["data"]]
            given |= {(construct.strip("/"), rule) for rule in acknowledged}
    assert len(given) > 1
    assert given == used


def test_each_acceptance_has_a_reason_of_its_own() -> None:
    from infra.accepted import ACCEPTED, LATEST_RUNTIME  # here: CDK takes seconds to import

    reasons = [LATEST_RUNTIME] + [
        reason for constructs in ACCEPTED.values() for findings in constructs.values() for reason in findings.values()
    ]
    assert [reason for reason in reasons if len(reason.split()) < _FEWEST_WORDS] == []
    assert [reason for reason, count in Counter(reasons).items() if count > 1] == []


def test_no_rule_is_accepted_for_a_whole_stack(cloud: Cloud) -> None:
    suppressed = nag_report(cloud)["suppressedViolations"]
    wide = {each["acknowledgedId"] for each in suppressed if "/" not in each.get("acknowledgedAt", "")}
    assert wide == {"AwsSolutions::AwsSolutions-L1"}
