from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from localaws.cloudformation.coverage import coverage
from localaws.cloudformation.errors import StackFailed, UnknownProperty
from localaws.cloudformation.providers import PROVIDERS
from localaws.cloudformation.providers.api import camel, shaped
from localaws.cloudformation.providers.provider import Request
from localaws.server import LocalAws

Deploy = Callable[..., Any]


def request(stack: str, logical_id: str, generation: int = 0) -> Request:
    return Request(stack, "id", logical_id, "T", {}, generation)


def test_generated_names_are_the_same_every_time_fit_their_limit_and_differ_after_a_replacement() -> None:
    name = request("Data", "Queue").name(80)
    assert name.startswith("Data-Queue-")
    assert name == request("Data", "Queue").name(80)
    assert name != request("Data", "Queue", 1).name(80)
    long = request("S" * 100, "Logical" * 20).name(63, lower=True)
    assert (len(long) <= 63, long) == (True, long.lower())
    assert request("S", "Q").name(80, suffix=".fifo").endswith(".fifo")


def test_numbers_in_text_become_the_types_that_an_api_declares(local_aws: LocalAws) -> None:
    model = local_aws.context.client("lambda").meta.service_model.operation_model("CreateFunction").input_shape
    given = {"Timeout": "60", "Publish": "true", "Environment": {"Variables": {"N": 1, "B": True}}}
    expected = {"Timeout": 60, "Publish": True, "Environment": {"Variables": {"N": "1", "B": "true"}}}
    assert shaped(given, model) == expected
    assert camel({"Level": "ALL", "Destinations": [{"LogGroupArn": 1}]}) == {
        "level": "ALL",
        "destinations": [{"logGroupArn": 1}],
    }


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOW: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
OF_RESOURCE = {**ALLOW, "Statement": [{**ALLOW["Statement"][0], "Principal": "*"}]}
ROLE: dict[str, Any] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
FUNCTION: dict[str, Any] = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Code": {"ZipFile": "def handler(e, c): return e"},
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Handler": "index.handler",
        "Runtime": "python3.13",
        "Architectures": ["arm64"],
        "Timeout": 60,
        "MemorySize": 512,
        "EphemeralStorage": {"Size": 1024},
        "Environment": {"Variables": {"A": "b"}},
        "ReservedConcurrentExecutions": 3,
        "TracingConfig": {"Mode": "Active"},
    },
}


def physical(stack: Any, name: str) -> str:
    value: str = stack.resources[name].outcome.physical_id
    return value


def test_a_bucket_keeps_every_property(deploy: Deploy, local_aws: LocalAws) -> None:
    properties = {
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Status": "Enabled",
                    "Prefix": "tmp/",
                    "ExpirationInDays": 3,
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 2},
                    "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}],
                }
            ]
        },
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    bucket = {"Type": "AWS::S3::Bucket", "Properties": properties}
    policy = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "B"}, "PolicyDocument": OF_RESOURCE}}
    name = physical(deploy(B=bucket, P=policy), "B")
    s3 = local_aws.context.client("s3")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    life = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]
    assert (life["Expiration"]["Days"], life["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (3, 2)
    assert (life["Filter"]["Prefix"], life["Transitions"][0]["Days"]) == ("tmp/", 30)
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    # moto's GetBucketNotificationConfiguration leaves this out, but its events follow it.
    from moto.s3.models import s3_backends

    configuration = s3_backends["123456789012"]["aws"].buckets[name].notification_configuration
    assert configuration.event_bridge is not None
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]) == OF_RESOURCE


def test_a_bucket_logs_into_another_before_that_ones_policy_exists(deploy: Deploy, local_aws: LocalAws) -> None:
    logging = {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "lake/"}
    properties = {"LoggingConfiguration": logging}
    stack = deploy(Logs={"Type": "AWS::S3::Bucket"}, B={"Type": "AWS::S3::Bucket", "Properties": properties})
    s3 = local_aws.context.client("s3")
    found = s3.get_bucket_logging(Bucket=physical(stack, "B"))["LoggingEnabled"]
    assert (found["TargetBucket"], found["TargetPrefix"]) == (physical(stack, "Logs"), "lake/")
    deploy(Logs={"Type": "AWS::S3::Bucket"}, B={"Type": "AWS::S3::Bucket"})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=physical(stack, "B"))


