from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from localaws.cloudformation.errors import (
    DependencyCycle,
    ResourceFailed,
    StackFailed,
    UnknownIntrinsic,
    UnknownProperty,
    UnknownResourceType,
    UnresolvedReference,
)
from localaws.cloudformation.providers import custom_resource
from localaws.server import LocalAws

Deploy = Callable[..., Any]


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def parameter(value: Any, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}, **more}


#: Fails when it is made, after what it refers to.
def failing(after: str) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "DependsOn": after,
        "Properties": {"Queues": ["http://127.0.0.1/none"], "PolicyDocument": {}},
    }


def read(aws: LocalAws, name: str) -> str:
    return str(aws.context.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def exists(aws: LocalAws, name: str) -> bool:
    ssm = aws.context.client("ssm")
    return bool(ssm.get_parameters(Names=[name])["Parameters"])


def attribute(aws: LocalAws, url: str, name: str) -> str | None:
    found = aws.context.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    value: str | None = found["Attributes"].get(name)
    return value


def test_resources_are_made_in_the_order_of_their_references(deploy: Deploy, local_aws: LocalAws) -> None:
    stack = deploy(A=parameter({"Fn::GetAtt": ["Z", "Arn"]}), Z=queue(), outputs={"Name": {"Value": {"Ref": "A"}}})
    made = [e.logical_id for e in stack.events if e.status == "CREATE_COMPLETE"]
    assert made == ["Z", "A", stack.name]
    assert read(local_aws, stack.outputs["Name"].value) == stack.resources["Z"].outcome.attributes["Arn"]
    assert stack.status == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("bad", "error", "named"),
    [
        (queue(Colour="red"), UnknownProperty, r"/Bad \(AWS::SQS::Queue\): the property Colour"),
        ({"Type": "AWS::SQS::Nothing"}, UnknownResourceType, r"/Bad: the resource type AWS::SQS::Nothing"),
        (queue(QueueName={"Ref": "Gone"}), UnresolvedReference, r"/Bad\.Properties\.QueueName\.Ref.*'Gone'"),
        (queue(QueueName={"Fn::GetAtt": ["Good", "Colour"]}), UnresolvedReference, "no attribute 'Colour'"),
        ({**queue(), "UpdatePolicy": {}}, UnknownIntrinsic, "UpdatePolicy"),
        ({**queue(), "DeletionPolicy": "Snapshot"}, UnknownProperty, "Snapshot"),
        ({**queue(), "DependsOn": "Bad"}, DependencyCycle, "Bad"),
    ],
)
def test_an_unknown_property_is_refused_by_name_before_anything_is_created(
    deploy: Deploy, local_aws: LocalAws, stack_name: str, bad: Any, error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        deploy(Good=parameter("x"), Bad=bad)
    assert stack_name not in local_aws.engine.stacks


def test_a_nested_unknown_property_is_named_with_its_path(deploy: Deploy) -> None:
    rule = {"Status": "Enabled", "Hope": 1}
    with pytest.raises(UnknownProperty, match=r"LifecycleConfiguration\.Rules\.Hope"):
        deploy(B={"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": {"Rules": [rule]}}})


def test_the_same_template_again_changes_nothing(deploy: Deploy) -> None:
    first = deploy(Q=queue(), P=parameter("a"))
    events = len(first.events)
    again = deploy(Q=queue(), P=parameter("a"))
    assert {e.logical_id for e in again.events[events:]} == {first.name}


def test_a_changed_property_changes_the_resource_in_place(deploy: Deploy, local_aws: LocalAws) -> None:
    url = deploy(Q=queue(VisibilityTimeout=10)).resources["Q"].outcome.physical_id
    stack = deploy(Q=queue(VisibilityTimeout=20))
    assert stack.resources["Q"].outcome.physical_id == url
    assert attribute(local_aws, url, "VisibilityTimeout") == "20"
    deploy(Q=queue())
    assert attribute(local_aws, url, "VisibilityTimeout") == "30"


