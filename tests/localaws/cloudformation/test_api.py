"""CloudFormation as its clients use it: parameters, protection, failed changes, what `cdk bootstrap` makes."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from localaws.cloudformation.api import OPERATIONS
from localaws.cloudformation.assembly import BOOTSTRAP_PARAMETER
from localaws.server import LocalAws
from tests.localaws.cloudformation.test_engine import parameter, read, settled

FROM_STORE = "AWS::SSM::Parameter::Value<String>"


@pytest.fixture
def cfn(local_aws: LocalAws) -> Any:
    return local_aws.context.client("cloudformation")


def body(kind: str = "String", *, more: str = "", **spec: Any) -> str:
    resources = {"P": parameter({"Ref": "V"}), **({more: parameter("x")} if more else {})}
    return json.dumps({"Parameters": {"V": {"Type": kind, **spec}}, "Resources": resources})


@pytest.mark.slow
def test_a_parameter_of_the_store_keeps_its_name_and_is_read_anew_by_each_update(
    cfn: Any, local_aws: LocalAws, stack_name: str
) -> None:
    """The CDK CLI gives the bootstrap version's previous value again in each deployment but the first."""
    ssm, previous = local_aws.context.client("ssm"), [{"ParameterKey": "V", "UsePreviousValue": True}]
    ssm.put_parameter(Name=f"/{stack_name}", Value="one", Type="String")
    cfn.create_stack(StackName=stack_name, TemplateBody=body(FROM_STORE, Default=f"/{stack_name}"))
    assert settled(cfn, stack_name) == "CREATE_COMPLETE"
    (described,) = cfn.describe_stacks(StackName=stack_name)["Stacks"][0]["Parameters"]
    assert described == {"ParameterKey": "V", "ParameterValue": f"/{stack_name}", "ResolvedValue": "one"}
    ssm.put_parameter(Name=f"/{stack_name}", Value="two", Type="String", Overwrite=True)
    change = {"StackName": stack_name, "ChangeSetName": "c", "Parameters": previous, "UsePreviousTemplate": True}
    cfn.create_change_set(**change)
    found = cfn.describe_change_set(StackName=stack_name, ChangeSetName="c")
    assert [each["ResourceChange"]["LogicalResourceId"] for each in found["Changes"]] == ["P"]
    assert found["Parameters"] == [{**described, "ResolvedValue": "two"}]
    cfn.execute_change_set(StackName=stack_name, ChangeSetName="c")
    assert settled(cfn, stack_name) == "UPDATE_COMPLETE"
    (resource,) = cfn.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]
    assert read(local_aws, resource["PhysicalResourceId"]) == "two"
    cfn.create_change_set(**change)
    assert "didn't contain changes" in cfn.describe_change_set(StackName=stack_name, ChangeSetName="c")["StatusReason"]


def test_a_stack_is_updated_for_a_value_of_the_store_alone(cfn: Any, local_aws: LocalAws, stack_name: str) -> None:
    ssm, text = local_aws.context.client("ssm"), body(FROM_STORE, Default=f"/{stack_name}")
    ssm.put_parameter(Name=f"/{stack_name}", Value="one", Type="String")
    cfn.create_stack(StackName=stack_name, TemplateBody=text)
    assert settled(cfn, stack_name) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cfn.update_stack(StackName=stack_name, TemplateBody=text)
    ssm.put_parameter(Name=f"/{stack_name}", Value="two", Type="String", Overwrite=True)
    cfn.update_stack(StackName=stack_name, TemplateBody=text)
    assert settled(cfn, stack_name) == "UPDATE_COMPLETE"
    (resource,) = cfn.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]
    assert read(local_aws, resource["PhysicalResourceId"]) == "two"


