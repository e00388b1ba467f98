"""Divides the staged units into portions for the committer, so that a unit that cannot be committed blocks no other.

A portion that fails because of its content is halved until the unit to blame is alone; that unit is set aside. When a
portion ends the function (out of memory, a crash in native code), the mark written before it stays. The next call
commits all other units first, then those in doubt in tenths, and sets aside a unit that ended the function three times
by itself.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg import exceptions as iceberg

from sluice.decoding import json_decoder
from sluice.errors import TableError
from sluice.ingestion.aside import set_aside
from sluice.ingestion.stage import StagedUnit, decode_unit, staging_prefix
from sluice.storage import Store

log = logging.getLogger(__name__)
#: A unit that ended the function so many times by itself is set aside.
DEATHS = 3
_PARTS = 10
#: Most units and delivered bytes of a portion, so that a call stays within its memory and its time.
_UNITS, _BYTES, _RECORDS = 2000, 512 << 20, 400_000
READS_AT_ONCE = 16
_BATCH_ROWS = 131_072
#: With fewer seconds left, no further portion is begun.
RESERVE_SECONDS = 45.0


@dataclass(frozen=True)
class Staged:
    """A unit and the address of its manifest."""

    manifest: str
    unit: StagedUnit


class BrokenUnit(Exception):
    """A staged file of a unit cannot be read."""


class _Group(msgspec.Struct, frozen=True):
    """Units (by attempt) at least one of which ended the function, and how often that happened to them together."""

    units: tuple[str, ...]
    deaths: int = 0


class _Mark(msgspec.Struct, frozen=True):
    """The mark of a call: all groups in doubt, and the units that it was about to commit when it wrote the mark."""

    groups: tuple[_Group, ...] = ()
    trying: tuple[str, ...] = ()


_decode_mark = json_decoder(_Mark)


def _after_death(mark: _Mark) -> list[_Group]:
    """Return the groups in doubt after the call that wrote ``mark`` has died; a group of several units in tenths."""
    if not mark.trying:  # that call did not die while it committed a portion
        return list(mark.groups)
    others = [group for group in mark.groups if group.units != mark.trying]
    tried = next((group for group in mark.groups if group.units == mark.trying), _Group(mark.trying))
    if len(tried.units) == 1:
        return [*others, _Group(tried.units, tried.deaths + 1)]
    size = -(-len(tried.units) // _PARTS)
    return [*others, *(_Group(tried.units[start : start + size]) for start in range(0, len(tried.units), size))]


@dataclass
class Portions:
    """The staged units of one dataset in portions.

    With ``marked`` a mark is written before each portion, which costs two requests: for calls whose message was
    received before. An existing mark is always read. ``time_left`` returns seconds. ``aside`` is called with each unit
    that was set aside and the error.
    """

    store: Store
    lake: str
    dataset: str
    marked: bool
    time_left: Callable[[], float]
    aside: Callable[[Staged, str], None]
    finished: bool = True
    _groups: list[_Group] = field(default_factory=list)

    def commit(self, manifests: Sequence[str], commit: Callable[[Sequence[Staged]], None]) -> None:
        """Call ``commit`` with all units of ``manifests``; ``finished`` becomes False when the time does not suffice.

        Errors from outside the units (S3, another writer, a table behind its contract) are raised.
        """
        self._groups = self._read_groups()
        self.marked |= bool(self._groups)
        try:
            self._commit(manifests, commit)
        except Exception:
            self._mark(())  # this call raised an error, so its portion did not end the function
            raise
        if not self.finished:
            self._mark(())
        elif self.marked:
            self.store.delete([self._mark_address])

    def _commit(self, manifests: Sequence[str], commit: Callable[[Sequence[Staged]], None]) -> None:
        for portion, deaths in self._plan(manifests):
            if self.time_left() < RESERVE_SECONDS:
                self.finished = False
                return
            if len(portion) == 1 and deaths >= DEATHS:
                self._set_aside(portion[0], f"committing it ended the function {deaths} times (memory or a crash).")
                continue
            self._mark(tuple(each.unit.attempt for each in portion))
            self._try(portion, commit)

    def _plan(self, manifests: Sequence[str]) -> Iterator[tuple[Sequence[Staged], int]]:
        """Yield portions with the number of deaths each may have caused, in ascending order of that number.

        Manifests are read portion by portion, since a backlog may have more of them than one call can read.
        """
        by_attempt = {manifest.rsplit("/", 1)[-1].removesuffix(".json"): manifest for manifest in manifests}
        doubted = {attempt for group in self._groups for attempt in group.units}
        sound = [manifest for attempt, manifest in by_attempt.items() if attempt not in doubted]
        for start in range(0, len(sound), _UNITS):
            for portion in _sized(read_staged(self.store, self.lake, self.dataset, sound[start : start + _UNITS])):
                yield portion, 0
        for group in sorted(self._groups, key=lambda group: group.deaths):
            named = [by_attempt[attempt] for attempt in group.units if attempt in by_attempt]
            if left := read_staged(self.store, self.lake, self.dataset, named):
                yield left, group.deaths

    def _mark(self, trying: tuple[str, ...]) -> None:
        if self.marked:
            self.store.put(self._mark_address, msgspec.json.encode(_Mark(tuple(self._groups), trying)))

    def _try(self, portion: Sequence[Staged], commit: Callable[[Sequence[Staged]], None]) -> None:
        try:
            commit(portion)
        except Exception as error:
            if _outside(error):
                raise
            if len(portion) == 1:
                log.exception("%s: a unit cannot be committed and is set aside", self.dataset)
                self._set_aside(portion[0], f"{type(error).__name__}: {error}")
                return
            log.warning("%s: %d units fail together (%s); by halves", self.dataset, len(portion), error)
            half = len(portion) // 2
            for part in (portion[:half], portion[half:]):
                self._try(part, commit)

    def _set_aside(self, staged: Staged, error: str) -> None:
        set_aside(
            self.store,
            self.lake,
            dataset=self.dataset,
            manifest=staged.manifest,
            error=error,
            unit=staged.unit,
        )
        self.aside(staged, error)

    @property
    def _mark_address(self) -> str:
        return f"{self._marks}/mark.json"

    @property
    def _marks(self) -> str:
        return f"{self.lake}/commit-marks/{self.dataset}"

    def _read_groups(self) -> list[_Group]:
        addresses = self.store.list(f"{self._marks}/")
        return _after_death(_decode_mark(self.store.get_bytes(addresses[0]))) if addresses else []


def manifests_of(store: Store, lake: str, dataset: str) -> list[str]:
    """Return the addresses of the staged manifests of ``dataset``, in order of their attempts."""
    folder = staging_prefix(lake, dataset)
    return [path for path in store.list(folder) if path.endswith(".json") and "/" not in path.removeprefix(folder)]


def read_staged(store: Store, lake: str, dataset: str, manifests: Sequence[str]) -> list[Staged]:
    """Return the units of the manifests; one that cannot be decoded, or names files of others, is set aside."""
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        bodies = list(pool.map(lambda path: _read(store, path), manifests))
    found = []
    for manifest, body in zip(manifests, bodies, strict=True):
        if body is None:
            continue
        try:
            unit = decode_unit(body)
            if problem := foreign_files(unit, manifest, lake, dataset):
                problem = f"its manifest {problem}"
        except msgspec.DecodeError as error:
            unit, problem = None, f"its manifest cannot be read: {error}"
        if unit is not None and not problem:
            found.append(Staged(manifest, unit))
            continue
        log.error("%s is set aside: %s", manifest, problem)
        set_aside(store, lake, dataset=dataset, manifest=manifest, error=problem, unit=None)
    return found


def foreign_files(unit: StagedUnit, manifest: str, lake: str, dataset: str) -> str:
    """Return what a manifest names that its own attempt has not written; an empty text when it names nothing else.

    What a unit names is read into tables, and deleted. Whoever may put a manifest into staging, by hand or by a fault,
    must not reach by it what is another's: the files of tables, of other datasets, or of other attempts.
    """
    staged = staging_prefix(lake, dataset)
    if unit.dataset != dataset or manifest != f"{staged}{unit.attempt}.json":
        return f"is of {unit.dataset}, attempt {unit.attempt}"
    others = [path for path in unit.quarantine if not _is_of(path, staged, unit.attempt)]
    for path in unit.rows:
        # Adopted files lie in the data folder of the dataset's table, in whichever database that is.
        database = path.removeprefix(f"{lake}/").partition("/")[0]
        folder = f"{lake}/{database}/{dataset}/data/" if unit.adopted and database != ".." else staged
        others += [] if _is_of(path, folder, unit.attempt) else [path]
    return f"names what its attempt has not written: {', '.join(others[:3])}" if others else ""


def _is_of(path: str, folder: str, attempt: str) -> bool:
    """Return whether a file lies right in the folder under a name that begins with the attempt's."""
    return path.startswith(f"{folder}{attempt}-") and "/" not in path.removeprefix(folder)


