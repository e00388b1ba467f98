"""Sets aside staged units that cannot be committed, so that they do not hold up others; nothing is lost.

A unit set aside keeps its staged files. Its manifest is moved under ``set-aside/`` together with the error, and
``sluice redrive`` stages it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from sluice.decoding import json_decoder
from sluice.errors import CommandError
from sluice.ingestion.stage import StagedUnit, staging_prefix
from sluice.storage import Store
from sluice.tables.tokens import KEEP


class SetAside(msgspec.Struct, frozen=True, omit_defaults=True):
    """A unit that was set aside: its ``manifest`` as it was staged, the error, and when (``at``, epoch seconds).

    ``deliveries`` are the delivery ids of its files, ``files`` the addresses of the first few.
    """

    dataset: str
    attempt: str
    manifest: str
    error: str
    name: str = ""
    files: tuple[str, ...] = ()
    deliveries: tuple[str, ...] = ()
    records: int = 0
    at: float = 0.0


#: How many files of a unit are named in messages.
_FILES = 100
#: For so long a table surely has the tokens of a unit of which a part was committed, so it can be staged again.
_YOUNG = KEEP - timedelta(days=5)
_decode = json_decoder(SetAside)


def set_aside(store: Store, lake: str, *, dataset: str, manifest: str, error: str, unit: StagedUnit | None) -> SetAside:
    """Move the unit whose manifest is at ``manifest`` out of the committer's way; return what is kept of the unit.

    ``unit`` is None when its manifest cannot be read. The manifest is copied before it is removed: when the function
    dies in between, the unit is committed or set aside once more.
    """
    attempt = manifest.rsplit("/", 1)[-1].removesuffix(".json")
    deliveries = unit.deliveries if unit else ()
    aside = SetAside(
        dataset=dataset,
        attempt=attempt,
        manifest=store.get_bytes(manifest).decode(errors="replace"),
        error=error,
        name=f"{attempt}-{uuid.uuid4().hex[:8]}",
        files=tuple(delivery.uri for delivery in deliveries[:_FILES]),
        deliveries=tuple(delivery.delivery_id for delivery in deliveries),
        records=unit.records if unit else 0,
        at=datetime.now(UTC).timestamp(),
    )
    store.put(f"{_prefix(lake)}{dataset}/{aside.name}.json", msgspec.json.encode(aside))
    store.delete([manifest])
    return aside


def units_aside(store: Store, lake: str) -> Iterator[SetAside]:
    """Yield every unit that is set aside, ordered by dataset."""
    for address in store.list(_prefix(lake)):
        yield _decode(store.get_bytes(address))


def put_back(store: Store, lake: str, aside: SetAside) -> None:
    """Stage a unit again that was set aside; the caller wakes its committer, or the sweep does.

    Raise ``CommandError`` when the unit is too old: the tokens of a part that was committed may be dropped by now, and
    its rows would be committed twice.
    """
    if aside.deliveries and datetime.now(UTC).timestamp() - aside.at > _YOUNG.total_seconds():
        raise CommandError(
            f"A unit of {aside.dataset} was set aside more than {_YOUNG.days} days ago.",
            safe="the unit stays set aside, and its files stay in the landing bucket.",
            next_step=f"upload its files again ({', '.join(aside.files[:3])} …) and `sluice discard {aside.attempt}`.",
            dataset=aside.dataset,
            value=aside.attempt,
        )
    store.put(f"{staging_prefix(lake, aside.dataset)}{aside.attempt}.json", aside.manifest.encode())
    drop(store, lake, aside)


def drop(store: Store, lake: str, aside: SetAside) -> None:
    """Delete the record of a unit set aside; the unit's record from a later time has another name and stays."""
    store.delete([f"{_prefix(lake)}{aside.dataset}/{aside.name or aside.attempt}.json"])


def _prefix(lake: str) -> str:
    return f"{lake}/set-aside/"