def test_a_change_that_needs_another_resource_replaces_it_and_deletes_the_old_last(
    deploy: Deploy, local_aws: LocalAws
) -> None:
    old = deploy(Q=queue(), P=parameter({"Fn::GetAtt": ["Q", "QueueName"]})).resources["Q"].outcome.physical_id
    stack = deploy(Q=queue(FifoQueue=True), P=parameter({"Fn::GetAtt": ["Q", "QueueName"]}))
    new = stack.resources["Q"].outcome
    assert new.physical_id != old
    assert read(local_aws, stack.resources["P"].outcome.physical_id) == new.attributes["QueueName"]
    assert old not in local_aws.context.client("sqs").list_queues().get("QueueUrls", [])
    statuses = [(e.logical_id, e.status) for e in stack.events]
    assert statuses.index(("P", "UPDATE_COMPLETE")) < statuses.index(("Q", "DELETE_COMPLETE"))


def test_a_replacement_cannot_keep_its_explicit_name(deploy: Deploy, stack_name: str) -> None:
    table = {
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TableName": stack_name,
    }
    deploy(T={"Type": "AWS::DynamoDB::Table", "Properties": table})
    other = json.loads(json.dumps(table).replace('"a"', '"b"'))
    with pytest.raises(StackFailed, match="TableName"):
        deploy(T={"Type": "AWS::DynamoDB::Table", "Properties": other})


def test_a_removed_resource_is_deleted_unless_it_is_retained(deploy: Deploy, local_aws: LocalAws) -> None:
    stack = deploy(Gone=parameter("a"), Kept=parameter("b", DeletionPolicy="Retain"), Stays=parameter("c"))
    names = {name: d.outcome.physical_id for name, d in stack.resources.items()}
    assert set(deploy(Stays=parameter("c")).resources) == {"Stays"}
    assert [exists(local_aws, names[n]) for n in ("Gone", "Kept", "Stays")] == [False, True, True]


def test_a_failing_creation_removes_what_it_had_made(deploy: Deploy, local_aws: LocalAws, stack_name: str) -> None:
    with pytest.raises(StackFailed, match=rf"{stack_name}/Bad \(AWS::SQS::QueuePolicy\) failed: sqs:.*") as caught:
        deploy(P=parameter("a"), Bad=failing("P"))
    stack = local_aws.engine.stacks[stack_name]
    assert (caught.value.status, stack.status, stack.resources) == ("ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", {})
    name = next(e.physical_id for e in stack.events if e.logical_id == "P" and e.physical_id)
    assert not exists(local_aws, name)
    assert ("Bad", "CREATE_FAILED") in [(e.logical_id, e.status) for e in stack.events]
    assert deploy(P=parameter("a")).status == "CREATE_COMPLETE"


def test_a_failing_update_restores_the_old_properties(deploy: Deploy, local_aws: LocalAws) -> None:
    first = deploy(P=parameter("old"), Q=queue(), Unused=parameter("kept"))
    names = {name: d.outcome.physical_id for name, d in first.resources.items()}
    with pytest.raises(StackFailed, match="as it was before the update"):
        deploy(P=parameter("new"), Q=queue(FifoQueue=True), N=parameter("n"), Bad=failing("N"))
    stack = local_aws.engine.stacks[first.name]
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert read(local_aws, names["P"]) == "old"
    assert {name: d.outcome.physical_id for name, d in stack.resources.items()} == names
    made = next(e.physical_id for e in stack.events if e.logical_id == "N" and e.physical_id)
    assert not exists(local_aws, made)
    assert [u for u in local_aws.context.client("sqs").list_queues()["QueueUrls"] if f"/{first.name}-Q" in u] == [
        names["Q"]
    ]
    assert deploy(P=parameter("newer")).status == "UPDATE_COMPLETE"
    assert read(local_aws, names["P"]) == "newer"


