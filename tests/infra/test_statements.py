"""Each statement of each role is needed: without it, something that the role is for is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from localaws.iam.policies import decide, parse
from sluice.pace_items import PARTITION
from tests.infra.people import Deployed
from tests.infra.people_uses import PEOPLE, uses_of_people
from tests.infra.permissions import documents, listed
from tests.infra.proving import every_statement
from tests.infra.templates import Cloud
from tests.infra.test_people import asked
from tests.infra.test_policies import WITHOUT_RESOURCES
from tests.infra.test_wiring import tasks
from tests.infra.uses import USES, Use, uses_in
from tests.infra.work import WORK

#: What is done with the key, for which test_keys says.
KEY = ("kms:Decrypt", "kms:GenerateDataKey")
#: By way of which the key is used.
#: The conditions of calls: a metric's namespace, and the key of an item of the ledger.
_KEYS = {"cloudwatch:namespace": "Glue", "dynamodb:leadingkeys": PARTITION}
SERVICES = ("s3", "sqs", "sns", "kinesis", "dynamodb")


def uses_of(cloud: Cloud, role: str) -> set[Use]:
    """Return what a role does, by its name without "Role"."""
    return _uses_of(cloud, role) | {
        (action, cloud.arn(key)) for key in cloud.resources("AWS::KMS::Key") for action in KEY
    }


def _uses_of(cloud: Cloud, role: str) -> set[Use]:
    if role in USES:
        uses = uses_in(cloud.environment, role)
        # What the job is made of: its script, and the code that it imports.
        script = {("s3:GetObject", each) for each in _shipped(cloud)} if role == "Spark" else set()
        return uses | script | {("cloudwatch:PutMetricData", "*")}
    if role in PEOPLE:
        return uses_of_people(cloud.environment, role) | {
            (action, "*") for name, action in WITHOUT_RESOURCES if name == f"{role}Role"
        }
    (machine,) = cloud.resources("AWS::StepFunctions::StateMachine")
    if role == "Refresh":
        own = {(action, target) for _, action, target in tasks(cloud, machine)}
        return own | {(action, "*") for name, action in WITHOUT_RESOURCES if name == "RefreshRole"}
    assert role == "StartRefresh", f"nobody says what {role} does"
    return {("states:StartExecution", cloud.arn(machine))}


def _shipped(cloud: Cloud) -> Iterator[str]:
    for document in documents(cloud, "SparkRole"):
        for statement in document["Statement"]:
            yield from (each for each in listed(statement["Resource"]) if "cdk-hnb" in each)


def test_without_any_one_statement_a_use_of_its_role_is_refused(cloud: Cloud) -> None:
    tried = 0
    for role in (each.name.removesuffix("Role") for each in cloud.resources("AWS::IAM::Role")):
        uses = sorted(uses_of(cloud, role))
        parts = [
            part
            for document in documents(cloud, f"{role}Role")
            for statement in document["Statement"]
            for part in parse(json.dumps({**document, "Statement": [statement]}))
        ]
        for place, taken in enumerate(parts):
            left = [part for part in parts if part is not taken]
            tried += 1
            assert any(
                taken.applies(*use, given) and not decide(left, *use, given).allowed
                for use in uses
                for via in SERVICES
                if (given := {**_KEYS, **asked(cloud, *use, via=via)})
            ), f"nobody needs statement {place} of {role}: {documents(cloud, f'{role}Role')}"
    assert tried > 100


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.parametrize("name", [name for name in WORK if name != "Spark"])
def test_without_any_one_statement_the_roles_work_is_refused(peopled: Deployed, name: str) -> None:
    every_statement(peopled, name, WORK[name])


@pytest.mark.spark
@pytest.mark.proof
def test_without_any_one_statement_the_job_is_refused(peopled: Deployed) -> None:
    every_statement(peopled, "Spark", WORK["Spark"], restored_once=True)


def test_each_role_has_work(cloud: Cloud) -> None:
    there = {each.name.removesuffix("Role") for each in cloud.resources("AWS::IAM::Role")}
    assert there <= WORK.keys() | PEOPLE.keys()
