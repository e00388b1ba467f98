"""The types of a contract: immutable structs that are equal after being encoded to JSON and decoded."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from sluice.contracts.types import ColumnType

#: The format of a stream whose records are JSON objects; every other one is an envelope of captured changes.
PLAIN_RECORDS = "json"
#: The ``format`` of a text column whose values are JSON objects or arrays.
JSON_TEXT = "json"
#: The classifications of columns whose values stay in the tables: no operational event shows them.
PRIVATE = ("personal", "restricted", "confidential")
#: What a column's classification may be, the strictest first; those that are not private document, for people.
CLASSIFICATIONS = (*PRIVATE, "internal", "public")
#: How bad it is when a stream rule finds something.
Severity = Literal["info", "warning", "critical"]
#: Seconds that a change may wait where a contract does not say, of what arrives and of derived tables.
LANDING_LATENCY, DERIVED_LATENCY = 60, 3600


class Rules(msgspec.Struct, frozen=True, omit_defaults=True):
    """What each value of a column must satisfy, beside its type."""

    allowed: tuple[str, ...] | None = None
    pattern: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    exclusive_minimum: str | None = None
    exclusive_maximum: str | None = None
    min_length: int | None = None
    max_length: int | None = None


#: Years of two digits are of 1969 to 2068 where nothing else is said, as POSIX has it.
TWO_DIGIT_YEAR_START = 1969


class Spelling(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a delimited file spells a column's values, where that differs from the default."""

    decimal: str = "."
    group: str = ""
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    trim: bool = False


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column: ``header`` is its name in the delivered file.

    ``format`` is how a date or timestamp is spelled there (one pattern, or several that are tried in order), or
    ``JSON_TEXT``. Years of two digits in it are of the hundred years from ``two_digit_year_start`` on.
    """

    name: str
    type: ColumnType
    description: str = ""
    required: bool = False
    unique: bool = False
    header: str = ""
    format: str | tuple[str, ...] | None = None
    classification: str | None = None
    rules: Rules = Rules()
    spelling: Spelling | None = None
    two_digit_year_start: int = TWO_DIGIT_YEAR_START

    @property
    def private(self) -> bool:
        """Return whether the column's values are shown nowhere but in tables."""
        return self.classification in PRIVATE


class Reference(msgspec.Struct, frozen=True):
    """The columns of another table (``database.name``) in which a foreign key's values must occur."""

    table: str
    columns: tuple[str, ...]


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check of a whole derived table, run in the audit before the table is published.

    ``metric`` is an ODCS library metric (``rowCount``, ``nullValues``, ``duplicateValues``), ``sql`` (a query in
    Athena's SQL), ``rowCountChange`` (percent of the snapshot before), ``freshness`` (seconds since the column's newest
    value) or ``foreignKey``; ``must`` holds the ODCS operator (``mustBe``, ``mustBeGreaterThan``, …) and its operand.
    ``unit`` is what nulls and duplicates are counted in: ``rows``, or the ``percent`` of the table's rows; without one,
    duplicates are counted as values that occur more than once.
    """

    name: str
    metric: str
    must: tuple[str, Any]
    columns: tuple[str, ...] = ()
    query: str | None = None
    unit: Literal["rows", "percent"] | None = None
    severity: Literal["error", "warning"] = "error"
    references: Reference | None = None


class Arrival(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a dataset arrives: as files in the landing bucket, or as records of the Kinesis stream of its name.

    ``event_time`` names the column that says when an event happened; one that comes more than ``lateness_seconds``
    after that is late. ``partition_key`` names the column by which ``sluice send`` spreads records over shards.
    ``quote`` and ``escape`` are characters of delimited text, empty for none; without an escape quotes are doubled.
    ``own_options`` are those that only its format has, with their values.
    """

    format: str
    stream: bool = False
    event_time: str | None = None
    lateness_seconds: int | None = None
    partition_key: str | None = None
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    header: bool = True
    encoding: str = "utf-8"
    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"
    null_values: tuple[str, ...] = ("",)
    extra_columns: Literal["ignore", "reject"] = "ignore"
    null_keys: Literal["quarantine", "keep"] = "quarantine"
    expected_files_per_day: float | None = None
    expected_rows_per_day: float | None = None
    own_options: tuple[tuple[str, str | int | float | bool], ...] = ()

    @property
    def changes(self) -> bool:
        """Return whether the records are captured changes of a source's rows."""
        return self.stream and self.format != PLAIN_RECORDS


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A comparison of a record's ``column`` with its ``other`` column or with ``value``; not fulfilled by null."""

    column: str
    operator: str
    other: str | None = None
    value: str | None = None