def test_deleting_a_stack_keeps_what_it_retains(deploy: Deploy, local_aws: LocalAws) -> None:
    stack = deploy(Gone=parameter("a"), Kept=parameter("b", DeletionPolicy="Retain"))
    names = {name: d.outcome.physical_id for name, d in stack.resources.items()}
    local_aws.engine.delete(stack.name)
    assert (exists(local_aws, names["Gone"]), exists(local_aws, names["Kept"])) == (False, True)
    assert local_aws.engine.find(stack.id).status == "DELETE_COMPLETE"


def test_a_bucket_with_objects_is_not_deleted(deploy: Deploy, local_aws: LocalAws) -> None:
    stack = deploy(B={"Type": "AWS::S3::Bucket"})
    bucket, s3 = stack.resources["B"].outcome.physical_id, local_aws.context.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with pytest.raises(StackFailed, match="not empty"):
        local_aws.engine.delete(stack.name)
    assert stack.status == "DELETE_FAILED"
    s3.delete_object(Bucket=bucket, Key="k")
    local_aws.engine.delete(stack.name)


def test_an_export_in_use_cannot_change(deploy: Deploy, local_aws: LocalAws, stack_name: str) -> None:
    def export(value: str) -> dict[str, Any]:
        return {"O": {"Value": value, "Export": {"Name": f"{stack_name}-x"}}}

    deploy(P=parameter("a"), outputs=export("1"))
    user = {"Resources": {"U": parameter({"Fn::ImportValue": f"{stack_name}-x"})}}
    local_aws.engine.deploy(f"{stack_name}-user", json.dumps(user))
    with pytest.raises(StackFailed, match=f"in use by {stack_name}-user"):
        deploy(P=parameter("a"), outputs=export("2"))
    with pytest.raises(ResourceFailed, match="in use"):
        local_aws.engine.delete(stack_name)


def custom(**properties: Any) -> dict[str, Any]:
    token = "arn:aws:lambda:us-east-1:123456789012:function:f"
    return {"Type": "Custom::Thing", "Properties": {"ServiceToken": token, **properties}}


