"""Workflows: JSONata, roles, integrations, errors; and what is refused."""

# ruff: noqa: F811  `ctx` is a fixture

import json
from typing import Any

import pytest

from localaws.context import Context
from localaws.stepfunctions.definition import problems
from tests.localaws.running import EVERYTHING, ctx, function, role, until  # noqa: F401

LAMBDA = "arn:aws:states:::lambda:invoke"
WORKFLOW: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Lock",
    "States": {
        "Lock": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Arguments": {
                "TableName": "locks",
                "Item": {"pk": {"S": "refresh"}, "owner": {"S": "{% $states.context.Execution.Id %}"}},
                "ConditionExpression": "attribute_not_exists(pk)",
            },
            "Assign": {"round": 1, "said": 'a "quoted" text', "owner": "{% $states.context.Execution.Id %}"},
            "Catch": [{"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "Next": "Busy"}],
            "Next": "Who",
        },
        "Who": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
            "Arguments": {"ExecutionArn": "{% $owner %}"},
            "Assign": {"started": "{% $states.result.StartDate %}", "status": "{% $states.result.Status %}"},
            "Next": "Plan",
        },
        "Plan": {
            "Type": "Task",
            "Resource": LAMBDA,
            "Arguments": {"FunctionName": "plan", "Payload": {"round": "{% $round %}"}},
            "Output": "{% $states.result.Payload %}",
            "Next": "More",
        },
        "More": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.go %}", "Next": "Each"}],
            "Default": "Unlock",
        },
        "Each": {
            "Type": "Map",
            "Items": "{% $states.input.items %}",
            "MaxConcurrency": 2,
            "ItemProcessor": {
                "StartAt": "Work",
                "States": {
                    "Work": {
                        "Type": "Task",
                        "Resource": LAMBDA,
                        "Arguments": {"FunctionName": "work", "Payload": "{% $states.input %}"},
                        "Output": "{% $states.result.Payload.done %}",
                        "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "MaxAttempts": 2}],
                        "Catch": [
                            {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "Bad"}
                        ],
                        "End": True,
                    },
                    "Bad": {"Type": "Pass", "End": True},
                },
            },
            "Assign": {"round": "{% $round + 1 %}", "results": "{% $states.result %}"},
            "Next": "Plan",
        },
        "Unlock": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:deleteItem",
            "Arguments": {"TableName": "locks", "Key": {"pk": {"S": "refresh"}}},
            "Output": {
                "results": "{% $results %}",
                "rounds": "{% $round %}",
                "said": "{% $said %}",
                "status": "{% $status %}",
                "started": "{% $started %}",
            },
            "End": True,
        },
        "Busy": {"Type": "Succeed", "Output": {"busy": True}},
    },
}


@pytest.fixture(scope="module")
def workflow_role(ctx: Context) -> str:
    account = ctx.account
    function(ctx, "plan", "def handler(e, c): return {'go': e['round'] < 2, 'items': [{'id': n} for n in range(3)]}")
    function(ctx, "work", "def handler(e, c):\n  if e['id'] == 1: raise ValueError('bad')\n  return {'done': e['id']}")
    ctx.client("dynamodb").create_table(
        TableName="locks",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table = f"arn:aws:dynamodb:us-east-1:{account}:table/locks"
    functions = [f"arn:aws:lambda:us-east-1:{account}:function:{name}" for name in ("plan", "work")]
    return role(
        ctx,
        "workflow",
        {"Action": ["dynamodb:PutItem", "dynamodb:DeleteItem"], "Resource": table},
        {"Action": "lambda:InvokeFunction", "Resource": functions},
        {"Action": ["states:DescribeExecution", "states:StartExecution"], "Resource": "*"},
    )


def run(ctx: Context, name: str, definition: dict[str, Any], role_arn: str, given: Any = None) -> dict[str, Any]:
    """Create a state machine, start it and return the finished execution, its output read."""
    client = ctx.client("stepfunctions")
    arn = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role_arn)["stateMachineArn"]
    started = client.start_execution(stateMachineArn=arn, input=json.dumps(given or {}))["executionArn"]

    def finished() -> dict[str, Any] | None:
        found: dict[str, Any] = client.describe_execution(executionArn=started)
        return None if found["status"] == "RUNNING" else found

    execution = until(finished)
    assert execution is not None
    return {**execution, "output": json.loads(execution.get("output") or "null")}


