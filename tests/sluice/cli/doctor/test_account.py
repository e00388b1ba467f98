"""What is wrong with an account is found on a local AWS that really is so, and each finding stands alone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localaws.server import LocalAws
from sluice.cli.cloud_assembly import DeclaredStack
from sluice.cli.doctor import quotas
from sluice.cli.doctor.account import Account
from sluice.cli.doctor.leftovers import KINDS
from sluice.cli.doctor.needs import Bootstrap, Needs
from sluice.cli.doctor.quotas import stacks
from sluice.cli.doctor.standing_stacks import Standing, read_standing
from tests.sluice.cli.doctor.conftest import RESOURCES, declare, doctor, less_than_well, reach
from tests.waiting import until

VERSION = "/cdk-bootstrap/hnb659fds/version"
Said = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def reached(aws: LocalAws, shop: Path, monkeypatch: Patch) -> None:
    reach(monkeypatch, aws.endpoint)


def narrow(aws: LocalAws, monkeypatch: Patch, *denied: str) -> None:
    """Let this shell's credentials be those of a role that may do all but this."""
    iam, name = aws.context.client("iam"), f"narrow-{uuid.uuid4().hex[:8]}"
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": denied, "Resource": "*"},
    ]
    may = {"Effect": "Allow", "Principal": {"AWS": aws.context.account}, "Action": "sts:AssumeRole"}
    trust, document = (json.dumps({"Version": "2012-10-17", "Statement": each}) for each in ([may], statements))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="most", PolicyDocument=document)
    key = aws.context.client("sts").assume_role(RoleArn=role, RoleSessionName="ann")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", key["SessionToken"])


@contextmanager
def version(aws: LocalAws, value: str | None) -> Iterator[None]:
    """Let the version of the bootstrap be another, or none."""
    ssm = aws.context.client("ssm")
    was = ssm.get_parameter(Name=VERSION)["Parameter"]["Value"]
    ssm.delete_parameter(Name=VERSION)
    if value is not None:
        ssm.put_parameter(Name=VERSION, Value=value, Type="String")
    try:
        yield
    finally:
        ssm.put_parameter(Name=VERSION, Value=was, Type="String", Overwrite=True)


@pytest.mark.slow
def test_where_nothing_is_wrong_all_is_well_and_the_status_is_0(capsys: Said) -> None:
    status, found = doctor(capsys, "--account")
    assert (less_than_well(found), status) == ({}, 0)
    assert found["lambda-concurrency"]["found"].endswith("up to 16"), "ten files, and three shards twice"
    assert found["kinesis"]["found"] == "3 of 6,000 shards"
    assert found["leftovers"]["found"].startswith("none of 4 names")


@pytest.mark.parametrize(
    ("value", "said"), [(None, "never bootstrapped"), ("7", "version is 7, and the stacks need 8")]
)
def test_an_account_without_bootstrap_or_of_an_old_one(
    aws: LocalAws, capsys: Said, value: str | None, said: str
) -> None:
    with version(aws, value):
        status, found = doctor(capsys, "--account")
    assert (less_than_well(found), status) == ({"bootstrap": "failed"}, 1)
    assert said in found["bootstrap"]["found"]
    assert found["bootstrap"]["next_step"].startswith("`npx aws-cdk@")
    assert "bootstrap -c env=dev" in found["bootstrap"]["next_step"]


def test_a_role_of_the_bootstrap_that_is_gone(aws: LocalAws, capsys: Said) -> None:
    iam, role = aws.context.client("iam"), f"cdk-hnb659fds-deploy-role-{aws.context.account}-us-east-1"
    trust = json.dumps(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])
    iam.delete_role_policy(RoleName=role, PolicyName="everything")
    iam.delete_role(RoleName=role)
    try:
        _, found = doctor(capsys, "--account")
    finally:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
    assert less_than_well(found) == {"bootstrap": "failed"}
    assert f"the role {role} is gone" in found["bootstrap"]["found"]


