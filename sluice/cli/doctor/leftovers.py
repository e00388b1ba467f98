"""What would stand in the way of the stacks: something of a name that they give, and that is in none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.cli.change_sets import HOLDING_DATA
from sluice.cli.doctor.account import Account
from sluice.cli.doctor.checks import Finding, well
from sluice.cli.doctor.needs import Needs, Resource
from sluice.cli.doctor.standing_stacks import Standing
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


def leftovers(account: Account, needs: Needs, stood: Standing) -> Finding:
    """Look for each name that the stacks give, unless it is in one of them already."""
    taken, looked = [], 0
    for resource in needs.resources:
        name = given_name(resource)
        if name is None or stood.has(resource.type, name):
            continue
        looked += 1
        if KINDS[resource.type].find(account, name):
            taken.append((resource, name))
    if not taken:
        return well(f"none of {counted(looked, 'name')} that would be new is taken")
    said = ", ".join(f"{resource.type} {name}" for resource, name in taken)
    commands = "; ".join(f"`{KINDS[resource.type].remove.format(name)}`" for resource, name in taken)
    keep = ""
    if any(resource.type in HOLDING_DATA for resource, _ in taken):
        keep = (
            " What holds data you need stays with another `database_prefix` in environments.yaml, or is taken over by "
            "`npx aws-cdk@2 import STACK`, where CloudFormation imports its type."
        )
    return Finding(
        "failed",
        f"these names are taken, by nothing in the environment's stacks: {said}",
        f"see whose each is. What nobody needs goes by {commands}, with all that is in it.{keep}",
    )
