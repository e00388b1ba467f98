"""Both ends of every wire: who calls may call, who is called lets itself be called, and nobody may do more."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from localaws.iam.policies import parse
from sluice.pace_items import PARTITION
from tests.folders import ROOT
from tests.infra.handler_calls import actions_of
from tests.infra.people_uses import ROLES
from tests.infra.permissions import granted, listed, may
from tests.infra.templates import ACCOUNT, Cloud, Resource
from tests.infra.uses import USES, WHERE_NOTHING_IS_KEPT, named_in, uses_in
from tests.step_functions.test_asl import states

HANDLERS = sorted((ROOT / "lambdas").glob("*/handler.py"))
FUNCTIONS = {"".join(part.title() for part in path.parent.name.split("_")): path for path in HANDLERS}
_TASKS = {
    "lambda:invoke": ("lambda:InvokeFunction", "FunctionName"),
    "dynamodb:getItem": ("dynamodb:GetItem", "TableName"),
    "dynamodb:putItem": ("dynamodb:PutItem", "TableName"),
    "dynamodb:updateItem": ("dynamodb:UpdateItem", "TableName"),
    "dynamodb:deleteItem": ("dynamodb:DeleteItem", "TableName"),
    "aws-sdk:sfn:describeExecution": ("states:DescribeExecution", "ExecutionArn"),
    "aws-sdk:sfn:startExecution": ("states:StartExecution", "StateMachineArn"),
    "glue:startJobRun.sync": ("glue:StartJobRun", "JobName"),
}
#: What Step Functions calls beside the action itself, under the workflow's role, to wait for a job's end.
_WAITS = {"glue:StartJobRun": ("glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun")}

#: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
_POLLS = {
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "kinesis": ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"),
}


def conditions(action: str) -> dict[str, str]:
    return {"cloudwatch:namespace": "Glue"} if action == "cloudwatch:PutMetricData" else {}


def via(cloud: Cloud) -> dict[str, str]:
    """The key of objects is used by S3, and the ledger's items are those by which the pace is kept."""
    return {"kms:viaservice": f"s3.{cloud.environment.region}.amazonaws.com", "dynamodb:leadingkeys": PARTITION}


def tasks(cloud: Cloud, machine: Resource) -> Iterator[tuple[str, str, str]]:
    """Yield (state, action, resource ARN) of every task, its placeholders filled as the template fills them."""
    text = machine.properties["DefinitionString"]
    for name, value in machine.properties["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{name}}}", value)
    for name, state in states(json.loads(text)):
        if state["Type"] != "Task":
            continue
        action, argument = _TASKS[state["Resource"].removeprefix("arn:aws:states:::")]
        target = state["Arguments"][argument]
        at = f"{cloud.environment.region}:{ACCOUNT}"
        if argument == "TableName":
            target = f"arn:aws:dynamodb:{at}:table/{target}"
        elif argument == "ExecutionArn":  # an execution of this very workflow, whose name is known only at run time
            target = f"arn:aws:states:{at}:execution:{machine.properties['StateMachineName']}:one"
        elif argument == "StateMachineArn":  # itself, as the context object calls it
            assert target == "{% $states.context.StateMachine.Id %}"
            target = f"arn:aws:states:{at}:stateMachine:{machine.properties['StateMachineName']}"
        elif argument == "JobName":
            target = f"arn:aws:glue:{at}:job/{target}"
        for each in (action, *_WAITS.get(action, ())):
            yield name, each, target