@pytest.mark.slow
def test_the_bound_of_memory_cannot_be_told_unless_a_function_shows_it(
    aws: LocalAws, tmp_path: Path, monkeypatch: Patch, capsys: Said
) -> None:
    large = {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 10_240}}
    declare(monkeypatch, tmp_path, {**RESOURCES, "Large": large})
    status, found = doctor(capsys, "--account")
    assert (less_than_well(found), status) == ({"lambda-memory": "unknown"}, 1)
    assert "no call of AWS tells" in found["lambda-memory"]["found"]
    assert "--memory-size 10240" in found["lambda-memory"]["next_step"]
    function = aws.context.client("lambda")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = aws.context.client("iam").create_role(RoleName="large", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    function.create_function(
        FunctionName="large", Runtime="python3.13", Role=role, Handler="a.b", MemorySize=4096,
        Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
    )  # fmt: skip
    try:
        assert less_than_well(doctor(capsys, "--account")[1]) == {}
    finally:
        function.delete_function(FunctionName="large")


def test_a_new_account_runs_ten_calls_at_once(monkeypatch: Patch, capsys: Said) -> None:
    monkeypatch.setenv("MOTO_LAMBDA_CONCURRENCY_QUOTA", "10")
    status, found = doctor(capsys, "--account")
    assert (less_than_well(found), status) == ({"lambda-concurrency": "failed"}, 1)
    assert "10 calls may run at once, and event sources make up to 16" in found["lambda-concurrency"]["found"]
    assert "service-quotas request-service-quota-increase" in found["lambda-concurrency"]["next_step"]


RESERVES = "Committer"


@pytest.mark.parametrize(
    ("most", "reserved", "taken", "well"),
    [
        (1000, 50, 0, True),
        (150, 50, 0, True),  # exactly as many as must be left
        (149, 50, 0, False),
        (10, 3, 0, False),
        (150, 50, 50, True),  # what it has reserved itself
        (149, 50, 40, False),  # … which is more now
        (116, 0, 50, True),  # … and will be free
    ],
)
def test_what_functions_reserve_is_compared_with_what_must_be_left(
    aws: LocalAws, tmp_path: Path, monkeypatch: Patch, capsys: Said, most: int, reserved: int, taken: int, well: bool
) -> None:
    keeps = {"ReservedConcurrentExecutions": reserved} if reserved else {}
    declare(monkeypatch, tmp_path, {**RESOURCES, RESERVES: {"Type": "AWS::Lambda::Function", "Properties": keeps}})
    monkeypatch.setattr(quotas, "reserved_now", lambda account, stood: taken)
    monkeypatch.setenv("MOTO_LAMBDA_CONCURRENCY_QUOTA", str(most - taken))
    status, found = doctor(capsys, "--account")
    assert (less_than_well(found), status) == (({}, 0) if well else ({"lambda-concurrency": "failed"}, 1))
    if not well:
        assert (
            f"functions reserve {reserved} of {most} calls, and 100 must be left"
            in found["lambda-concurrency"]["found"]
        )
        assert "`reserve_commits`" in found["lambda-concurrency"]["next_step"]


def test_calls_that_the_deployed_functions_reserve_are_counted() -> None:
    class Answering(Account):
        def look(self, service: str, operation: str, **given: Any) -> dict[str, Any] | None:
            assert (service, operation) == ("lambda", "GetFunctionConcurrency")
            return {"one": {"ReservedConcurrentExecutions": 7}, "two": {}, "gone": None}[given["FunctionName"]]

    kind = "AWS::Lambda::Function"
    stood = Standing({}, frozenset({(kind, "one"), (kind, "two"), (kind, "gone"), ("AWS::S3::Bucket", "three")}))
    assert quotas.reserved_now(Answering("us-east-1"), stood) == 7


@pytest.mark.slow
def test_leftovers_are_named_each_with_what_removes_it(aws: LocalAws, capsys: Said) -> None:
    clients = {name: aws.context.client(name) for name in ("glue", "kinesis", "logs", "athena")}
    clients["glue"].create_database(DatabaseInput={"Name": "bronze"})
    clients["kinesis"].create_stream(StreamName="clicks", ShardCount=1)
    clients["logs"].create_log_group(logGroupName="/aws/vendedlogs/states/shop")
    clients["athena"].create_work_group(Name="shop-dev")
    try:
        status, found = doctor(capsys, "--account")
    finally:
        clients["glue"].delete_database(Name="bronze")
        clients["kinesis"].delete_stream(StreamName="clicks")
        clients["logs"].delete_log_group(logGroupName="/aws/vendedlogs/states/shop")
        clients["athena"].delete_work_group(WorkGroup="shop-dev")
    assert (less_than_well(found), status) == ({"leftovers": "failed"}, 1)
    for kind, name in (("Glue::Database", "bronze"), ("Kinesis::Stream", "clicks"), ("Athena::WorkGroup", "shop-dev")):
        assert f"AWS::{kind} {name}" in found["leftovers"]["found"]
    assert "`aws glue delete-database --name bronze`" in found["leftovers"]["next_step"]
    assert "`aws logs delete-log-group --log-group-name /aws/vendedlogs/states/shop`" in found["leftovers"]["next_step"]
    assert less_than_well(doctor(capsys, "--account")[1]) == {}


def retained(aws: LocalAws, **named: dict[str, Any]) -> None:
    """Make the environment's stack with these, which it retains, and delete it."""
    cfn = aws.context.client("cloudformation")
    resources = {name: {**body, "DeletionPolicy": "Retain"} for name, body in named.items()}
    cfn.create_stack(StackName="shop-dev-storage", TemplateBody=json.dumps({"Resources": resources}))
    cfn.get_waiter("stack_create_complete").wait(StackName="shop-dev-storage", WaiterConfig={"Delay": 1})
    stack = cfn.describe_stacks(StackName="shop-dev-storage")["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName="shop-dev-storage")
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})


