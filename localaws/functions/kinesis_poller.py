"""Polls a Kinesis stream for one event source mapping: parent shards before their children, in concurrent batches.

A mapping's ParallelizationFactor is the number of concurrent batches per shard. The partition keys of a shard are
divided among them, so that records of one key stay in order; each sequence of batches has one invocation at a time and
remembers how far it has read. https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

from __future__ import annotations

import base64
import logging
import threading
import time
import zlib
from typing import Any

from localaws.context import Context
from localaws.functions.filters import matches, patterns_of
from localaws.functions.kinesis_batches import Delivery
from localaws.kinesis.reads import start_of

#: Lambda's limit of a synchronous payload, 6 MB, less the JSON around the records:
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_PAYLOAD_BYTES = 6 * 2**20 - 20
_READ_RECORDS = 1000
log = logging.getLogger("localaws.event_sources")
#: Puts, updates and deletions wake the waiting threads; this interval is for changes that do not.
_FALLBACK_SECONDS = 1.0


class KinesisPoller:
    """Reads a stream for a function until the mapping is deleted; follows changes of the mapping and of the stream."""

    def __init__(self, ctx: Context, backend: Any, mapping: Any, stream: Any) -> None:
        self.ctx = ctx
        self.backend = backend
        self.mapping = mapping
        self.stream = stream
        self.gone = threading.Event()
        self._readers: dict[str, ShardReader] = {}
        self._starts: dict[str, int] | None = None
        ctx.on_close(self.wake)

    def start(self) -> None:
        """Fix where reading starts, and start to read in other threads."""
        self._begin()
        threading.Thread(target=self._run, daemon=True, name=f"kinesis {self.stream.stream_name}").start()

    def wake(self) -> None:
        """Check at once whether the mapping was changed or deleted."""
        self._begin()
        if self._is_gone():
            self.gone.set()
        self.stream.wake()

    def ready(self) -> bool:
        """Return True once the mapping is enabled, waiting while it is disabled; False if it was deleted."""
        with self.stream.lock:
            while not self.mapping.enabled and not self._is_gone():
                self.stream.resharded.wait(_FALLBACK_SECONDS)
        return not self._is_gone()

    def _is_gone(self) -> bool:
        known = self.mapping.uuid in self.backend._event_source_mappings
        return not known or self.stream.deleted or self.ctx.stopping.is_set()

    def _begin(self) -> None:
        """Fix the starting position in every existing shard, once, when the mapping is first enabled."""
        with self.stream.lock:
            if self._starts is None and self.mapping.enabled:
                position, moment = self.mapping.starting_position, self.mapping.starting_position_timestamp
                self._starts = {
                    shard_id: start_of(self.stream, shard, position, moment)
                    for shard_id, shard in self.stream.shards.items()
                }

    def _run(self) -> None:
        while self.ready():
            with self.stream.lock:
                self._begin()
                for shard_id, shard in self.stream.shards.items():
                    if shard_id not in self._readers and all(self._is_done(parent) for parent in shard.parents):
                        self._readers[shard_id] = ShardReader(self, shard, (self._starts or {}).get(shard_id, 0))
                for reader in self._readers.values():
                    reader.follow()
                self.stream.resharded.wait(_FALLBACK_SECONDS)
        self.gone.set()

    def _is_done(self, shard_id: str) -> bool:
        return shard_id in self._readers and self._readers[shard_id].drained


class ShardReader:
    """Reads one shard in as many concurrent batches as the mapping's ParallelizationFactor."""

    def __init__(self, poller: KinesisPoller, shard: Any, start: int) -> None:
        self.poller = poller
        self.shard = shard
        self.drained = False
        #: The last sequence number that is read before a changed ParallelizationFactor applies; None without one.
        self.barrier: int | None = None
        self._lanes: list[Lane] = []
        self._start_lanes(start)

    def _start_lanes(self, position: int) -> None:
        count = self.poller.mapping.parallelization_factor or 1
        self._lanes = [Lane(self, number, count, position) for number in range(count)]
        self._running = count
        for lane in self._lanes:
            threading.Thread(target=lane.run, daemon=True, name=f"lane {self.shard.shard_id}").start()

    def follow(self) -> None:
        """Apply a changed ParallelizationFactor from where the present batches have read to; hold the stream's lock."""
        wanted = self.poller.mapping.parallelization_factor or 1
        if wanted != len(self._lanes) and self.barrier is None and not self.drained:
            self.barrier = max(lane.reach for lane in self._lanes)
            self.shard.changed.notify_all()

    def ended(self) -> None:
        """Count one ``Lane`` as finished: all its records up to the barrier or the shard's end are processed."""
        with self.poller.stream.lock:
            self._running -= 1
            if self._running:
                return
            if self.barrier is not None:
                start, self.barrier = self.barrier, None
                self._start_lanes(start)
            else:
                self.drained = True
            self.poller.stream.resharded.notify_all()