def test_a_table_keeps_ttl_recovery_and_stream(deploy: Deploy, local_aws: LocalAws) -> None:
    properties = {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
    }
    stack = deploy(T={"Type": "AWS::DynamoDB::Table", "Properties": properties})
    name, dynamodb = physical(stack, "T"), local_aws.context.client("dynamodb")
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["AttributeName"] == "ttl"
    recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    stream = dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    assert stack.resources["T"].outcome.attributes["StreamArn"] == stream


@pytest.mark.slow
def test_a_function_keeps_its_configuration_and_changes_in_place(deploy: Deploy, local_aws: LocalAws) -> None:
    name, client = physical(deploy(Role=ROLE, F=FUNCTION), "F"), local_aws.context.client("lambda")
    found = client.get_function_configuration(FunctionName=name)
    kept = ("Timeout", "MemorySize", "EphemeralStorage", "Environment", "Architectures", "TracingConfig", "Runtime")
    assert {k: found[k] for k in kept} == {k: FUNCTION["Properties"][k] for k in kept}
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3
    changed = {**FUNCTION, "Properties": {**FUNCTION["Properties"], "Timeout": 5, "MemorySize": 256}}
    assert physical(deploy(Role=ROLE, F=changed), "F") == name
    found = client.get_function_configuration(FunctionName=name)
    assert (found["Timeout"], found["MemorySize"]) == (5, 256)


def test_versions_aliases_permissions_and_sources_hang_on_their_function(deploy: Deploy, local_aws: LocalAws) -> None:
    version = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "F"}}}
    alias = {"FunctionName": {"Ref": "F"}, "FunctionVersion": {"Fn::GetAtt": ["V", "Version"]}, "Name": "live"}
    permission = {"FunctionName": {"Ref": "F"}, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    source = {
        "FunctionName": {"Ref": "F"},
        "EventSourceArn": {"Fn::GetAtt": ["Q", "Arn"]},
        "BatchSize": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "Enabled": False,
    }
    poll = {"Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}], "Version": "2012-10-17"}
    role = {**ROLE["Properties"], "Policies": [{"PolicyName": "poll", "PolicyDocument": poll}]}
    invoke = {"FunctionName": {"Ref": "F"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": 1}
    stack = deploy(
        Role={"Type": "AWS::IAM::Role", "Properties": role},
        F=FUNCTION,
        V=version,
        Q={"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 360}},
        A={"Type": "AWS::Lambda::Alias", "Properties": alias},
        P={"Type": "AWS::Lambda::Permission", "Properties": permission},
        M={"Type": "AWS::Lambda::EventSourceMapping", "Properties": source},
        I={"Type": "AWS::Lambda::EventInvokeConfig", "Properties": invoke},
    )
    client, name = local_aws.context.client("lambda"), physical(stack, "F")
    assert client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    statement = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"][0]
    assert statement["Sid"] == physical(stack, "P")
    mapping = client.get_event_source_mapping(UUID=physical(stack, "M"))
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (5, ["ReportBatchItemFailures"])
    assert client.get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"] == 1
    local_aws.engine.delete(stack.name)


def test_a_role_gets_inline_own_and_aws_policies_and_loses_them(deploy: Deploy, local_aws: LocalAws) -> None:
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    role = {
        "AssumeRolePolicyDocument": TRUST,
        "ManagedPolicyArns": [basic],
        "Policies": [{"PolicyName": "inline", "PolicyDocument": ALLOW}],
    }
    roles = {"Roles": [{"Ref": "R"}]}
    stack = deploy(
        R={"Type": "AWS::IAM::Role", "Properties": role},
        P={"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "own", "PolicyDocument": ALLOW, **roles}},
        M={"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": ALLOW, **roles}},
    )
    iam, name = local_aws.context.client("iam"), physical(stack, "R")
    assert sorted(iam.list_role_policies(RoleName=name)["PolicyNames"]) == ["inline", "own"]
    attached = {p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]}
    assert attached == {basic, physical(stack, "M")}
    stack = deploy(R=ROLE)
    assert iam.list_role_policies(RoleName=physical(stack, "R"))["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName=physical(stack, "R"))["AttachedPolicies"] == []


def test_an_aws_policy_that_does_not_exist_fails(deploy: Deploy) -> None:
    role = {"AssumeRolePolicyDocument": TRUST, "ManagedPolicyArns": ["arn:aws:iam::aws:policy/Nope"]}
    with pytest.raises(StackFailed, match="arn:aws:iam::aws:policy/Nope does not exist"):
        deploy(R={"Type": "AWS::IAM::Role", "Properties": role})


def test_a_queue_keeps_its_attributes_and_policy(deploy: Deploy, local_aws: LocalAws) -> None:
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["D", "Arn"]}, "maxReceiveCount": 3}
    stack = deploy(
        D={"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}},
        Q={
            "Type": "AWS::SQS::Queue",
            "Properties": {"FifoQueue": True, "ContentBasedDeduplication": True, "RedrivePolicy": redrive},
        },
        P={"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Q"}], "PolicyDocument": OF_RESOURCE}},
    )
    url = physical(stack, "Q")
    found = local_aws.context.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["FifoQueue"], found["ContentBasedDeduplication"]) == ("true", "true")
    assert json.loads(found["RedrivePolicy"])["maxReceiveCount"] == 3
    assert json.loads(found["Policy"]) == OF_RESOURCE