def test_a_stack_is_updated_for_an_output_of_a_stack_that_was_made_anew(
    cfn: Any, local_aws: LocalAws, stack_name: str
) -> None:
    """The output of a stack that is deleted and made again is another, and the text of who reads it is the same."""
    from_it, reader = f"{stack_name}-from", f"{stack_name}-reader"
    reads = {"Fn::GetStackOutput": {"StackName": from_it, "OutputName": "Name"}}
    texts = {
        from_it: json.dumps({
            "Resources": {"B": {"Type": "AWS::S3::Bucket"}}, "Outputs": {"Name": {"Value": {"Ref": "B"}}}
        }),
        reader: json.dumps({"Resources": {"P": parameter(reads), "Q": parameter("x")}}),
    }  # fmt: skip

    def makes(name: str) -> str:
        cfn.create_stack(StackName=name, TemplateBody=texts[name])
        assert settled(cfn, name) == "CREATE_COMPLETE"
        (first, *_) = cfn.list_stack_resources(StackName=name)["StackResourceSummaries"]
        return str(first["PhysicalResourceId"])

    before, held = makes(from_it), makes(reader)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cfn.update_stack(StackName=reader, TemplateBody=texts[reader])
    cfn.delete_stack(StackName=from_it)
    cfn.get_waiter("stack_delete_complete").wait(StackName=from_it, WaiterConfig={"Delay": 1})
    after = makes(from_it)
    assert read(local_aws, held) == before != after
    change = {"StackName": reader, "ChangeSetName": "c", "TemplateBody": texts[reader]}
    cfn.create_change_set(**change)
    found = cfn.describe_change_set(StackName=reader, ChangeSetName="c")
    assert [each["ResourceChange"]["LogicalResourceId"] for each in found["Changes"]] == ["P"]
    cfn.execute_change_set(StackName=reader, ChangeSetName="c")
    assert settled(cfn, reader) == "UPDATE_COMPLETE"
    assert read(local_aws, held) == after
    cfn.create_change_set(**change)
    assert "didn't contain changes" in cfn.describe_change_set(StackName=reader, ChangeSetName="c")["StatusReason"]


def test_a_secret_parameter_is_shown_to_nobody_and_kept_for_the_next_update(cfn: Any, stack_name: str) -> None:
    text, given = body(NoEcho=True), [{"ParameterKey": "V", "ParameterValue": "secret"}]
    cfn.create_change_set(
        StackName=stack_name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=text, Parameters=given
    )
    masked = [{"ParameterKey": "V", "ParameterValue": "****"}]
    assert cfn.describe_change_set(StackName=stack_name, ChangeSetName="c")["Parameters"] == masked
    cfn.execute_change_set(StackName=stack_name, ChangeSetName="c")
    assert settled(cfn, stack_name) == "CREATE_COMPLETE"
    assert cfn.describe_stacks(StackName=stack_name)["Stacks"][0]["Parameters"] == masked
    previous = [{"ParameterKey": "V", "UsePreviousValue": True}]
    cfn.update_stack(StackName=stack_name, TemplateBody=body(NoEcho=True, more="Q"), Parameters=previous)
    assert settled(cfn, stack_name) == "UPDATE_COMPLETE"


def test_a_protected_stack_is_not_deleted_until_its_protection_ends(cfn: Any, stack_name: str) -> None:
    text = json.dumps({"Resources": {"P": parameter("x")}})
    cfn.create_stack(StackName=stack_name, TemplateBody=text, EnableTerminationProtection=True)
    assert settled(cfn, stack_name) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="cannot be deleted while TerminationProtection is enabled"):
        cfn.delete_stack(StackName=stack_name)
    assert cfn.describe_stacks(StackName=stack_name)["Stacks"][0]["EnableTerminationProtection"] is True
    cfn.update_termination_protection(StackName=stack_name, EnableTerminationProtection=False)
    cfn.delete_stack(StackName=stack_name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack_name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})