class Burst(msgspec.Struct, frozen=True, omit_defaults=True):
    """A burst: at least ``at_least`` records of one ``key`` that fulfil ``where``, within some seconds of ``time``.

    With ``distinct``, they must have at least ``distinct_at_least`` different values of that column.
    """

    key: str
    time: str
    at_least: int
    within_seconds: int
    where: tuple[Condition, ...] = ()
    distinct: str | None = None
    distinct_at_least: int = 0


class Travel(msgspec.Struct, frozen=True, omit_defaults=True):
    """An impossible travel: two consecutive records of one ``key`` too far apart for the time between them."""

    key: str
    time: str
    latitude: str
    longitude: str
    faster_than_kmh: float
    farther_than_km: float = 0.0


class StreamRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule for operational events in a stream: ``where`` (a single record), ``burst`` or ``travel``."""

    name: str
    description: str
    severity: Severity
    where: tuple[Condition, ...] = ()
    burst: Burst | None = None
    travel: Travel | None = None


class PartitionField(msgspec.Struct, frozen=True):
    """One partition field: an Iceberg ``transform`` (``identity``, ``day``, ``month``, ``year``, ``bucket[n]``)."""

    column: str
    transform: str


class Contract(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    """What every dataset declares, whichever of the two kinds it is; ``database`` and ``name`` are its table's.

    ``owner`` is the team that answers for it. After ``retention_days`` its rows go; of a derived table, they may. A
    change waits ``latency_seconds`` at most: from its arrival to its commit, of a derived table from the commit of what
    arrived, through whatever tables lie between.
    """

    name: str
    database: str
    columns: tuple[Column, ...]
    description: str = ""
    version: str = ""
    domain: str = ""
    owner: str = ""
    key: tuple[str, ...] = ()
    partitioning: tuple[PartitionField, ...] = ()
    sort_order: tuple[str, ...] = ()
    freshness_seconds: int = 86_400
    latency_seconds: int = LANDING_LATENCY
    retention_days: int | None = None
    file: str = ""

    def __post_init__(self) -> None:
        """Refuse a contract of neither kind, which no project could hold."""
        if type(self) is Contract:
            raise TypeError("a contract is a LandingContract or a DerivedContract")

    @property
    def table(self) -> str:
        """Return ``database.name``, without the environment's prefix."""
        return f"{self.database}.{self.name}"

    @property
    def derived(self) -> bool:
        """Return whether a transform makes this table."""
        return isinstance(self, DerivedContract)

    def column(self, name: str) -> Column:
        """Return the column of that name; ``KeyError`` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def must_be_present(self, column: Column) -> bool:
        """Return whether a null in ``column`` breaks the contract."""
        return column.required or column.name in self.key


class LandingContract(Contract, frozen=True, omit_defaults=True, kw_only=True, tag="landing"):
    """A dataset that arrives: its table in bronze has the records as delivered, a stream's ``rules`` watch them."""

    arrival: Arrival
    rules: tuple[StreamRule, ...] = ()

    def must_be_present(self, column: Column) -> bool:
        """Return whether a null in ``column`` breaks the contract."""
        return column.required or (column.name in self.key and self.arrival.null_keys != "keep")


class DerivedContract(Contract, frozen=True, omit_defaults=True, kw_only=True, tag="derived"):
    """A dataset that a transform makes: its ``checks`` hold before a new snapshot is published."""

    checks: tuple[Check, ...] = ()
    latency_seconds: int = DERIVED_LATENCY


#: A contract as a file declares it.
AnyContract: TypeAlias = LandingContract | DerivedContract