class Lane:
    """One sequence of batches of a shard: the records of its share of the partition keys, in order.

    ``position`` is the last record read, ``reach`` the last that may be read before the lock is next held.
    """

    def __init__(self, reader: ShardReader, number: int, count: int, position: int) -> None:
        poller = reader.poller
        self.position = self.reach = position
        self._reader, self._poller, self._shard = reader, poller, reader.shard
        self._number, self._count = number, count
        self._size = 0
        self._delivery = Delivery(
            poller.ctx,
            poller.backend,
            poller.mapping,
            poller.stream,
            reader.shard.shard_id,
            ready=poller.ready,
            gone=poller.gone,
        )

    def run(self) -> None:
        """Deliver batch after batch until no further one is possible."""
        while (batch := self._gather_safely()) is not None:
            if batch and not self._delivery.run(batch):
                return
        if self._poller.ready():
            self._reader.ended()

    def _gather_safely(self) -> list[Any] | None:
        """Return the next batch; when gathering fails, an empty one, and the same records are read again later."""
        position = self.position
        try:
            return self._gather()
        except Exception:
            log.exception("shard %s could not be read", self._shard.shard_id)
            self.position = position
            self._poller.ctx.stopping.wait(_FALLBACK_SECONDS)
            return []

    def _gather(self) -> list[Any] | None:
        """Return the next batch once it is full or its window has closed; None if there will be no further one."""
        batch: list[Any] = []
        self._size = 0
        self._delivery.measure()
        closes = float("inf")
        while self._poller.ready():
            if self._fill(batch):
                return batch
            now = time.monotonic()
            if batch:
                closes = min(closes, now + float(self._poller.mapping.max_batch_window or 0))
            with self._poller.stream.lock:
                if self._readable(1):
                    continue
                ends = self._reader.barrier is not None or not self._shard.is_open
                if batch and (ends or now >= closes):
                    return batch
                if ends:
                    return None
                self._shard.changed.wait(min(_FALLBACK_SECONDS, closes - now))
        return None

    def _readable(self, limit: int) -> list[Any]:
        records: list[Any] = self._shard.after(self.position, limit)
        barrier = self._reader.barrier
        return records if barrier is None else [each for each in records if each.sequence_number <= barrier]

    def _fill(self, batch: list[Any]) -> bool:
        """Add the available records to ``batch``; return True when it is full."""
        mapping = self._poller.mapping
        patterns = patterns_of(mapping)
        while True:
            with self._poller.stream.lock:
                self._poller.stream.expire()
                records = self._readable(_READ_RECORDS)
                self.reach = records[-1].sequence_number if records else self.position
            if not records:
                return False
            for record in records:
                if self._is_mine(record) and (not patterns or _passes(patterns, record)):
                    size = self._delivery.event_bytes(record)
                    if batch and self._size + size > _PAYLOAD_BYTES:
                        return True
                    batch.append(record)
                    self._size += size
                self.position = record.sequence_number
                if len(batch) >= mapping.batch_size:
                    return True

    def _is_mine(self, record: Any) -> bool:
        return self._count == 1 or zlib.crc32(record.partition_key.encode()) % self._count == self._number


def _passes(patterns: list[Any], record: Any) -> bool:
    """Return whether a filter lets a record through, in the form that it has below ``kinesis`` in the event.

    Its data is decoded for this.
    """
    shown = {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record.partition_key,
        "sequenceNumber": str(record.sequence_number),
        "approximateArrivalTimestamp": round(record.created_at, 3),
        "data": base64.b64decode(record.data).decode("utf-8", "replace"),
    }
    return matches(patterns, shown, "data")