def test_events_say_what_is_wrong_with_a_change_set_and_what_failed_in_a_stack(cfn: Any, stack_name: str) -> None:
    wrong = json.dumps({"Resources": {"T": {"Type": "AWS::Nobody::Knows"}}})
    cfn.create_change_set(StackName=stack_name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=wrong)
    found = cfn.describe_events(StackName=stack_name, ChangeSetName="c", Filters={"FailedEvents": True})
    (event,) = found["OperationEvents"]
    assert (event["EventType"], "AWS::Nobody::Knows" in event["ValidationStatusReason"]) == ("VALIDATION_ERROR", True)
    failing = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": ["http://127.0.0.1/0"], "PolicyDocument": {}}}
    cfn.create_stack(StackName=f"{stack_name}-2", TemplateBody=json.dumps({"Resources": {"Bad": failing}}))
    assert settled(cfn, f"{stack_name}-2") == "ROLLBACK_COMPLETE"
    every = cfn.describe_events(StackName=f"{stack_name}-2")["OperationEvents"]
    failed = cfn.describe_events(StackName=f"{stack_name}-2", Filters={"FailedEvents": True})["OperationEvents"]
    assert [event["LogicalResourceId"] for event in failed] == ["Bad"]
    assert len(every) > len(failed)


def test_what_is_kept_but_for_its_creation_goes_with_a_first_deployment_that_fails_and_not_with_a_deletion(
    cfn: Any, local_aws: LocalAws, stack_name: str
) -> None:
    """Else the next try finds its name taken."""
    name = f"/{stack_name}/kept"
    kept = {"Type": "AWS::SSM::Parameter", "DeletionPolicy": "RetainExceptOnCreate",
            "Properties": {"Name": name, "Type": "String", "Value": "x"}}  # fmt: skip
    failing = {"Type": "AWS::SQS::QueuePolicy", "DependsOn": "Kept",
               "Properties": {"Queues": ["http://127.0.0.1/0"], "PolicyDocument": {}}}  # fmt: skip
    cfn.create_stack(StackName=stack_name, TemplateBody=json.dumps({"Resources": {"Kept": kept, "Bad": failing}}))
    assert settled(cfn, stack_name) == "ROLLBACK_COMPLETE"
    cfn.delete_stack(StackName=stack_name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack_name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    cfn.create_stack(StackName=stack_name, TemplateBody=json.dumps({"Resources": {"Kept": kept}}))
    assert settled(cfn, stack_name) == "CREATE_COMPLETE"
    cfn.delete_stack(StackName=stack_name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack_name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    assert read(local_aws, name) == "x"


def test_the_end_of_a_failed_operation_leaves_the_status_of_the_next_alone(
    cfn: Any, local_aws: LocalAws, stack_name: str
) -> None:
    """A client that sees ROLLBACK_COMPLETE deletes at once, while the failure is still being written to the log."""
    failing = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": ["http://127.0.0.1/0"], "PolicyDocument": {}}}
    told = threading.Event()

    class Deletes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if stack_name in record.getMessage():
                local_aws.engine.stacks[stack_name].becomes("DELETE_IN_PROGRESS")
                told.set()

    api, deletes = logging.getLogger("localaws.cloudformation"), Deletes()
    api.addHandler(deletes)
    try:
        cfn.create_stack(StackName=stack_name, TemplateBody=json.dumps({"Resources": {"Bad": failing}}))
        assert told.wait(20)
        for thread in threading.enumerate():
            if thread.name == f"stack-{stack_name}":
                thread.join(20)
    finally:
        api.removeHandler(deletes)
    assert local_aws.engine.stacks[stack_name].status == "DELETE_IN_PROGRESS"


def test_what_bootstrap_would_make_is_there_and_the_first_stack_that_makes_it_takes_it_over(
    cfn: Any, local_aws: LocalAws, stack_name: str
) -> None:
    bucket = f"cdk-hnb659fds-assets-{local_aws.context.account}-us-east-1"
    version = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": BOOTSTRAP_PARAMETER, "Type": "String", "Value": "99"},
    }
    assets = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": bucket}}
    name = f"cdk-hnb659fds-lookup-role-{local_aws.context.account}-us-east-1"
    trust = {"Effect": "Allow", "Principal": {"AWS": local_aws.context.account}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": name, "AssumeRolePolicyDocument": document}}
    text = json.dumps({"Resources": {"Version": version, "Assets": assets, "Role": role}})
    was, iam = read(local_aws, BOOTSTRAP_PARAMETER), local_aws.context.client("iam")
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["everything"]
    failing = {"Type": "AWS::SQS::QueuePolicy", "DependsOn": ["Version", "Assets", "Role"],
               "Properties": {"Queues": ["http://127.0.0.1/0"], "PolicyDocument": {}}}  # fmt: skip
    try:
        bad = {"Version": version, "Assets": {**assets, "DeletionPolicy": "Delete"}, "Role": role, "Bad": failing}
        cfn.create_stack(StackName=f"{stack_name}-0", TemplateBody=json.dumps({"Resources": bad}))
        assert settled(cfn, f"{stack_name}-0") == "ROLLBACK_COMPLETE"
        assert read(local_aws, BOOTSTRAP_PARAMETER) == was, "what a rollback took is there again"
        assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["everything"], "so is the role, with its rights"
        cfn.create_stack(StackName=stack_name, TemplateBody=text)
        assert settled(cfn, stack_name) == "CREATE_COMPLETE"
        assert read(local_aws, BOOTSTRAP_PARAMETER) == "99" != was
        assert iam.list_role_policies(RoleName=name)["PolicyNames"] == [], (
            "the stack's role has what the stack gives it"
        )
        # Only the first: after it they are a stack's, as any other.
        cfn.create_stack(StackName=f"{stack_name}-2", TemplateBody=json.dumps({"Resources": {"Assets": assets}}))
        assert settled(cfn, f"{stack_name}-2") == "ROLLBACK_COMPLETE"
    finally:
        ssm = local_aws.context.client("ssm")
        ssm.put_parameter(Name=BOOTSTRAP_PARAMETER, Value=was, Type="String", Overwrite=True)


#: What each operation is called with, and no more; of the others it is the stack's name.
GIVEN: dict[str, dict[str, Any]] = {
    "CreateStack": {"TemplateBody": body(Default="x")},
    "UpdateStack": {"TemplateBody": body(Default="y")},
    "CreateChangeSet": {"ChangeSetName": "c", "ChangeSetType": "UPDATE", "TemplateBody": body(Default="z")},
    "ExecuteChangeSet": {"ChangeSetName": "c"},
    "DeleteChangeSet": {"ChangeSetName": "c"},
    "DescribeChangeSet": {"ChangeSetName": "c"},
    "UpdateTerminationProtection": {"EnableTerminationProtection": True},
    "DescribeStackResource": {"LogicalResourceId": "P"},
    "ListImports": {"ExportName": "E"},
}


@pytest.mark.parametrize("operation", sorted(each.__name__ for each in OPERATIONS))
def test_a_call_of_another_region_is_refused(cfn: Any, local_aws: LocalAws, stack_name: str, operation: str) -> None:
    """A stack would be made here and seem to be there, and one of here be changed: `cdk bootstrap aws://…/eu-west-1`."""
    local_aws.engine.deploy(stack_name, body(Default="x"))
    elsewhere = boto3.client(
        "cloudformation", endpoint_url=local_aws.endpoint, region_name="eu-west-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    model = elsewhere.meta.service_model
    (name,) = [each for each in model.operation_names if xform_name(each) == operation]
    taken = model.operation_model(name).input_shape.members
    given = GIVEN.get(name, {}) | ({"StackName": stack_name} if "StackName" in taken else {})
    with pytest.raises(ClientError, match="deploys to us-east-1 alone, and the call is for eu-west-1") as refused:
        getattr(elsewhere, operation)(**given)
    assert "start a local AWS with --region eu-west-1" in str(refused.value)
    stack = local_aws.engine.stacks[stack_name]
    assert (stack.status, stack.protected, stack.parameters["V"].value) == ("CREATE_COMPLETE", False, "x")
    assert not cfn.list_change_sets(StackName=stack_name)["Summaries"]