@pytest.mark.slow
def test_what_a_deleted_stack_of_the_environment_retained_is_to_be_taken_up_and_not_removed(
    aws: LocalAws, monkeypatch: Patch, capsys: Said
) -> None:
    glue, logs = aws.context.client("glue"), aws.context.client("logs")
    bronze = {"CatalogId": aws.context.account, "DatabaseInput": {"Name": "bronze"}}
    retained(aws, Bronze={"Type": "AWS::Glue::Database", "Properties": bronze})
    try:
        status, found = doctor(capsys, "--account")
        assert (less_than_well(found), status) == ({"leftovers": "failed"}, 1)
        assert found["leftovers"]["next_step"] == "`sluice adopt --env dev --dry-run`"
        logs.create_log_group(logGroupName="/aws/vendedlogs/states/shop")  # nobody retained this one
        both = doctor(capsys, "--account")[1]["leftovers"]
        assert "deleted stacks of this environment retained AWS::Glue::Database bronze" in both["found"]
        assert both["next_step"].startswith("`sluice adopt --env dev --dry-run` Then see whose each is.")
        assert "aws logs delete-log-group" in both["next_step"]
        assert "delete-database" not in both["next_step"]
        narrow(aws, monkeypatch, "cloudformation:ListStacks")
        untold = doctor(capsys, "--account")[1]["leftovers"]
        assert untold["status"] == "failed"
        assert "lack the permission cloudformation:ListStacks" in untold["found"]
        assert "delete-database" in untold["next_step"]
    finally:
        glue.delete_database(Name="bronze")
        logs.delete_log_group(logGroupName="/aws/vendedlogs/states/shop")


