"""Units that cannot be committed, set aside so that they hold up no others; nothing of them is lost.

A unit set aside keeps its staged files; its manifest lies under ``set-aside/`` with the error. ``sluice redrive`` puts
it back.
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
    """One unit that was set aside: ``manifest`` is its text as it was staged, ``at`` seconds since the epoch.

    ``deliveries`` are the ids of its files, ``files`` the addresses of the first of them.
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


#: So many files of a unit are named.
_FILES = 100
#: Younger than this, a unit's tokens are still known, if a part of it was committed.
_YOUNG = KEEP - timedelta(days=5)
_decode = json_decoder(SetAside)


def set_aside(store: Store, lake: str, *, dataset: str, manifest: str, error: str, unit: StagedUnit | None) -> SetAside:
    """Move the unit of ``manifest`` (an address) out of the committer's way and return what is kept of it.

    ``unit`` is none when not even its manifest can be read. First the copy, then the removal: a death in between
    leaves both, and the unit is tried, and set aside, once more.
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
    """Yield every unit that is set aside, by dataset."""
    for address in store.list(_prefix(lake)):
        yield _decode(store.get_bytes(address))


def put_back(store: Store, lake: str, aside: SetAside) -> None:
    """Stage a unit again that was set aside; its committer must be woken, or the sweep does it.

    ``CommandError`` when it is too old: a part of it may be in a table whose token has gone, and would be there twice.
    """
    if aside.deliveries and datetime.now(UTC).timestamp() - aside.at > _YOUNG.total_seconds():
        raise CommandError(
            f"A unit of {aside.dataset} was set aside more than {_YOUNG.days} days ago.",
            safe="it stays where it is, and its files in landing.",
            next_step=f"upload its files again ({', '.join(aside.files[:3])} …) and `sluice discard {aside.attempt}`.",
        )
    store.put(f"{staging_prefix(lake, aside.dataset)}{aside.attempt}.json", aside.manifest.encode())
    drop(store, lake, aside)


def drop(store: Store, lake: str, aside: SetAside) -> None:
    """Forget what was set aside; one that was set aside anew meanwhile has another name and stays."""
    store.delete([f"{_prefix(lake)}{aside.dataset}/{aside.name or aside.attempt}.json"])


def _prefix(lake: str) -> str:
    return f"{lake}/set-aside/"
