"""CDK's own CLI, unchanged, deploys an app that knows nothing of Sluice: bootstrap, deploy, change, diff, destroy."""

from __future__ import annotations

import json
import time

import pytest

from tests.end_to_end.foreign import App, copied, good

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def app(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> App:
    return copied("worker", tmp_path_factory.mktemp("apps"), endpoint)


def works(app: App, message: str) -> str:
    """Send a message, and return what the function made of it."""
    outputs, s3 = app.outputs(), app.client("s3")
    app.client("sqs").send_message(QueueUrl=outputs["QueueUrl"], MessageBody=message)
    for _ in range(600):
        if s3.list_objects_v2(Bucket=outputs["BucketName"], Prefix=message)["KeyCount"]:
            return str(s3.get_object(Bucket=outputs["BucketName"], Key=message)["Body"].read().decode())
        time.sleep(0.1)
    raise AssertionError(f"{message} was not worked off within a minute")


DEPLOY = ("deploy", "--require-approval", "never")


def stacks(app: App) -> list[str]:
    return [each["StackName"] for each in app.client("cloudformation").describe_stacks()["Stacks"]]


def test_a_foreign_app_is_bootstrapped_deployed_changed_and_destroyed(app: App) -> None:
    assert "bootstrapped" in good(app.cdk("bootstrap"))
    stack = app.client("cloudformation").describe_stacks(StackName="CDKToolkit")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"

    good(app.cdk(*DEPLOY, "--outputs-file", "outputs.json"))
    assert json.loads((app.folder / "outputs.json").read_text())["worker"] == app.outputs()
    assert works(app, "one") == "hello one"

    said = app.cdk("diff", "--fail", GREETING="good day")
    assert said.returncode == 1
    assert "good day" in said.stdout + said.stderr
    handler = app.folder / "function" / "index.py"
    handler.write_text(handler.read_text().replace("{record['body']}", "{record['body']}!"))
    good(app.cdk(*DEPLOY, GREETING="good day"))
    assert works(app, "two") == "good day two!"

    bucket = app.outputs()["BucketName"]
    good(app.cdk("destroy", "--force"))
    assert stacks(app) == ["CDKToolkit"]
    kept = app.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert [each["Key"] for each in kept] == ["one", "two"], "what is retained stays, with what is in it"


@pytest.mark.proof
def test_what_stayed_as_it_was_is_no_change_and_what_is_protected_is_not_destroyed(app: App) -> None:
    good(app.cdk("bootstrap"))
    assert "(no changes)" in good(app.cdk("bootstrap"))
    good(app.cdk(*DEPLOY))
    good(app.cdk(*DEPLOY, GREETING="good day"))
    assert works(app, "three").startswith("good day three")
    good(app.cdk(*DEPLOY, GREETING="good day", PROTECTED="1"))
    assert works(app, "four").startswith("good day four")
    assert "(no changes)" in good(app.cdk(*DEPLOY, GREETING="good day", PROTECTED="1"))
    refused = app.cdk("destroy", "--force")
    assert refused.returncode != 0
    assert "TerminationProtection" in refused.stdout + refused.stderr
    good(app.cdk(*DEPLOY, GREETING="good day"))
    good(app.cdk("destroy", "--force"))
    assert "worker" not in stacks(app)
    good(app.cdk(*DEPLOY))
    assert works(app, "five").startswith("hello five")


@pytest.mark.proof
def test_a_stack_that_cannot_be_deployed_says_why_and_can_be_repeated(app: App) -> None:
    source = app.folder / "app.py"
    sound = source.read_text()
    broken = sound.replace('Stack(app, "worker"', 'Stack(app, "broken"').replace("app.synth()", _UNKNOWN)
    source.write_text(broken)
    try:
        refused = app.cdk("deploy", "--require-approval", "never")
        assert refused.returncode == 1
        assert "AWS::Nobody::Knows" in refused.stdout + refused.stderr
        source.write_text(broken.replace(_UNKNOWN, "app.synth()"))
        good(app.cdk("deploy", "--require-approval", "never"))
        good(app.cdk("destroy", "--force"))
    finally:
        source.write_text(sound)


@pytest.mark.proof
def test_a_first_deployment_that_was_rolled_back_is_repeated(app: App) -> None:
    """The CLI protects a stack before it is made: one that is to be protected, and failed, is let go by hand first."""
    source = app.folder / "app.py"
    sound = source.read_text()
    renamed = sound.replace('Stack(app, "worker"', 'Stack(app, "again"')
    source.write_text(renamed.replace("app.synth()", _FAILING))
    cfn = app.client("cloudformation")
    try:
        for protected in ("", "1"):
            assert app.cdk(*DEPLOY, PROTECTED=protected).returncode == 1
            (stack,) = cfn.describe_stacks(StackName="again")["Stacks"]
            assert (stack["StackStatus"], stack["EnableTerminationProtection"]) == (
                "ROLLBACK_COMPLETE",
                bool(protected),
            )
        source.write_text(renamed)
        refused = app.cdk(*DEPLOY, PROTECTED="1")
        assert refused.returncode == 1
        assert "cannot be deleted while TerminationProtection is enabled" in refused.stdout + refused.stderr
        cfn.update_termination_protection(StackName="again", EnableTerminationProtection=False)
        good(app.cdk(*DEPLOY))
        good(app.cdk("destroy", "--force"))
    finally:
        source.write_text(sound)


_FAILING = """import aws_cdk
document = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]}
given = {"Queues": ["http://127.0.0.1/none"], "PolicyDocument": document}
aws_cdk.CfnResource(stack, "Bad", type="AWS::SQS::QueuePolicy", properties=given)
app.synth()"""
_UNKNOWN = 'CfnResource(stack, "New", type="AWS::Nobody::Knows")\napp.synth()'.replace(
    "CfnRes", "__import__('aws_cdk').CfnRes"
)