def test_what_is_in_the_environments_own_stacks_is_no_leftover(aws: LocalAws, capsys: Said) -> None:
    cfn = aws.context.client("cloudformation")
    named = {name: RESOURCES[name] for name in ("Clicks", "Log")}
    cfn.create_stack(StackName="shop-dev-storage", TemplateBody=json.dumps({"Resources": named}))
    cfn.get_waiter("stack_create_complete").wait(StackName="shop-dev-storage", WaiterConfig={"Delay": 1})
    try:
        _, found = doctor(capsys, "--account")
    finally:
        cfn.delete_stack(StackName="shop-dev-storage")
        cfn.get_waiter("stack_delete_complete").wait(StackName="shop-dev-storage", WaiterConfig={"Delay": 1})
    assert less_than_well(found) == {}
    assert found["kinesis"]["found"] == "no stream would be new"
    assert found["stacks"]["found"] == "0 new, 1 there"


def test_a_stack_that_was_rolled_back(aws: LocalAws, capsys: Said) -> None:
    cfn = aws.context.client("cloudformation")
    bad = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": ["http://127.0.0.1/0"], "PolicyDocument": {}}}
    cfn.create_stack(StackName="shop-dev-storage", TemplateBody=json.dumps({"Resources": {"Bad": bad}}))
    failed = "ROLLBACK_COMPLETE"
    stack = {"StackName": "shop-dev-storage"}
    until(lambda: cfn.describe_stacks(**stack)["Stacks"][0]["StackStatus"] == failed, failed)
    try:
        _, found = doctor(capsys, "--account")
    finally:
        cfn.delete_stack(StackName="shop-dev-storage")
    assert less_than_well(found) == {"stacks": "failed"}
    assert found["stacks"]["next_step"] == "`aws cloudformation delete-stack --stack-name shop-dev-storage`"


def test_a_wrong_region_and_none(monkeypatch: Patch, capsys: Said) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    status, found = doctor(capsys, "--account")
    assert (less_than_well(found), status) == ({"region": "failed"}, 1)
    assert "eu-west-1; dev is in us-east-1" in found["region"]["found"]
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    found = doctor(capsys, "--account")[1]
    assert less_than_well(found) == {"region": "failed"}
    assert found["region"]["next_step"] == "`export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1`"


def test_lake_formation_in_charge(aws: LocalAws, capsys: Said) -> None:
    lake = aws.context.client("lakeformation")
    was = lake.get_data_lake_settings()["DataLakeSettings"]
    closed = {**was, "CreateDatabaseDefaultPermissions": [], "CreateTableDefaultPermissions": []}
    lake.put_data_lake_settings(DataLakeSettings=closed)
    try:
        status, found = doctor(capsys, "--account")
    finally:
        lake.put_data_lake_settings(DataLakeSettings=was)
    assert (less_than_well(found), status) == ({"lake-formation": "failed"}, 1)
    assert "in charge of new databases and tables" in found["lake-formation"]["found"]


@pytest.mark.slow
def test_a_permission_that_lacks_is_named_and_no_other_check_suffers(
    aws: LocalAws, monkeypatch: Patch, capsys: Said
) -> None:
    narrow(aws, monkeypatch, "kinesis:*", "lakeformation:*", "s3:ListAllMyBuckets")
    found = doctor(capsys, "--account")[1]
    assert less_than_well(found) == dict.fromkeys(("kinesis", "buckets", "lake-formation", "leftovers"), "unknown")
    for name, needed in (
        ("kinesis", "kinesis:DescribeLimits"),
        ("buckets", "s3:ListAllMyBuckets"),
        ("lake-formation", "lakeformation:GetDataLakeSettings"),
        ("leftovers", "kinesis:DescribeStreamSummary"),
    ):
        assert found[name]["found"] == f"the credentials lack the permission {needed}"
    glue = aws.context.client("glue")
    glue.create_database(DatabaseInput={"Name": "bronze"})
    try:
        leftovers = doctor(capsys, "--account")[1]["leftovers"]
    finally:
        glue.delete_database(Name="bronze")
    assert leftovers["status"] == "failed", "streams that cannot be asked for hide no database"
    assert "AWS::Glue::Database bronze; " in leftovers["found"]  # and whether a stack that is gone has left it
    assert "not all could be looked at: the credentials lack" in leftovers["found"]