def single(state: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": {"End": True, **state}}, **options}


@pytest.mark.slow
def test_a_refresh_locks_maps_loops_and_unlocks(ctx: Context, workflow_role: str) -> None:
    done = run(ctx, "refresh", WORKFLOW, workflow_role)
    assert done["status"] == "SUCCEEDED", done
    assert done["output"]["results"] == [0, "ValueError", 2]
    assert (done["output"]["rounds"], done["output"]["said"]) == (2, 'a "quoted" text')
    assert done["output"]["status"] == "RUNNING"
    assert done["output"]["started"].startswith("20")
    assert ctx.client("dynamodb").scan(TableName="locks")["Items"] == []


def test_a_lock_that_is_taken_is_caught_by_its_error(ctx: Context, workflow_role: str) -> None:
    ctx.client("dynamodb").put_item(TableName="locks", Item={"pk": {"S": "refresh"}})
    assert run(ctx, "busy", WORKFLOW, workflow_role)["output"] == {"busy": True}
    ctx.client("dynamodb").delete_item(TableName="locks", Key={"pk": {"S": "refresh"}})


def test_a_task_may_do_what_the_workflows_role_may(ctx: Context, workflow_role: str) -> None:
    state = {"Type": "Task", "Resource": LAMBDA, "Arguments": {"FunctionName": "stranger"}}
    function(ctx, "stranger", "def handler(e, c): return 1")
    failed = run(ctx, "forbidden", single(state), workflow_role)
    assert (failed["status"], failed["error"]) == ("FAILED", "Lambda.AccessDeniedException")
    assert "assumed-role/workflow/" in failed["cause"]


def test_a_nested_workflow_gives_its_output(ctx: Context, workflow_role: str) -> None:
    child = single({"Type": "Pass", "Output": {"n": "{% $states.input.n + 1 %}"}})
    arn = ctx.client("stepfunctions").create_state_machine(
        name="child", definition=json.dumps(child), roleArn=workflow_role
    )["stateMachineArn"]
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": arn, "Input": {"n": "{% $states.input.n %}"}},
        "Output": "{% $states.result.Output %}",
    }
    assert run(ctx, "parent", single(state), workflow_role, {"n": 1})["output"] == {"n": 2}


def test_an_output_that_is_text_is_json(ctx: Context, workflow_role: str) -> None:
    assert run(ctx, "text", single({"Type": "Pass", "Output": "{% 'a' & '\"' %}"}), workflow_role)["output"] == 'a"'


def test_an_athena_query_is_waited_for_and_its_failure_is_the_tasks(ctx: Context) -> None:
    ctx.client("s3").create_bucket(Bucket="workflow-results")
    everything = role(ctx, "everything", EVERYTHING)
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
        "Arguments": {
            "QueryString": "{% $states.input.sql %}",
            "ResultConfiguration": {"OutputLocation": "s3://workflow-results/"},
        },
        "Output": "{% $states.result.QueryExecution.Status.State %}",
    }
    assert run(ctx, "query", single(state), everything, {"sql": "select 1 x"})["output"] == "SUCCEEDED"
    failed = run(ctx, "bad-query", single(state), everything, {"sql": "select nope"})
    assert (failed["error"], "COLUMN_NOT_FOUND" in failed["cause"]) == ("States.TaskFailed", True)


def test_branches_run_and_an_expression_that_gives_nothing_fails(ctx: Context, workflow_role: str) -> None:
    branches = [single({"Type": "Pass", "Output": value}) for value in ("{% [1] %}", "{% null %}")]
    for branch in branches:
        del branch["QueryLanguage"]
    assert run(ctx, "branches", single({"Type": "Parallel", "Branches": branches}), workflow_role)["output"] == [
        [1],
        None,
    ]
    failed = run(ctx, "nothing", single({"Type": "Pass", "Output": "{% $states.input.no %}"}), workflow_role)
    assert failed["error"] == "States.QueryEvaluationError"


def test_more_than_256_kib_is_too_much(ctx: Context, workflow_role: str) -> None:
    state = {"Type": "Pass", "Output": "{% $pad('x', 300 * 1024) %}"}
    assert run(ctx, "large", single(state), workflow_role)["error"] == "States.DataLimitExceeded"


def test_a_bad_definition_does_not_spoil_the_next(ctx: Context, workflow_role: str) -> None:
    client = ctx.client("stepfunctions")
    bad = single({"Type": "Pass", "Parameters": {}})
    with pytest.raises(client.exceptions.InvalidDefinition, match=r"state S, Parameters"):
        client.create_state_machine(name="bad", definition=json.dumps(bad), roleArn=workflow_role)
    paths = {"StartAt": "S", "States": {"S": {"Type": "Pass", "Parameters": {"a.$": "$.b"}, "End": True}}}
    assert run(ctx, "paths", paths, workflow_role, {"b": 1})["output"] == {"a": 1}


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ({"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync"}, "ecs:runTask"),
        ({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:noSuchThing"}, "noSuchThing"),
        ({"Type": "Task", "Resource": LAMBDA, "Arguments": {"Nope": 1}}, "state S, Nope"),
        ({"Type": "Sleep"}, "'Sleep'"),
        ({"Type": "Pass", "Colour": 1}, "state S, Colour"),
        ({"Type": "Pass", "Output": "{% $( %}"}, "state S, Output"),
        (
            {"Type": "Map", "ToleratedFailureCount": 1, "ItemProcessor": single({"Type": "Pass"})},
            "ToleratedFailureCount",
        ),
        ({"Type": "Pass", "Next": "Nowhere", "End": False}, "'Nowhere'"),
    ],
)
def test_what_is_not_carried_out_is_refused_by_state_and_field(state: dict[str, Any], named: str) -> None:
    assert any(named in problem for problem in problems(json.dumps(single(state))))


def test_the_test_workflow_has_no_problems() -> None:
    assert problems(json.dumps(WORKFLOW)) == []