@pytest.fixture
def function(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Plays the function: answers each event through its URL; returns the events it was called with."""
    import urllib.request

    events: list[dict[str, Any]] = []

    def invoke(ctx: Any, token: str, event: Any) -> str | None:
        events.append(dict(event))
        given = event["ResourceProperties"]
        if given.get("Dies"):
            return 'Unhandled: {"errorMessage": "boom"}'
        answer: dict[str, Any] = {
            "Status": "SUCCESS",
            "PhysicalResourceId": given.get("Id", "thing"),
            "Data": {"N": given.get("n")},
        }
        if given.get("Long"):
            answer["Reason"] = "x" * 5000
        if given.get("Fails") and event["RequestType"] != "Delete":
            answer = {"Status": "FAILED", "Reason": "no room", "PhysicalResourceId": "half"}
        put = urllib.request.Request(
            event["ResponseURL"], json.dumps(answer).encode(), {"content-type": ""}, method="PUT"
        )
        urllib.request.urlopen(put)
        return None

    monkeypatch.setattr(custom_resource, "invoke", invoke)
    return events


def test_a_custom_resource_is_called_as_cloudformation_calls_it(
    deploy: Deploy, local_aws: LocalAws, function: list[dict[str, Any]]
) -> None:
    stack = deploy(C=custom(n=1, flag=True), P=parameter({"Fn::GetAtt": ["C", "N"]}))
    event = function[0]
    assert event["RequestType"] == "Create"
    assert (event["ResourceProperties"]["n"], event["ResourceProperties"]["flag"]) == ("1", "true")
    assert (event["StackId"], event["LogicalResourceId"], event["ResourceType"]) == (stack.id, "C", "Custom::Thing")
    assert read(local_aws, stack.resources["P"].outcome.physical_id) == "1"
    deploy(C=custom(n=2), P=parameter({"Fn::GetAtt": ["C", "N"]}))
    assert function[1]["RequestType"] == "Update"
    assert function[1]["PhysicalResourceId"] == "thing"
    assert function[1]["OldResourceProperties"]["n"] == "1"
    deploy(P=parameter("x"))
    assert function[2]["RequestType"] == "Delete"


def test_a_custom_resource_that_answers_with_another_id_has_its_old_one_deleted(
    deploy: Deploy, function: list[dict[str, Any]]
) -> None:
    deploy(C=custom(Id="a"))
    stack = deploy(C=custom(Id="b"))
    assert stack.resources["C"].outcome.physical_id == "b"
    assert [(e["RequestType"], e.get("PhysicalResourceId")) for e in function[1:]] == [("Update", "a"), ("Delete", "a")]


def test_a_custom_resource_that_fails_gives_its_reason_and_is_deleted(
    deploy: Deploy, function: list[dict[str, Any]]
) -> None:
    with pytest.raises(StackFailed, match="no room"):
        deploy(C=custom(Fails="yes"))
    assert [(e["RequestType"], e.get("PhysicalResourceId")) for e in function] == [("Create", None), ("Delete", "half")]


def test_a_rolled_back_creation_says_what_it_retains(deploy: Deploy) -> None:
    kept = parameter("b", DeletionPolicy="Retain")
    with pytest.raises(
        StackFailed, match=r"everything it had made is removed, but for .* stays: Kept \(AWS::SSM::Param"
    ):
        deploy(Gone=parameter("a"), Kept=kept, Bad=failing("Kept"))


def test_a_custom_resource_gets_its_old_properties_back_on_rollback(
    deploy: Deploy, function: list[dict[str, Any]]
) -> None:
    deploy(C=custom(n=1))
    with pytest.raises(StackFailed):
        deploy(C=custom(n=2), Bad=failing("C"))
    last = function[-1]
    assert (last["RequestType"], last["ResourceProperties"]["n"], last["OldResourceProperties"]["n"]) == (
        "Update",
        "1",
        "2",
    )


def test_an_answer_longer_than_cloudformation_takes_is_a_failure(
    deploy: Deploy, function: list[dict[str, Any]]
) -> None:
    with pytest.raises(StackFailed, match=r"Response object is too long.*4,096"):
        deploy(C=custom(Long="yes"))


def test_a_function_that_dies_without_answering_is_noticed_at_once(
    deploy: Deploy, function: list[dict[str, Any]]
) -> None:
    with pytest.raises(StackFailed, match=r"died on Create without answering.*boom"):
        deploy(C=custom(Dies="yes"))


def test_a_function_that_stays_silent_runs_into_the_service_timeout(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom_resource, "invoke", lambda ctx, token, event: None)
    with pytest.raises(StackFailed, match=r"did not answer Create within 0\.1 s"):
        deploy(C=custom(ServiceTimeout="0.1"))


def test_clients_read_stacks_through_the_api(deploy: Deploy, local_aws: LocalAws) -> None:
    stack = deploy(P=parameter("a"), outputs={"O": {"Value": {"Ref": "P"}}}, tags={"team": "data"})
    cfn = local_aws.context.client("cloudformation")
    found = cfn.describe_stacks(StackName=stack.name)["Stacks"][0]
    name = stack.resources["P"].outcome.physical_id
    assert found["Outputs"] == [{"OutputKey": "O", "OutputValue": name}]
    assert (found["StackStatus"], found["Tags"]) == ("CREATE_COMPLETE", [{"Key": "team", "Value": "data"}])
    assert cfn.list_stack_resources(StackName=stack.name)["StackResourceSummaries"][0]["PhysicalResourceId"] == name
    assert cfn.describe_stack_resources(StackName=stack.name)["StackResources"][0]["LogicalResourceId"] == "P"
    assert cfn.describe_stack_resource(StackName=stack.name, LogicalResourceId="P")["StackResourceDetail"]
    assert cfn.describe_stack_events(StackName=stack.name)["StackEvents"][0]["ResourceStatus"] == "CREATE_COMPLETE"
    assert cfn.get_template(StackName=stack.name)["TemplateBody"]
    assert stack.name in [s["StackName"] for s in cfn.list_stacks()["StackSummaries"]]
    with pytest.raises(cfn.exceptions.ClientError, match="does not exist"):
        cfn.describe_stacks(StackName="no-such-stack")


def test_of_two_events_the_later_one_has_a_later_millisecond(deploy: Deploy) -> None:
    stack = deploy(**{f"P{number}": parameter("a") for number in range(20)})
    times = [event.at for event in stack.events]
    assert len(times) == 42
    assert times == sorted({at.replace(microsecond=at.microsecond // 1000 * 1000) for at in times})


def test_events_come_in_pages_newest_first_which_new_ones_do_not_move(deploy: Deploy, local_aws: LocalAws) -> None:
    for value in range(60):
        stack = deploy(P=parameter(str(value)))
    cfn = local_aws.context.client("cloudformation")
    every = [event.id for event in reversed(stack.events)]
    first = cfn.describe_stack_events(StackName=stack.name)
    deploy(P=parameter("new"))
    found = [event["EventId"] for event in first["StackEvents"]]
    assert found == every[:100] != every
    while token := first.get("NextToken"):
        first = cfn.describe_stack_events(StackName=stack.name, NextToken=token)
        found += [event["EventId"] for event in first["StackEvents"]]
    assert found == every
    with pytest.raises(cfn.exceptions.ClientError, match="NextToken 99999 is none"):
        cfn.describe_stack_events(StackName=stack.name, NextToken="99999")


def settled(cfn: Any, name: str) -> str:
    for _ in range(200):
        status: str = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.02)
    raise AssertionError("the stack did not settle")


def test_clients_create_update_and_delete_stacks_through_the_api(local_aws: LocalAws, stack_name: str) -> None:
    cfn = local_aws.context.client("cloudformation")

    def body(value: str) -> str:
        return json.dumps({"Parameters": {"V": {"Type": "String"}}, "Resources": {"P": parameter({"Ref": "V"})}})

    given = [{"ParameterKey": "V", "ParameterValue": "1"}]
    cfn.create_stack(StackName=stack_name, TemplateBody=body("1"), Parameters=given)
    assert settled(cfn, stack_name) == "CREATE_COMPLETE"
    name = cfn.list_stack_resources(StackName=stack_name)["StackResourceSummaries"][0]["PhysicalResourceId"]
    changed = [{"ParameterKey": "V", "ParameterValue": "2"}]
    cfn.update_stack(StackName=stack_name, UsePreviousTemplate=True, Parameters=changed)
    assert settled(cfn, stack_name) == "UPDATE_COMPLETE"
    assert read(local_aws, name) == "2"
    cfn.delete_stack(StackName=stack_name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack_name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    assert not exists(local_aws, name)


def test_a_change_set_creates_and_then_finds_nothing_to_change(local_aws: LocalAws, stack_name: str) -> None:
    cfn, s3 = local_aws.context.client("cloudformation"), local_aws.context.client("s3")
    s3.create_bucket(Bucket=stack_name)
    s3.put_object(Bucket=stack_name, Key="t.json", Body=json.dumps({"Resources": {"P": parameter("a")}}))
    url = f"https://{stack_name}.s3.us-east-1.amazonaws.com/t.json"
    cfn.create_change_set(StackName=stack_name, ChangeSetName="one", ChangeSetType="CREATE", TemplateURL=url)
    found = cfn.describe_change_set(StackName=stack_name, ChangeSetName="one")
    assert (found["Status"], found["Changes"][0]["ResourceChange"]["Action"]) == ("CREATE_COMPLETE", "Add")
    cfn.execute_change_set(StackName=stack_name, ChangeSetName="one")
    assert settled(cfn, stack_name) == "CREATE_COMPLETE"
    cfn.create_change_set(StackName=stack_name, ChangeSetName="two", TemplateURL=url)
    again = cfn.describe_change_set(StackName=stack_name, ChangeSetName="two")
    assert (again["Status"], "didn't contain changes" in again["StatusReason"]) == ("FAILED", True)
    cfn.delete_change_set(StackName=stack_name, ChangeSetName="two")