@pytest.mark.parametrize(
    ("status", "protected", "said"),
    [
        ("UPDATE_FAILED", True, "rollback-stack"),
        ("ROLLBACK_COMPLETE", True, "--no-enable-termination-protection --stack-name shop`, then `aws cloudformation"),
        ("DELETE_FAILED", False, "`aws cloudformation delete-stack --stack-name shop`"),
    ],
)
def test_a_stuck_stack_that_holds_data_is_not_to_be_deleted(status: str, protected: bool, said: str) -> None:
    stood = Standing({"shop": status}, frozenset(), frozenset({"shop"} if protected else ()))
    found = stacks(Needs((), (), Bootstrap("", 0, (), ())), stood)
    assert found.status == "failed"
    assert said in found.next_step
    assert ("delete-stack" in found.next_step) == (status != "UPDATE_FAILED")


def test_what_a_rollback_left_behind_is_taken_although_its_stack_is_there() -> None:
    """As CloudFormation lists them; the local AWS's own stacks have nothing after a rollback."""
    answers: dict[str, dict[str, Any]] = {
        "DescribeStacks": {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE", "EnableTerminationProtection": True}]},
        "ListStackResources": {"StackResourceSummaries": [
            {"ResourceType": "AWS::Kinesis::Stream", "PhysicalResourceId": name, "ResourceStatus": status}
            for name, status in (("a", "DELETE_SKIPPED"), ("b", "DELETE_COMPLETE"), ("c", "CREATE_FAILED"),
                                 ("d", "CREATE_COMPLETE"))
        ]},
    }  # fmt: skip

    class Answering(Account):
        def look(self, service: str, operation: str, **given: Any) -> dict[str, Any] | None:
            return answers[operation]

    stack = DeclaredStack("shop", Path(), "", {}, {}, ())
    stood = read_standing(Answering("us-east-1"), Needs((stack,), (), Bootstrap("", 0, (), ())))
    assert stood.physical == {("AWS::Kinesis::Stream", "d")}
    assert stood.protected == {"shop"}


def test_numbers_that_a_template_only_refers_to_hide_nothing(tmp_path: Path, monkeypatch: Patch, capsys: Said) -> None:
    size = {"Ref": "Size"}
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"MemorySize": size, "ReservedConcurrentExecutions": size},
    }
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": size, "StreamModeDetails": size}}
    reads = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
        "ParallelizationFactor": size, "EventSourceArn": {"Fn::GetAtt": ["Own", "Arn"]}}}  # fmt: skip
    declare(monkeypatch, tmp_path, {**RESOURCES, "Function": function, "Own": stream, "Mapping": reads})
    found = doctor(capsys, "--account")[1]
    assert less_than_well(found) == {}
    assert found["kinesis"]["found"] == "4 of 6,000 shards"


def test_stacks_that_cannot_be_made_hide_nothing_else(monkeypatch: Patch, shop: Path, capsys: Said) -> None:
    from sluice.cli import assembly
    from sluice.errors import CommandError

    def fails(*_: Any) -> Path:
        raise CommandError("orders.yaml:3: it is wrong.", next_step="mend it.")

    monkeypatch.setattr(assembly, "synthesize", fails)
    found = doctor(capsys, "--account")[1]
    needing = ("stacks", "bootstrap", "lambda-memory", "lambda-concurrency", "kinesis", "buckets", "leftovers")
    assert less_than_well(found) == {"synthesis": "failed", **dict.fromkeys(needing, "unknown")}
    (shop / "environments.yaml").write_text("environments: 3\n")
    found = doctor(capsys, "--account")[1]
    assert less_than_well(found) == {"project": "failed", "account": "unknown"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_leftover_is_asked_for_as_the_service_knows_it(aws: LocalAws, kind: str) -> None:
    assert not KINDS[kind].find(Account("us-east-1"), "nobody-has-this")
