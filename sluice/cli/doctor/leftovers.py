"""What would stand in the way of the stacks: something of a name that they give, and that is in none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.cli.change_sets import HOLDING_DATA
from sluice.cli.doctor.account import Account
from sluice.cli.doctor.checks import CannotTell, Finding, well
from sluice.cli.doctor.deleted_stacks import Retained, retained
from sluice.cli.doctor.needs import Needs, Resource
from sluice.cli.doctor.standing_stacks import Standing
from sluice.cli.starting import CDK_CLI
from sluice.counted import counted


@dataclass(frozen=True)
class Kind:
    """A type whose names an account has once: the property with its name, how one is found, and what removes it."""

    property: str
    find: Callable[[Account, str], Any]
    remove: str


def _by(service: str, operation: str, parameter: str) -> Callable[[Account, str], Any]:
    return lambda account, name: account.look(service, operation, **{parameter: name})


def _log_group(account: Account, name: str) -> Any:
    found = account.ask("logs", "DescribeLogGroups", logGroupNamePrefix=name).get("logGroups", [])
    return any(each["logGroupName"] == name for each in found)


def _machine(account: Account, name: str) -> Any:
    found = account.ask("stepfunctions", "ListStateMachines").get("stateMachines", [])
    return any(each["name"] == name for each in found)


#: The property is as in the template; what stands in another property is parted by a dot.
KINDS: Final[Mapping[str, Kind]] = {
    "AWS::Athena::WorkGroup": Kind(
        "Name",
        _by("athena", "GetWorkGroup", "WorkGroup"),
        "aws athena delete-work-group --work-group {} --recursive-delete-option",
    ),
    "AWS::DynamoDB::Table": Kind(
        "TableName", _by("dynamodb", "DescribeTable", "TableName"), "aws dynamodb delete-table --table-name {}"
    ),
    "AWS::Glue::Database": Kind(
        "DatabaseInput.Name", _by("glue", "GetDatabase", "Name"), "aws glue delete-database --name {}"
    ),
    "AWS::IAM::Role": Kind("RoleName", _by("iam", "GetRole", "RoleName"), "aws iam delete-role --role-name {}"),
    "AWS::Kinesis::Stream": Kind(
        "Name",
        _by("kinesis", "DescribeStreamSummary", "StreamName"),
        "aws kinesis delete-stream --stream-name {} --enforce-consumer-deletion",
    ),
    "AWS::Lambda::Function": Kind(
        "FunctionName",
        _by("lambda", "GetFunctionConfiguration", "FunctionName"),
        "aws lambda delete-function --function-name {}",
    ),
    "AWS::Logs::LogGroup": Kind("LogGroupName", _log_group, "aws logs delete-log-group --log-group-name {}"),
    "AWS::S3::Bucket": Kind("BucketName", _by("s3", "HeadBucket", "Bucket"), "aws s3 rb s3://{} --force"),
    "AWS::SQS::Queue": Kind(
        "QueueName",
        _by("sqs", "GetQueueUrl", "QueueName"),
        'aws sqs delete-queue --queue-url "$(aws sqs get-queue-url --queue-name {} --query QueueUrl --output text)"',
    ),
    "AWS::StepFunctions::StateMachine": Kind(
        "StateMachineName",
        _machine,
        'aws stepfunctions delete-state-machine --state-machine-arn "$(aws stepfunctions list-state-machines '
        '--query "stateMachines[?name==\'{}\'].stateMachineArn" --output text)"',
    ),
}


def given_name(resource: Resource) -> str | None:
    """Return the name that the template gives; None where it gives none, or where it is known in the account alone."""
    kind = KINDS.get(resource.type)
    if kind is None:
        return None
    found: Any = resource.properties
    for key in kind.property.split("."):
        found = found.get(key, {})
    return found if isinstance(found, str) else None


def leftovers(account: Account, needs: Needs, stood: Standing, environment: str) -> Finding:
    """Look for each name that the stacks give, unless it is in one of them already; one refusal hides no other kind."""
    named = [(resource, name) for resource in needs.resources if (name := given_name(resource))]
    new = [(resource, name) for resource, name in named if not stood.has(resource.type, name)]
    taken: list[tuple[Resource, str]] = []
    untold: dict[str, Finding] = {}
    for resource, name in new:
        try:
            if resource.type not in untold and KINDS[resource.type].find(account, name):
                taken.append((resource, name))
        except CannotTell as error:
            untold[resource.type] = error.finding
    if taken:
        try:
            known = retained(account, needs, stood)
        except CannotTell as error:
            known, untold["deleted"] = frozenset(), error.finding
        return _taken(taken, known, [each.found for each in untold.values()], environment)
    if untold:
        found, steps = (dict.fromkeys(texts) for texts in zip(*map(_both, untold.values()), strict=True))
        return Finding("unknown", "; ".join(found), " ".join(steps))
    return well(f"none of {counted(len(new), 'name')} that would be new is taken")


def _both(finding: Finding) -> tuple[str, str]:
    return finding.found, finding.next_step


def _taken(
    taken: list[tuple[Resource, str]], known: frozenset[Retained], untold: list[str], environment: str
) -> Finding:
    """Say what is taken: what a deleted stack of this environment retained can be taken up again."""
    kept = [each for each in taken if Retained(each[0].stack, each[0].name, each[0].type, each[1]) in known]
    others = [each for each in taken if each not in kept]
    found = f"these names are taken, by nothing in the environment's stacks: {_listed(taken)}"
    if kept:
        which = "deleted stacks of this environment retained them" if not others else (
            f"of them deleted stacks of this environment retained {_listed(kept)}"
        )  # fmt: skip
        found += f"; {which}"
    if untold:
        found += f"; not all could be looked at: {'; '.join(dict.fromkeys(untold))}"
    steps = [f"`sluice adopt --env {environment} --dry-run`"] if kept else []
    if others:
        steps.append(_remove(others))
    return Finding("failed", found, " Then ".join(steps))


def _listed(resources: list[tuple[Resource, str]]) -> str:
    return ", ".join(f"{resource.type} {name}" for resource, name in resources)


def _remove(taken: list[tuple[Resource, str]]) -> str:
    commands = "; ".join(f"`{KINDS[resource.type].remove.format(name)}`" for resource, name in taken)
    keep = ""
    if any(resource.type in HOLDING_DATA for resource, _ in taken):
        keep = (
            " What holds data you need stays with another `database_prefix` in environments.yaml, or is taken over by "
            f"`npx aws-cdk@{CDK_CLI} import STACK`, where CloudFormation imports its type."
        )
    return f"see whose each is. What nobody needs goes by {commands}, with all that is in it.{keep}"
