"""What cdk-nag found in one synthesized environment."""

from __future__ import annotations

from tests.infra.templates import Cloud

PACKS = ("AwsSolutions", "Serverless", "NIST.800.53.R5")


def open_findings(cloud: Cloud) -> list[tuple[str, str]]:
    """Return the rule and the construct of what is not accepted."""
    return [
        (violation["ruleName"], construct["constructPath"])
        for report in cloud.report["pluginReports"]
        if report["pluginName"] in PACKS
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
    ]


def accepted(cloud: Cloud) -> list[tuple[str, str, str]]:
    """Return pack, place of the acceptance and accepted rule, for each finding that is accepted."""
    return [
        (report["pluginName"], each.get("acknowledgedAt", ""), each["acknowledgedId"])
        for report in cloud.report["pluginReports"]
        if report["pluginName"] in PACKS
        for each in report["suppressedViolations"]
        for _ in each["violatingConstructs"]
    ]
