"""Resources that outlived their stack are taken up by another one, as CloudFormation's import does it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.cloudformation.providers import PROVIDERS, provider_for
from localaws.server import LocalAws
from tests.localaws.cloudformation.test_engine import parameter, settled

#: A resource of each type that can be imported; ``{name}`` is the test's own.
RESOURCES: dict[str, dict[str, Any]] = {
    "AWS::S3::Bucket": {},
    "AWS::KMS::Key": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}},
    "AWS::DynamoDB::Table": {
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
    "AWS::Glue::Database": {"CatalogId": {"Ref": "AWS::AccountId"}, "DatabaseInput": {"Name": "{name}"}},
    "AWS::Kinesis::Stream": {"ShardCount": 1, "Name": "{name}"},
    "AWS::Logs::LogGroup": {"LogGroupName": "{name}"},
}


@pytest.fixture
def cfn(local_aws: LocalAws) -> Any:
    return local_aws.context.client("cloudformation")


def kept(kind: str, name: str) -> dict[str, Any]:
    properties = json.loads(json.dumps(RESOURCES[kind]).replace("{name}", name))
    return {"Type": kind, "DeletionPolicy": "Retain", "Properties": properties}


def text(resources: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Resources": resources, **more})


def left_behind(cfn: Any, stack: str, resources: dict[str, Any]) -> dict[str, str]:
    """Create and delete a stack; return the physical ids of what is left of it, as a client finds them."""
    stack_id = cfn.create_stack(StackName=stack, TemplateBody=text(resources))["StackId"]
    assert settled(cfn, stack) == "CREATE_COMPLETE"
    cfn.delete_stack(StackName=stack)
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack_id, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    summaries = cfn.list_stack_resources(StackName=stack_id)["StackResourceSummaries"]
    assert {each["ResourceStatus"] for each in summaries} == {"DELETE_SKIPPED"}
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in summaries}


def to_import(kind: str, logical_id: str, physical_id: str, identifier: str) -> dict[str, Any]:
    return {
        "ResourceType": kind, "LogicalResourceId": logical_id, "ResourceIdentifier": {identifier: physical_id},
    }  # fmt: skip


def test_every_type_that_is_imported_is_tried_here() -> None:
    assert {kind for kind, provider in PROVIDERS.items() if provider.identifier} == set(RESOURCES)


@pytest.mark.parametrize("kind", RESOURCES)
def test_what_a_deleted_stack_left_is_taken_up_and_then_changed_as_its_own(
    cfn: Any, stack_name: str, kind: str
) -> None:
    resources = {"Kept": kept(kind, stack_name)}
    (physical_id,) = left_behind(cfn, stack_name, resources).values()
    (summary,) = cfn.get_template_summary(TemplateBody=text(resources))["ResourceIdentifierSummaries"]
    assert (summary["ResourceType"], summary["LogicalResourceIds"]) == (kind, ["Kept"])
    (identifier,) = summary["ResourceIdentifiers"]

    cfn.create_change_set(
        StackName=stack_name, ChangeSetName="i", ChangeSetType="IMPORT", TemplateBody=text(resources),
        ResourcesToImport=[to_import(kind, "Kept", physical_id, identifier)],
    )  # fmt: skip
    described = cfn.describe_change_set(StackName=stack_name, ChangeSetName="i")
    (change,) = described["Changes"]
    assert (change["ResourceChange"]["Action"], change["ResourceChange"]["PhysicalResourceId"]) == (
        "Import", physical_id,
    )  # fmt: skip
    cfn.execute_change_set(StackName=stack_name, ChangeSetName="i")
    assert settled(cfn, stack_name) == "IMPORT_COMPLETE"
    (taken,) = cfn.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]
    assert (taken["PhysicalResourceId"], taken["ResourceStatus"]) == (physical_id, "IMPORT_COMPLETE")

    # From now on it is the stack's: its attributes are known, and it goes with the stack when that is to be so.
    attributes = sorted(provider_for(kind, at="").attributes or ())
    outputs = {"Is": {"Value": {"Ref": "Kept"}}}
    if "Arn" in attributes:
        outputs["Arn"] = {"Value": {"Fn::GetAtt": ["Kept", "Arn"]}}
    resources["Kept"]["DeletionPolicy"] = "Delete"
    cfn.update_stack(StackName=stack_name, TemplateBody=text({**resources, "P": parameter("x")}, Outputs=outputs))
    assert settled(cfn, stack_name) == "UPDATE_COMPLETE"
    given = {
        o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=stack_name)["Stacks"][0]["Outputs"]
    }
    assert given["Is"] == physical_id
    assert physical_id in given.get("Arn", physical_id)
    stack_id = (
        taken["StackId"] if "StackId" in taken else cfn.describe_stacks(StackName=stack_name)["Stacks"][0]["StackId"]
    )
    cfn.delete_stack(StackName=stack_name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack_id, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    cfn.create_change_set(
        StackName=stack_name, ChangeSetName="j", ChangeSetType="IMPORT",
        TemplateBody=text({"Kept": kept(kind, stack_name)}),
        ResourcesToImport=[to_import(kind, "Kept", physical_id, identifier)],
    )  # fmt: skip
    cfn.execute_change_set(StackName=stack_name, ChangeSetName="j")
    assert settled(cfn, stack_name) == "IMPORT_ROLLBACK_COMPLETE", "it is gone, so that nothing can be imported"


def test_two_kept_resources_of_which_one_refers_to_the_other_are_taken_up_together(cfn: Any, stack_name: str) -> None:
    bucket = kept("AWS::S3::Bucket", stack_name)
    bucket["Properties"] = {"LoggingConfiguration": {"DestinationBucketName": {"Ref": "Log"}}}
    resources = {"Log": kept("AWS::S3::Bucket", stack_name), "Bucket": bucket}
    left = left_behind(cfn, stack_name, resources)
    cfn.create_change_set(
        StackName=stack_name, ChangeSetName="i", ChangeSetType="IMPORT", TemplateBody=text(resources),
        ResourcesToImport=[to_import("AWS::S3::Bucket", name, left[name], "BucketName") for name in left],
    )  # fmt: skip
    cfn.execute_change_set(StackName=stack_name, ChangeSetName="i")
    assert settled(cfn, stack_name) == "IMPORT_COMPLETE"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cfn.update_stack(StackName=stack_name, TemplateBody=text(resources))


def test_one_that_does_not_exist_leaves_the_others_as_they_are(cfn: Any, local_aws: LocalAws, stack_name: str) -> None:
    resources = {"Log": kept("AWS::S3::Bucket", stack_name), "Gone": kept("AWS::S3::Bucket", stack_name)}
    left = left_behind(cfn, stack_name, {"Log": resources["Log"]}) | {"Gone": f"{stack_name}-never"}
    given = [to_import("AWS::S3::Bucket", name, left[name], "BucketName") for name in left]
    change_set = {"StackName": stack_name, "ChangeSetName": "i", "ChangeSetType": "IMPORT"}
    cfn.create_change_set(**change_set, TemplateBody=text(resources), ResourcesToImport=given)
    cfn.execute_change_set(StackName=stack_name, ChangeSetName="i")
    assert settled(cfn, stack_name) == "IMPORT_ROLLBACK_COMPLETE"
    (stack,) = cfn.describe_stacks(StackName=stack_name)["Stacks"]
    assert f"{stack_name}-never does not exist" in stack["StackStatusReason"]
    local_aws.context.client("s3").head_bucket(Bucket=left["Log"])
    cfn.create_change_set(**change_set, TemplateBody=text({"Log": resources["Log"]}), ResourcesToImport=given[:1])
    cfn.execute_change_set(StackName=stack_name, ChangeSetName="i")
    assert settled(cfn, stack_name) == "IMPORT_COMPLETE"


def test_what_another_stack_has_is_not_taken_from_it(cfn: Any, stack_name: str) -> None:
    resources = {"Log": kept("AWS::S3::Bucket", stack_name)}
    cfn.create_stack(StackName=stack_name, TemplateBody=text(resources))
    assert settled(cfn, stack_name) == "CREATE_COMPLETE"
    (bucket,) = cfn.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]
    other = f"{stack_name}-2"
    cfn.create_change_set(
        StackName=other, ChangeSetName="i", ChangeSetType="IMPORT", TemplateBody=text(resources),
        ResourcesToImport=[to_import("AWS::S3::Bucket", "Log", bucket["PhysicalResourceId"], "BucketName")],
    )  # fmt: skip
    cfn.execute_change_set(StackName=other, ChangeSetName="i")
    assert settled(cfn, other) == "IMPORT_ROLLBACK_COMPLETE"
    assert stack_name in cfn.describe_stacks(StackName=other)["Stacks"][0]["StackStatusReason"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"more": True}, "cannot modify or add"),
        ({"outputs": True}, "cannot modify or add"),
        ({"policy": None}, "missing DeletionPolicy"),
        ({"kind": "AWS::SQS::Queue"}, "are not in the template"),
        ({"identifier": "Name"}, "is identified by BucketName"),
        ({"imports": []}, "must specify ResourcesToImport"),
    ],
)
def test_an_import_that_would_do_more_or_says_too_little_is_refused(
    cfn: Any, stack_name: str, wrong: dict[str, Any], why: str
) -> None:
    resources: dict[str, Any] = {"Log": kept("AWS::S3::Bucket", stack_name)}
    if "policy" in wrong:
        del resources["Log"]["DeletionPolicy"]
    if "more" in wrong:
        resources["P"] = parameter("x")
    outputs = {"Outputs": {"O": {"Value": "x"}}} if "outputs" in wrong else {}
    kind, identifier = wrong.get("kind", "AWS::S3::Bucket"), wrong.get("identifier", "BucketName")
    cfn.create_change_set(
        StackName=stack_name, ChangeSetName="i", ChangeSetType="IMPORT", TemplateBody=text(resources, **outputs),
        ResourcesToImport=wrong.get("imports", [to_import(kind, "Log", "some-bucket", identifier)]),
    )  # fmt: skip
    described = cfn.describe_change_set(StackName=stack_name, ChangeSetName="i")
    assert described["Status"] == "FAILED"
    assert why in described["StatusReason"]
