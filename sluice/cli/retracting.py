"""Retracts a delivery for `sluice retract`: finds it in the ledger, asks the committer, and waits until it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import msgspec

from sluice.cli.deployment import Deployment, client
from sluice.cli.planning import ask_planner
from sluice.cli.status import contracted_datasets
from sluice.errors import CommandError, WrongArgument
from sluice.ingestion.retract import Retraction, request
from sluice.ingestion.wake import wake
from sluice.ledger import Delivery, Ledger
from sluice.storage import S3Store

_POLL_SECONDS = 0.5
#: How many versions of a file an error lists.
_LISTED = 10
_IN_TABLES = ("committed", "rejected")


class Retracted(msgspec.Struct, frozen=True):
    """A delivery and the records that left its tables, or would; ``follow`` are the derived tables made from them.

    ``records`` is None for a file that could not be read, since the number of its records is not known.
    """

    dataset: str
    delivery_id: str
    uri: str
    version_id: str
    accepted: int
    quarantined: int | None
    follow: tuple[str, ...]
    done: bool
    already: bool = False

    @property
    def records(self) -> int | None:
        """Return the number of records in both tables."""
        return None if self.quarantined is None else self.accepted + self.quarantined


def retract(
    deployment: Deployment, what: str, *, dry_run: bool, timeout: float, tell: Callable[[str], None]
) -> Retracted:
    """Retract the delivery ``what`` (its id, or its file's address) and wait for it; return what left the tables.

    With ``dry_run`` nothing is changed. ``tell`` is called with what is waited for. Raise
    ``WrongArgument`` for a delivery that is unknown or will be in no table, and ``CommandError`` for one that is not in
    it yet, and after ``timeout`` seconds; the request then stays.
    """
    settings = deployment.settings
    ledger = Ledger(settings.ledger_table)
    delivery = _found(ledger, contracted_datasets(settings), what)
    follow = tuple(ask_planner(deployment, {"followers": f"bronze.{delivery.dataset}"})["tables"])
    if delivery.status == "retracted":
        return _told(delivery, follow, done=True, already=True)
    _refuse_state(delivery)
    if dry_run:
        return _told(delivery, follow, done=False)
    by = client("sts").get_caller_identity()["Arn"]
    request(S3Store(), settings.lake, Retraction(delivery, by))
    wake(settings, delivery.dataset, f"retract {delivery.delivery_id} {time.time()}")
    tell(f"asked the committer of {delivery.dataset}")
    _await(ledger, delivery, timeout)
    return _told(delivery, follow, done=True)


def _found(ledger: Ledger, datasets: Collection[str], what: str) -> Delivery:
    """Return the delivery with this id or of the file at this address, with ``?versionId=`` of that version."""
    if not what.startswith("s3://"):
        found = list(ledger.known((dataset, what) for dataset in datasets).values())
    else:
        address, _, version = what.partition("?versionId=")
        dataset = address.removeprefix("s3://").partition("/")[2].partition("/")[0]
        found = [
            entry
            for entry in (ledger.deliveries(dataset) if dataset in datasets else ())
            if entry.uri == address and version in ("", entry.version_id)
        ]
    if not found:
        stream = "shardId-" in what
        why = "; a shard's records are no delivery, and a stream has no other" if stream else ""
        raise WrongArgument(
            f"There is no delivery {what[:200]}{why}.",
            safe="nothing was changed.",
            next_step="name a file's address (s3://…), or what _delivery_id says of a row of its bronze table.",
            value=what[:200],
        )
    if len(found) == 1:
        return found[0]
    current = [entry for entry in found if entry.status in _IN_TABLES]
    if len(current) == 1:
        return current[0]
    listed = "; ".join(
        f"{e.uri}?versionId={e.version_id} ({e.status})" for e in sorted(found, key=lambda e: -e.at)[:10]
    )
    raise WrongArgument(
        f"{what} has {len(found)} versions, of which {len(current)} are in its table.",
        safe="nothing was changed.",
        next_step=f"name one of {listed}.",
        value=what[:200],
    )


def _refuse_state(delivery: Delivery) -> None:
    if delivery.status in _IN_TABLES:
        return
    name = f"{delivery.uri}?versionId={delivery.version_id}"
    steps = {
        "duplicate": f"retract {delivery.uri}?versionId={delivery.duplicate_of}, whose bytes it repeats.",
        "discarded": "there is nothing to do: none of its records is in a table.",
        "ignored": "there is nothing to do: none of its records is in a table.",
        "set_aside": "`sluice status` shows it; `sluice discard` gives it up.",
    }
    kind = WrongArgument if delivery.status in steps else CommandError
    raise kind(
        f"{name} is {delivery.status}: none of its records is in a table.",
        safe="nothing was changed.",
        next_step=steps.get(delivery.status, "wait until it is committed (`sluice status --wait`), then ask again."),
        dataset=delivery.dataset,
        file=delivery.uri,
    )


def _await(ledger: Ledger, delivery: Delivery, timeout: float) -> None:
    until = time.monotonic() + timeout
    while True:
        now = ledger.known([(delivery.dataset, delivery.delivery_id)]).get(delivery.delivery_id)
        if now is not None and now.status == "retracted":
            return
        if time.monotonic() >= until:
            raise CommandError(
                f"{delivery.uri} is not retracted after {timeout:.0f} s.",
                safe="the request stays, and each table holds all of its rows or none.",
                next_step="the committer does it by itself; `sluice status` shows when, or why it cannot.",
                dataset=delivery.dataset,
                file=delivery.uri,
            )
        time.sleep(_POLL_SECONDS)


def _told(delivery: Delivery, follow: tuple[str, ...], *, done: bool, already: bool = False) -> Retracted:
    accepted, bad = delivery.accepted, delivery.quarantined
    if already:  # its tables have none of it any more
        accepted = delivery.retracted - delivery.retracted_quarantined
        bad = None if bad is None else delivery.retracted_quarantined
    return Retracted(
        delivery.dataset, delivery.delivery_id, delivery.uri, delivery.version_id, accepted, bad, follow, done, already
    )
