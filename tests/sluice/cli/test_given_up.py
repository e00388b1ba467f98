"""What a deployment gives up without deleting it is a loss, and said before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import given_up
from sluice.cli.cloud_assembly import DeclaredStack
from sluice.cli.deploying import Outcome, refuse_losses
from sluice.errors import CommandError

OWN = {"Fn::GetStackOutput": {"StackName": "shop-prod-storage", "OutputName": "Key"}}


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what is given up when one resource is declared otherwise than it is deployed."""

    def asked(type_: str, before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
        deployed = {"Resources": {"It": {"Type": type_, **before}}} if before is not None else None
        monkeypatch.setattr(given_up, "deployed_template", lambda _: deployed)
        (tmp_path / "t.json").write_text(json.dumps({"Resources": {"It": {"Type": type_, **now}}}))
        return given_up.given_up([DeclaredStack("shop-prod-x", tmp_path / "t.json", "", {}, {}, ())])

    return asked


@pytest.mark.parametrize(
    ("type_", "own", "others", "said"),
    [
        ("AWS::SQS::Queue", {"KmsMasterKeyId": OWN}, {"SqsManagedSseEnabled": True}, "1 queue (It) would lose"),
        ("AWS::SQS::Queue", {"KmsMasterKeyId": OWN}, {"KmsMasterKeyId": "alias/aws/sqs"}, "1 queue (It) would lose"),
        ("AWS::Logs::LogGroup", {"KmsKeyId": OWN}, {}, "1 log group (It) would lose the deployment's key: what was"),
        (
            "AWS::Kinesis::Stream",
            {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": OWN}},
            {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}},
            "1 stream (It) would lose",
        ),
    ],
)
def test_what_stays_encrypted_with_a_key_that_nobody_may_use_any_more_is_a_loss(
    lost: Any, type_: str, own: dict[str, Any], others: dict[str, Any], said: str
) -> None:
    with_own, without = {"Properties": own}, {"Properties": others}
    (loss,) = lost(type_, with_own, without)
    assert loss.startswith(f"shop-prod-x: {said}")
    for before, now in ((without, with_own), (with_own, with_own), (without, without), (None, without)):
        assert lost(type_, before, now) == []
    with pytest.raises(CommandError, match="would lose the deployment's key") as refused:
        refuse_losses(Outcome([], [], given_up=[loss]), accepted=False)
    assert "--accept-data-loss" in refused.value.next_step
    refuse_losses(Outcome([], [], given_up=[loss]), accepted=True)


def test_what_is_no_longer_kept_when_its_stack_is_deleted_is_a_loss(lost: Any) -> None:
    kept, gone = {"DeletionPolicy": "RetainExceptOnCreate"}, {"DeletionPolicy": "Delete"}
    (loss,) = lost("AWS::S3::Bucket", kept, gone)
    assert loss == "shop-prod-x: It (AWS::S3::Bucket) would go with its stack, with what is in it"
    assert lost("AWS::S3::Bucket", gone, kept) == lost("AWS::SNS::Topic", kept, gone) == []
