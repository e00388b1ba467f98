"""Says what a deployment would give up of what is there, beside what it deletes: that it is kept, or can be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sluice.cli.change_sets import HOLDING_DATA, deployed_template
from sluice.cli.cloud_assembly import DeclaredStack
from sluice.counted import counted

_KEPT: Final = frozenset({"Retain", "RetainExceptOnCreate"})
#: What stays encrypted with the key under which it was written, by type: where the key is named, how one is called, and
#: what comes of it once neither the key's policy nor a role's lets anybody decrypt it. A table is encrypted anew, and a
#: topic keeps nothing.
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
#: https://docs.aws.amazon.com/streams/latest/dev/getting-started-with-sse.html
_ENCRYPTED: Final = {
    "AWS::Logs::LogGroup": (("KmsKeyId",), "log group", "what was logged until now cannot be read any more"),
    "AWS::SQS::Queue": (
        ("KmsMasterKeyId",),
        "queue",
        "a message that waits, or is dead, cannot be taken any more (`sluice status --wait`, `sluice redrive` first)",
    ),
    "AWS::Kinesis::Stream": (
        ("StreamEncryption", "KeyId"),
        "stream",
        "a record that was not read cannot be read any more (`sluice status --wait` first)",
    ),
}


#: Name of a resource, what is deployed of it, and what is declared.
_Pairs = Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]]


def given_up(stacks: Iterable[DeclaredStack]) -> list[str]:
    """Return what is kept, or can be read, and would not be from now on: one sentence each."""
    found = []
    for stack in stacks:
        before = (deployed_template(stack.name) or {}).get("Resources", {})
        pairs = [(name, before[name], now) for name, now in stack.body["Resources"].items() if name in before]
        found += [f"{stack.name}: {each}" for each in (*_no_longer_kept(pairs), *_no_longer_readable(pairs))]
    return found


def _no_longer_kept(pairs: _Pairs) -> Iterator[str]:
    """Yield what holds data and was kept when its stack is deleted, and is not from now on."""
    for name, before, now in pairs:
        kept = before.get("DeletionPolicy") in _KEPT and now["Type"] in HOLDING_DATA
        if kept and now.get("DeletionPolicy") not in _KEPT:
            yield f"{name} ({now['Type']}) would go with its stack, with what is in it"


def _no_longer_readable(pairs: _Pairs) -> Iterator[str]:
    """Yield what was encrypted with a key of one's own, and is with AWS's or none from now on, type by type."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, before, now in pairs:
        if before["Type"] == now["Type"] and _own_key(before) and not _own_key(now):
            found[now["Type"]].append(name)
    for type_, names in sorted(found.items()):
        _, called, lost = _ENCRYPTED[type_]
        yield f"{counted(len(names), called)} ({', '.join(sorted(names))}) would lose the deployment's key: {lost}"


def _own_key(resource: Mapping[str, Any]) -> bool:
    """Return whether the resource names a key that is not AWS's own."""
    if resource["Type"] not in _ENCRYPTED:
        return False
    value: Any = resource.get("Properties", {})
    for part in _ENCRYPTED[resource["Type"]][0]:
        value = value.get(part) or {}
    return bool(value) and not str(value).startswith("alias/aws/")
