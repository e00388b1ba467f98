"""Finds the twin of a file: the object's previous version, when that has the same bytes and was ingested."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from sluice.errors import UnreadableFile
from sluice.ingestion.landing import Notice, same_bytes
from sluice.ingestion.surroundings import Surroundings
from sluice.ledger import Delivery
from sluice.storage import client

#: Seconds between two reads of the ledger while waiting for the result of the object's previous version.
_LOOK_SECONDS = 2.0
#: The states of a version that is in its table, or will be.
_INGESTED = ("staged", "committed", "duplicate")
#: Differs from every version id.
NOT_YET = "(not yet)"


def twin_of(notice: Notice, around: Surroundings, staged: Mapping[str, Delivery]) -> str:
    """Return the version just before if it has the same bytes and was ingested, else an empty text.

    ``staged`` are the entries of what this call has staged. Return ``NOT_YET`` while its result is not known.
    """
    before = _predecessor(notice)
    if before is None:
        return ""
    entry = _first_of(before, around, staged)
    if entry is None or entry.status == "failing":
        return NOT_YET if around.hand_on is not None and same_bytes(before, notice) else ""
    nothing_of_it = entry.error or (entry.quarantined and not entry.accepted)
    if entry.status not in _INGESTED or nothing_of_it:
        return ""
    try:
        return before.version_id if same_bytes(before, notice) else ""
    except UnreadableFile:  # one of the two was deleted; if it is this one, reading it says so
        return ""


def _first_of(before: Notice, around: Surroundings, staged: Mapping[str, Delivery]) -> Delivery | None:
    """Return the ledger's entry of a version; of a duplicate that of the version whose rows are in the table."""
    entry = _state_of(before, around, staged)
    while entry is not None and entry.status == "duplicate" and entry.duplicate_of:
        before = msgspec.structs.replace(before, version_id=entry.duplicate_of)
        entry = _state_of(before, around, staged)
    return entry


def _state_of(before: Notice, around: Surroundings, staged: Mapping[str, Delivery]) -> Delivery | None:
    """Return the ledger's entry of a version; a call with a single file waits some time for a final state."""
    until = time.monotonic() + (0.0 if around.hand_on is not None else around.patience)
    while True:
        found = around.ledger.known([(before.dataset, before.delivery_id)])
        entry = staged.get(before.delivery_id) or found.get(before.delivery_id)
        if (entry is not None and entry.status != "failing") or time.monotonic() >= until:
            return entry
        time.sleep(_LOOK_SECONDS)


def _predecessor(notice: Notice) -> Notice | None:
    """Return the object's previous version if it has the same size, else None."""
    if not notice.version_id or notice.version_id == "null":
        return None
    answer = client("s3").list_object_versions(
        Bucket=notice.bucket,
        Prefix=notice.key,
        KeyMarker=notice.key,
        VersionIdMarker=notice.version_id,
        MaxKeys=1,
    )
    older = [version for version in answer.get("Versions", []) if version["Key"] == notice.key]
    if not older or older[0]["Size"] != notice.size:
        return None
    return Notice(notice.bucket, notice.key, older[0]["VersionId"], notice.size)