def test_a_state_machine_gets_its_substitutions_and_logging(deploy: Deploy, local_aws: LocalAws) -> None:
    text = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${what}", "End": True}}})
    logging = {
        "Level": "ALL",
        "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["G", "Arn"]}}}],
    }
    machine = {
        "DefinitionString": text,
        "DefinitionSubstitutions": {"what": {"Ref": "G"}},
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "LoggingConfiguration": logging,
        "TracingConfiguration": {"Enabled": True},
    }
    stack = deploy(
        Role=ROLE,
        G={"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
        S={"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
    )
    found = local_aws.context.client("stepfunctions").describe_state_machine(stateMachineArn=physical(stack, "S"))
    assert json.loads(found["definition"])["States"]["A"]["Result"] == physical(stack, "G")
    assert (found["loggingConfiguration"]["level"], found["tracingConfiguration"]["enabled"]) == ("ALL", True)


def test_rules_keep_every_target_and_schedules_theirs(deploy: Deploy, local_aws: LocalAws) -> None:
    target = {
        "Id": "T",
        "Arn": {"Fn::GetAtt": ["Q", "Arn"]},
        "Input": '"x"',
        "RetryPolicy": {"MaximumRetryAttempts": 2},
    }
    schedule = {
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "GroupName": {"Ref": "G"},
        "ScheduleExpression": "rate(1 hour)",
        "Target": {"Arn": {"Fn::GetAtt": ["Q", "Arn"]}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "Input": "{}"},
    }
    stack = deploy(
        Role=ROLE,
        Q={"Type": "AWS::SQS::Queue"},
        B={"Type": "AWS::Events::EventBus", "Properties": {"Name": "own-bus"}},
        R={
            "Type": "AWS::Events::Rule",
            "Properties": {"EventBusName": {"Ref": "B"}, "EventPattern": {"source": ["a"]}, "Targets": [target]},
        },
        G={"Type": "AWS::Scheduler::ScheduleGroup"},
        S={"Type": "AWS::Scheduler::Schedule", "Properties": schedule},
    )
    rule = stack.resources["R"].outcome.attributes["Name"]
    found = local_aws.context.client("events").list_targets_by_rule(Rule=rule, EventBusName="own-bus")["Targets"][0]
    assert (found["Input"], found["RetryPolicy"]["MaximumRetryAttempts"]) == ('"x"', 2)
    kept = local_aws.context.client("scheduler").get_schedule(Name=physical(stack, "S"), GroupName=physical(stack, "G"))
    assert (kept["ScheduleExpression"], kept["Target"]["Input"]) == ("rate(1 hour)", "{}")
    local_aws.engine.delete(stack.name)


#: Types that no test above makes, with the least they need.
SMALL: dict[str, dict[str, Any]] = {
    "AWS::KMS::Key": {"EnableKeyRotation": True},
    "AWS::Kinesis::Stream": {"ShardCount": 2, "RetentionPeriodHours": 48},
    "AWS::SNS::Topic": {"DisplayName": "d"},
    "AWS::SNS::Subscription": {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "a@example.com"},
    "AWS::SNS::TopicPolicy": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": OF_RESOURCE},
    "AWS::KMS::Alias": {"AliasName": "alias/providers", "TargetKeyId": {"Ref": "Key"}},
    "AWS::Glue::Database": {"CatalogId": {"Ref": "AWS::AccountId"}, "DatabaseInput": {"Description": "d"}},
    "AWS::Glue::Job": {
        "Role": "r",
        "GlueVersion": "5.1",
        "Command": {"Name": "glueetl", "PythonVersion": "3", "ScriptLocation": "s3://a/b"},
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
    },
    "AWS::Athena::WorkGroup": {
        "Name": "providers",
        "WorkGroupConfiguration": {"ResultConfiguration": {"OutputLocation": "s3://a/"}},
    },
    "AWS::Athena::NamedQuery": {"Database": "d", "QueryString": "select 1"},
    "AWS::CloudWatch::Alarm": {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "m",
        "Namespace": "n",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1,
    },
    "AWS::CDK::Metadata": {"Analytics": "v2"},
}


@pytest.mark.parametrize("kind", SMALL)
def test_each_type_is_made_changed_by_a_tag_of_its_stack_and_deleted(
    deploy: Deploy, local_aws: LocalAws, kind: str
) -> None:
    around = {"Topic": {"Type": "AWS::SNS::Topic"}, "Key": {"Type": "AWS::KMS::Key"}}
    stack = deploy(X={"Type": kind, "Properties": SMALL[kind]}, **around)
    declared = PROVIDERS[kind].attributes
    assert declared is not None
    assert set(stack.resources["X"].outcome.attributes) >= declared
    deploy(X={"Type": kind, "Properties": SMALL[kind]}, **around, tags={"team": "data"})
    local_aws.engine.delete(stack.name)


def test_a_container_image_and_another_language_are_refused(deploy: Deploy) -> None:
    image = {"Code": {"ImageUri": "x"}, "Role": "r"}
    node = {"Code": {"ZipFile": "x"}, "Role": "r", "Runtime": "ruby3.3"}
    with pytest.raises(UnknownProperty, match=r"ruby3\.3 does not run locally"):
        PROVIDERS["AWS::Lambda::Function"].check(node, stack="s", logical_id="F")
    with pytest.raises(UnknownProperty, match=r"Code\.ImageUri"):
        deploy(F={"Type": "AWS::Lambda::Function", "Properties": image})


def test_a_function_in_a_vpc_is_refused_with_the_reason(deploy: Deploy) -> None:
    placed = {"VpcConfig": {"SubnetIds": ["subnet-0a1b2c3d"], "SecurityGroupIds": ["sg-0a1b2c3d"]}}
    given = {"Code": {"ZipFile": "x"}, "Role": "r", "Runtime": "python3.13", **placed}
    with pytest.raises(UnknownProperty, match=r"VpcConfig: there is no VPC on one machine"):
        deploy(F={"Type": "AWS::Lambda::Function", "Properties": given})
    assert "- `VpcConfig`: there is no VPC" in coverage()


def test_a_repository_of_images_is_made_changed_and_deleted(deploy: Deploy, local_aws: LocalAws) -> None:
    ecr = local_aws.context.client("ecr")
    rules = [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9},
              "action": {"type": "expire"}}]  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}]}
    kept = {"RepositoryName": "images", "LifecyclePolicy": {"LifecyclePolicyText": json.dumps({"rules": rules})}}
    stack = deploy(
        R={"Type": "AWS::ECR::Repository", "Properties": {**kept, "ImageTagMutability": "IMMUTABLE"}},
        outputs={"Arn": {"Value": {"Fn::GetAtt": ["R", "Arn"]}}},
    )
    (made,) = ecr.describe_repositories(repositoryNames=["images"])["repositories"]
    assert (made["repositoryArn"], made["imageTagMutability"]) == (stack.outputs["Arn"].value, "IMMUTABLE")
    assert json.loads(ecr.get_lifecycle_policy(repositoryName="images")["lifecyclePolicyText"]) == {"rules": rules}
    deploy(R={"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "images", "RepositoryPolicyText": policy,
                                                             "Tags": [{"Key": "a", "Value": "b"}]}})  # fmt: skip
    (made,) = ecr.describe_repositories(repositoryNames=["images"])["repositories"]
    assert made["imageTagMutability"] == "MUTABLE"
    assert json.loads(ecr.get_repository_policy(repositoryName="images")["policyText"]) == policy
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "a", "Value": "b"}]
    with pytest.raises(ecr.exceptions.LifecyclePolicyNotFoundException):
        ecr.get_lifecycle_policy(repositoryName="images")
    deploy(Q={"Type": "AWS::SQS::Queue"})
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        ecr.describe_repositories(repositoryNames=["images"])


@pytest.mark.parametrize("acl", ["PublicRead", "PublicReadWrite", "AuthenticatedRead"])
def test_a_bucket_that_an_acl_would_open_is_refused(deploy: Deploy, acl: str) -> None:
    with pytest.raises(UnknownProperty, match=f"AccessControl '{acl}' needs ACLs"):
        deploy(B={"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": acl}})
    deploy(B={"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "Private"}})
