"""No policy has a wildcard but those listed, and no service is let in for another account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.infra.people_uses import ROLES
from tests.infra.permissions import listed
from tests.infra.templates import ACCOUNT, Cloud

#: Actions that know no resources, by role.
WITHOUT_RESOURCES = {
    ("RefreshRole", "logs:CreateLogDelivery"): "Log delivery: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
    ("RefreshRole", "logs:GetLogDelivery"): "Log delivery, as above.",
    ("RefreshRole", "logs:UpdateLogDelivery"): "Log delivery, as above.",
    ("RefreshRole", "logs:DeleteLogDelivery"): "Log delivery, as above.",
    ("RefreshRole", "logs:ListLogDeliveries"): "Log delivery, as above.",
    ("RefreshRole", "logs:PutResourcePolicy"): "Log delivery, as above.",
    ("RefreshRole", "logs:DescribeResourcePolicies"): "Log delivery, as above.",
    ("RefreshRole", "logs:DescribeLogGroups"): "Log delivery, as above.",
    ("RefreshRole", "xray:PutTraceSegments"): "X-Ray has no resources for segments.",
    ("RefreshRole", "xray:PutTelemetryRecords"): "X-Ray has no resources for telemetry.",
    ("RefreshRole", "xray:GetSamplingRules"): "X-Ray has no resources for sampling.",
    ("RefreshRole", "xray:GetSamplingTargets"): "X-Ray has no resources for sampling.",
    ("SparkRole", "cloudwatch:PutMetricData"): "Knows no resources; a condition holds it to the namespace Glue.",
    ("StewardRole", "lambda:ListEventSourceMappings"): "AWS knows no resources of it.",
    ("StewardRole", "cloudwatch:GetMetricData"): "CloudWatch knows no resources of metrics.",
    ("OperatorRole", "lambda:ListEventSourceMappings"): "AWS knows no resources of it.",
    ("OperatorRole", "cloudwatch:GetMetricData"): "CloudWatch knows no resources of metrics.",
}  # fmt: skip


def allowed(cloud: Cloud) -> Iterator[tuple[str, str, str]]:
    """Yield (role, action, resource) of every identity policy."""
    for policy in cloud.resources("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    yield policy.properties["Roles"][0], action, resource


def test_no_action_has_a_wildcard(cloud: Cloud) -> None:
    assert [each for each in allowed(cloud) if "*" in each[1]] == []


def test_no_resource_is_everything_but_where_aws_knows_no_resources(cloud: Cloud) -> None:
    assert {(role, action) for role, action, resource in allowed(cloud) if resource == "*"} == set(WITHOUT_RESOURCES)


def test_no_policy_reaches_a_whole_service(cloud: Cloud) -> None:
    for role, action, resource in allowed(cloud):
        if resource != "*":
            name = resource.split(":", 5)[5]
            assert not name.startswith("*"), (role, action, resource)


def test_no_role_has_a_managed_policy(cloud: Cloud) -> None:
    assert [role.name for role in cloud.resources("AWS::IAM::Role") if "ManagedPolicyArns" in role.properties] == []


def test_roles_are_taken_only_by_the_one_service_they_are_for(cloud: Cloud) -> None:
    for role in (each for each in cloud.resources("AWS::IAM::Role") if each.name not in ROLES):
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        assert set(statement["Principal"]) == {"Service"}
        assert isinstance(statement["Principal"]["Service"], str)


#: Of whom AWS documents no `aws:SourceAccount`: a role that asked for it could not be taken.
SAYS_NOT_FOR_WHOM = {"glue.amazonaws.com"}


def test_a_service_takes_a_role_for_this_account_alone(cloud: Cloud) -> None:
    for role in (each for each in cloud.resources("AWS::IAM::Role") if each.name not in ROLES):
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        condition = statement.get("Condition", {})
        said = statement["Principal"]["Service"] not in SAYS_NOT_FOR_WHOM
        expected = {"aws:SourceAccount": ACCOUNT} if said else None
        assert condition.get("StringEquals") == expected, role.name


def test_the_workflows_role_is_for_the_workflow_alone(cloud: Cloud) -> None:
    role = cloud.resource("AWS::IAM::Role", "RefreshRole")
    (machine,) = cloud.resources("AWS::StepFunctions::StateMachine")
    (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["ArnEquals"] == {"aws:SourceArn": cloud.arn(machine)}


def resource_statements(cloud: Cloud) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what every bucket, queue, topic and key says of others, with its name."""
    for each in cloud.resources():
        for key in ("PolicyDocument", "KeyPolicy"):
            document = each.properties.get(key) if not each.type.startswith("AWS::IAM") else None
            yield from ((each.name, statement) for statement in (document or {}).get("Statement", []))


def test_a_service_is_let_in_for_what_is_this_accounts_alone(cloud: Cloud) -> None:
    found = 0
    for name, statement in resource_statements(cloud):
        if statement["Effect"] != "Allow" or "Service" not in statement["Principal"]:
            continue
        found += 1
        asked = {key: listed(value) for test in statement["Condition"].values() for key, value in test.items()}
        assert asked.keys() <= {"aws:SourceAccount", "aws:SourceArn", "kms:EncryptionContext:aws:logs:arn"}
        # Of a bucket's ARN nobody knows whose it is.
        assert any(all(account_of(value) == ACCOUNT for value in values) for values in asked.values()), (name, asked)
    assert found >= 3
    for permission in cloud.resources("AWS::Lambda::Permission"):
        assert account_of(permission.properties["SourceArn"]) == ACCOUNT, permission.name


def account_of(value: str) -> str:
    """Return the account that an ARN names, or that is given itself."""
    return value.split(":")[4] if value.startswith("arn:") else value


def test_a_key_is_used_by_way_of_a_service(cloud: Cloud) -> None:
    found = 0
    for policy in cloud.resources("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if any(action.startswith("kms:") for action in listed(statement["Action"])):
                found += 1
                via = statement["Condition"]["StringEquals"]["kms:ViaService"].split(".", 1)
                assert via[0] in {"s3", "sqs", "sns", "kinesis", "dynamodb"}, policy.name
                assert via[1] == f"{cloud.environment.region}.amazonaws.com", policy.name
    assert found >= 10