def unused(cloud: Cloud, role: str, uses: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what a role may do and nobody uses it for.

    What has no resources is listed in test_policies; the key's uses follow from the others, by test_keys.
    """
    return [
        (action, pattern)
        for action, pattern in sorted(granted(cloud, role))
        if pattern != "*"
        and not action.startswith("kms:")
        and not any(used == action and _fits(pattern, resource) for used, resource in uses)
    ]


def _fits(pattern: str, resource: str) -> bool:
    statement = {"Effect": "Allow", "Action": "any:thing", "Resource": pattern}
    return parse(json.dumps({"Statement": [statement]}))[0].is_resource(resource)


# ---- who calls


def test_every_function_is_in_the_list_of_uses() -> None:
    assert set(USES) == set(FUNCTIONS) | {"Spark"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_call_in_a_handlers_code_is_in_the_list_of_uses(function: str) -> None:
    assert actions_of(FUNCTIONS[function]) <= {action for action, _ in USES[function]}


@pytest.mark.parametrize("function", USES)
def test_every_use_is_allowed(cloud: Cloud, function: str) -> None:
    uses, at = uses_in(cloud.environment, function), via(cloud)
    assert [use for use in sorted(uses) if not may(cloud, f"{function}Role", *use, **at)] == []


@pytest.mark.parametrize("function", USES)
def test_nothing_is_allowed_that_is_not_used(cloud: Cloud, function: str) -> None:
    shipped = {("s3:GetObject", pattern) for _, pattern in granted(cloud, f"{function}Role") if "cdk-hnb" in pattern}
    assert len(shipped) == (2 if function == "Spark" else 0)  # its script, and the code that it imports
    assert unused(cloud, f"{function}Role", uses_in(cloud.environment, function) | shipped) == []


@pytest.mark.parametrize("function", ["Sweep", "IngestStream", "CommitTable", "PlanRefresh"])
def test_who_keeps_the_pace_changes_no_other_item_of_the_ledger_by_that(cloud: Cloud, function: str) -> None:
    ledger = f"arn:aws:dynamodb:{cloud.environment.region}:{ACCOUNT}:table/Ledger"
    name = named_in(cloud.environment, ledger)
    keys = {"pace": PARTITION, "another": "refresh"}
    may_ = {
        what: may(cloud, f"{function}Role", "dynamodb:UpdateItem", name, **{"dynamodb:leadingkeys": key})
        for what, key in keys.items()
    }
    assert may_ == {"pace": True, "another": False}


def test_every_task_of_a_workflow_is_allowed_on_its_very_resource(cloud: Cloud) -> None:
    (machine,) = cloud.resources("AWS::StepFunctions::StateMachine")
    role = machine.properties["RoleArn"].rpartition("/")[2]
    wanted = list(tasks(cloud, machine))
    assert len(wanted) >= 8
    assert [each for each in wanted if not may(cloud, role, each[1], each[2])] == []
    assert unused(cloud, role, {(action, resource) for _, action, resource in wanted}) == []


def test_no_role_is_left_out(cloud: Cloud) -> None:
    there = set(USES) - (WHERE_NOTHING_IS_KEPT if cloud.environment.keep_data else set())
    checked = {f"{name}Role" for name in there} | {"RefreshRole", "StartRefreshRole"} | ROLES
    assert {role.name for role in cloud.resources("AWS::IAM::Role")} == checked


def test_the_spark_job_may_send_metrics_to_glues_namespace_only(cloud: Cloud) -> None:
    assert may(cloud, "SparkRole", "cloudwatch:PutMetricData", "*", **{"cloudwatch:namespace": "Glue"})
    assert not may(cloud, "SparkRole", "cloudwatch:PutMetricData", "*", **{"cloudwatch:namespace": "Billing"})


# ---- who is called


def test_every_rule_reaches_its_target(cloud: Cloud) -> None:
    queues = {cloud.arn(queue): queue for queue in cloud.resources("AWS::SQS::Queue")}
    functions = {cloud.arn(function): function for function in cloud.resources("AWS::Lambda::Function")}
    machines = {cloud.arn(machine): machine for machine in cloud.resources("AWS::StepFunctions::StateMachine")}
    for rule in cloud.resources("AWS::Events::Rule"):
        for target in rule.properties["Targets"]:
            if target["Arn"] in queues:
                assert queue_lets_in(cloud, queues[target["Arn"]], rule), rule.name
            elif target["Arn"] in functions:
                assert function_lets_in(cloud, functions[target["Arn"]], rule), rule.name
            else:
                assert target["Arn"] in machines, f"{rule.name}: nobody checks {target['Arn']}"
                role = target["RoleArn"].rpartition("/")[2]
                assert may(cloud, role, "states:StartExecution", target["Arn"])
                assert principal(cloud, role) == "events.amazonaws.com"
                assert unused(cloud, role, {("states:StartExecution", target["Arn"])}) == []


def queue_lets_in(cloud: Cloud, queue: Resource, rule: Resource) -> bool:
    """Whether the queue's policy lets EventBridge send for this rule, and for no other."""
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and "sqs:SendMessage" in listed(statement["Action"])
        and statement["Resource"] == cloud.arn(queue)
        and statement["Condition"] == {"ArnEquals": {"aws:SourceArn": cloud.arn(rule)}}
        for policy in cloud.resources("AWS::SQS::QueuePolicy")
        if queue.name in policy.properties["Queues"]
        for statement in policy.properties["PolicyDocument"]["Statement"]
    )