def _read(store: Store, address: str) -> bytes | None:
    """Return an object's bytes, or None when another committer has deleted it meanwhile."""
    try:
        return store.get_bytes(address)
    except (ClientError, FileNotFoundError) as error:
        if _outside(error):
            raise
        return None


def _sized(staged: Sequence[Staged]) -> Iterator[Sequence[Staged]]:
    portion: list[Staged] = []
    size = records = 0
    for each in staged:
        portion.append(each)
        delivered = sum(delivery.size for delivery in each.unit.deliveries)
        size += 0 if each.unit.adopted else max(each.unit.bytes, delivered)
        records += each.unit.records
        if len(portion) >= _UNITS or size >= _BYTES or records >= _RECORDS:
            yield portion
            portion, size, records = [], 0, 0
    if portion:
        yield portion


def read_parquet(body: bytes) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a staged file; ``BrokenUnit`` when it cannot be read."""
    try:
        yield from pq.ParquetFile(io.BytesIO(body)).iter_batches(_BATCH_ROWS)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BrokenUnit(f"a staged file cannot be read: {type(error).__name__}: {error}") from error


#: Errors of the code or of the deployment, which every unit would meet, so that no unit is to blame.
_CODE = (ImportError, AttributeError, NameError, NotImplementedError, iceberg.NotInstalledError)


def _outside(error: Exception) -> bool:
    """Return whether an error comes from outside the units; a missing staged file does not."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") not in ("NoSuchKey", "404")
    environment = (BotoCoreError, OSError, TableError, iceberg.RESTError, iceberg.CommitFailedException)
    missing = (iceberg.NoSuchTableError, iceberg.NoSuchNamespaceError, iceberg.CommitStateUnknownException)
    return isinstance(error, environment + missing + _CODE) and not isinstance(error, FileNotFoundError)