def function_lets_in(cloud: Cloud, function: Resource, rule: Resource) -> bool:
    return any(
        permission.properties["Principal"] == "events.amazonaws.com"
        and permission.properties["FunctionName"] in {function.name, cloud.arn(function)}
        and permission.properties.get("SourceArn") == cloud.arn(rule)
        for permission in cloud.resources("AWS::Lambda::Permission")
    )


def principal(cloud: Cloud, role: str) -> str:
    (statement,) = cloud.resource("AWS::IAM::Role", role).properties["AssumeRolePolicyDocument"]["Statement"]
    return str(statement["Principal"]["Service"])


def test_nobody_is_let_into_a_queue_but_the_rules_that_send_to_it(cloud: Cloud) -> None:
    rules = {cloud.arn(rule): rule.properties["Targets"] for rule in cloud.resources("AWS::Events::Rule")}
    for policy in cloud.resources("AWS::SQS::QueuePolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
                sent = [target["Arn"] for target in rules[source]]
                lost = [target["DeadLetterConfig"]["Arn"] for target in rules[source] if "DeadLetterConfig" in target]
                assert statement["Resource"] in [*sent, *lost]


def test_no_function_lets_in_a_service_that_nobody_connected(cloud: Cloud) -> None:
    # Event sources poll under the function's role, workflows and CloudFormation call under their own.
    targets = {target["Arn"] for rule in cloud.resources("AWS::Events::Rule") for target in rule.properties["Targets"]}
    for permission in cloud.resources("AWS::Lambda::Permission"):
        assert permission.properties["FunctionName"] in targets


def test_every_event_source_is_polled_under_a_role_that_may(cloud: Cloud) -> None:
    functions = {function.name: function for function in cloud.resources("AWS::Lambda::Function")}
    mappings = cloud.resources("AWS::Lambda::EventSourceMapping")
    assert mappings
    for mapping in mappings:
        role = functions[mapping.properties["FunctionName"]].properties["Role"].rpartition("/")[2]
        source = mapping.properties["EventSourceArn"]
        service = source.split(":")[2]
        for action in _POLLS[service]:
            assert may(cloud, role, f"{service}:{action}", source), (role, action)
        if service == "kinesis":
            kept = mapping.properties["DestinationConfig"]["OnFailure"]["Destination"]
            assert may(cloud, role, "s3:PutObject", f"{kept}/aws/lambda/one/shard/batch")
            assert may(cloud, role, "s3:ListBucket", kept)


@pytest.mark.parametrize(
    ("type_", "service"),
    [
        ("AWS::Lambda::Function", "lambda.amazonaws.com"),
        ("AWS::Glue::Job", "glue.amazonaws.com"),
        ("AWS::StepFunctions::StateMachine", "states.amazonaws.com"),
    ],
)
def test_every_role_is_given_to_the_service_it_trusts(cloud: Cloud, type_: str, service: str) -> None:
    for resource in cloud.resources(type_):
        role = resource.properties.get("Role") or resource.properties["RoleArn"]
        assert principal(cloud, role.rpartition("/")[2]) == service
