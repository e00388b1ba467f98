# ruff: noqa: E501  (a table of queries reads best one to a line)
"""Partitions are left out only where no row of theirs can matter: a query answers alike with and without."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from sqlglot import exp

from localaws.athena import typing
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from localaws.athena.hive.projection import Projection
from localaws.athena.hive.pruning import Pruning, key_value
from localaws.athena.hive.source import HiveSource
from localaws.athena.plan import TableName, plan
from localaws.athena.sources import Rows
from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import work_group
from tests.localaws.athena.server import running

KEYS = {"day": typing.hive_type("date"), "region": typing.hive_type("string"), "n": typing.hive_type("int")}
COLUMNS = {"v": typing.hive_type("int"), **KEYS}
PARTITIONS = [
    (day, region, n) for day in ("2024-01-01", "2024-01-02", "__HIVE_DEFAULT_PARTITION__") for region in ("eu", "us")
    for n in ("1", "2")
]  # fmt: skip


class Partitioned:
    """Two tables, ``a`` and ``b``, with a row in each partition; it notes the partitions that were chosen."""

    whole: ClassVar[bool] = False

    def __init__(self) -> None:
        self.chosen: dict[str, list[tuple[str | None, ...]]] = {}

    def view_of(self, database: str, name: str, position: str) -> None:
        """Nothing here is a view."""

    def readable(self, name: TableName, position: str) -> tuple[dict[str, exp.DataType], dict[str, exp.DataType]]:
        return COLUMNS, {}

    def rows(self, name: TableName, wanted: set[str], pruning: Pruning) -> Rows:
        found = list(PARTITIONS) if self.whole else pruning.chosen(KEYS, PARTITIONS)
        self.chosen[name.name] = list(found)
        rows = [(PARTITIONS.index(values), *values) for values in found]  # type: ignore[arg-type]
        columns = [pa.array([row[0] for row in rows], pa.int32())]
        columns += [pa.array([row[place] for row in rows], pa.string()) for place in range(1, 4)]
        shown = {"v": "v", **{name: key_value(name, kind) for name, kind in KEYS.items()}}
        return Rows(pa.table(columns, names=["v", *KEYS]), 0, shown)


def _answered(engine: QueryEngine, sql: str, *, whole: bool) -> tuple[Any, Partitioned]:
    catalog = Partitioned()
    catalog.whole = whole  # type: ignore[misc]
    engine.catalog = catalog  # type: ignore[assignment]
    rows = engine.answer(sql, "db").table.to_pylist()
    return sorted(map(str, rows)), catalog


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT v FROM a WHERE day = DATE '2024-01-01' AND v > 1", {"a": 4}),
        ("SELECT v FROM a WHERE day = DATE '2024-01-01' OR region = 'eu'", {"a": 8}),
        ("SELECT v FROM a WHERE (day = DATE '2024-01-01' AND v = 1) OR (region = 'eu' AND n = 2 AND v = 3)", {"a": 6}),
        ("SELECT v FROM a WHERE day IS NULL", {"a": 4}),
        ("SELECT v FROM a WHERE date_format(day, '%d') = '02' AND region LIKE 'u%'", {"a": 2}),
        ("WITH x AS (SELECT * FROM a) SELECT v FROM x WHERE n = 1", {"a": 6}),
        ("WITH x AS (SELECT * FROM a) SELECT 1 FROM x WHERE n = 1 UNION ALL SELECT 2 FROM x WHERE region = 'eu'", {"a": 9}),
        ("SELECT d, s FROM (SELECT day AS d, sum(v) AS s FROM a GROUP BY day) WHERE d = DATE '2024-01-02'", {"a": 4}),
        ("SELECT v FROM (SELECT v, region FROM a UNION SELECT v, 'eu' FROM b) WHERE region = 'us'", {"a": 6, "b": 0}),
        ("SELECT a.v FROM a JOIN b ON a.day = b.day WHERE a.day = DATE '2024-01-01'", {"a": 4, "b": 4}),
        ("SELECT a.v FROM a LEFT JOIN b ON a.day = b.day AND b.n = 1 WHERE a.day = DATE '2024-01-01'", {"a": 4, "b": 2}),
        ("SELECT a.v FROM a LEFT JOIN b ON a.v = b.v WHERE b.region = 'eu'", {"a": 12, "b": 6}),
        ("SELECT v FROM a WHERE n IN (1) AND EXISTS (SELECT 1 FROM b WHERE b.v = a.v AND b.n = 1)", {"a": 6, "b": 6}),
    ],
)  # fmt: skip
def test_conditions_reach_the_partitions(opened: QueryEngine, sql: str, read: dict[str, int]) -> None:
    rows, catalog = _answered(opened, sql, whole=False)
    assert {name: len(found) for name, found in catalog.chosen.items()} == read
    assert rows == _answered(opened, sql, whole=True)[0]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a.v, b.v FROM a LEFT JOIN b ON a.v = b.v + 1 WHERE b.day IS NULL",
        "SELECT a.v, b.v FROM a LEFT JOIN b ON a.v = b.v + 1 AND a.n = 1",
        "SELECT a.v, b.v FROM a LEFT JOIN b ON a.v = b.v + 1 WHERE coalesce(b.region, 'x') = 'x'",
        "SELECT a.v, b.v FROM a FULL JOIN b ON a.v = b.v + 1 AND a.n = 1 AND b.n = 2",
        "SELECT v FROM (SELECT v, n FROM a ORDER BY v LIMIT 3) WHERE n = 2",
        "SELECT v FROM ((SELECT v, n FROM a ORDER BY v LIMIT 3) UNION ALL SELECT v, n FROM b) WHERE n = 2",
        "SELECT r FROM (SELECT n, row_number() OVER (ORDER BY v) AS r FROM a) WHERE n = 2",
        "SELECT c FROM (SELECT n, count(*) OVER (PARTITION BY region) AS c FROM a) WHERE n = 2",
        "SELECT s FROM (SELECT n, sum(v) AS s FROM a GROUP BY ROLLUP (n)) WHERE n IS NULL",
        "SELECT s FROM (SELECT min(n) AS n, sum(v) AS s FROM a) WHERE n = 2",
        "WITH x AS (SELECT * FROM a) SELECT 1 FROM x WHERE n = 1 UNION ALL SELECT 2 FROM x",
        "SELECT b.v FROM a JOIN a AS x ON 1 = 0 RIGHT JOIN b ON a.v = b.v",
        "SELECT b.v FROM a JOIN a AS x ON a.n = x.n AND false RIGHT JOIN b ON a.v = b.v",
        "SELECT x FROM (SELECT n AS x FROM a UNION ALL SELECT DECIMAL '1.50') WHERE CAST(x AS varchar) = '1.00'",
        "SELECT x FROM (SELECT day AS x FROM a UNION SELECT TIMESTAMP '2024-01-01 01:00:00') WHERE x + INTERVAL '1' HOUR > x",
    ],
)
def test_what_a_condition_does_not_rule_out_is_read(opened: QueryEngine, sql: str) -> None:
    assert _answered(opened, sql, whole=False)[0] == _answered(opened, sql, whole=True)[0]


def test_what_is_known_of_a_table_stays_small(opened: QueryEngine) -> None:
    """Each of these reads the one before twice, and says something of its own."""
    queries = ["c0 AS (SELECT * FROM a)"] + [
        f"c{n} AS (SELECT l.* FROM c{n - 1} AS l JOIN c{n - 1} AS r ON l.v = r.v WHERE l.v <> {n + 20} AND r.n <> -{n})"
        for n in range(1, 11)
    ]
    sql = f"WITH {', '.join(queries)} SELECT v FROM c10 WHERE n = 1"
    known = plan(sql, "db", Partitioned().readable).conditions["r0"]
    assert known is None or sum(1 for _ in known.walk()) <= 10_000
    rows, catalog = _answered(opened, f"WITH {', '.join(queries[:4])} SELECT v FROM c3 WHERE n = 1", whole=False)
    assert (len(rows), len(catalog.chosen["a"])) == (6, 12)


def _query(chance: random.Random) -> str:
    """Return a query of joins, subqueries and sets, with conditions at each place where one can stand."""

    def condition(*tables: str, depth: int = 3) -> str:
        table, other = chance.choice(tables), chance.choice(tables)
        leaves = [
            f"{table}.n = {chance.randint(1, 2)}", f"{table}.region = 'eu'", f"{table}.day IS NULL",
            f"{table}.day > DATE '2024-01-01'", f"{table}.v % 3 = 1", f"{table}.n = {other}.n",
            f"coalesce({table}.n, 1) = 1", f"NOT ({table}.region = 'us')", f"{table}.n IN (1, 3)",
        ]  # fmt: skip
        if depth == 0 or chance.random() < 0.5:
            return chance.choice(leaves)
        parts = [condition(*tables, depth=depth - 1) for _ in range(2)]
        return "(" + chance.choice([" AND ", " OR "]).join(parts) + ")"

    def source(depth: int) -> str:
        if depth == 0 or chance.random() < 0.4:
            return chance.choice(["a", "b"])
        inner = select(depth - 1)
        return "(" + chance.choice([
            inner, f"SELECT * FROM ({inner}) ORDER BY v, n, region, day LIMIT 5",
            f"{inner} UNION {select(depth - 1)}", f"{inner} EXCEPT {select(depth - 1)}",
            f"SELECT max(v) AS v, day, region, n FROM ({inner}) GROUP BY day, region, n",
            f"SELECT sum(v) OVER (PARTITION BY n) AS v, day, region, n FROM ({inner})",
        ]) + ")"  # fmt: skip

    def select(depth: int) -> str:
        if chance.random() < 0.4:
            where = f" WHERE {condition('t')}" if chance.random() < 0.8 else ""
            return f"SELECT t.v, t.day, t.region, t.n FROM {source(depth)} AS t{where}"
        join = chance.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        keys = chance.choice(["l.n = r.n", "l.day = r.day AND l.n = r.n", "l.v = r.v + 1"])
        on = f"{keys} AND {condition('l', 'r')}" if chance.random() < 0.5 else keys
        where = f" WHERE {condition('l', 'r')}" if chance.random() < 0.7 else ""
        columns = ", ".join(f"{chance.choice('lr')}.{name} AS {name}" for name in ("v", "day", "region", "n"))
        return f"SELECT {columns} FROM {source(depth)} AS l {join} {source(depth)} AS r ON {on}{where}"

    return (
        f"WITH c AS ({select(1)}) SELECT * FROM ({select(2).replace('FROM a ', 'FROM c ')}) AS t WHERE {condition('t')}"
    )


@pytest.mark.parametrize("seed", range(30))
def test_any_query_answers_alike_with_fewer_partitions(opened: QueryEngine, seed: int) -> None:
    sql = _query(random.Random(seed))
    assert _answered(opened, sql, whole=False)[0] == _answered(opened, sql, whole=True)[0], sql


@pytest.mark.parametrize("seed", range(25))
def test_the_values_of_a_projection_are_all_that_it_holds(seed: int) -> None:
    chance = random.Random(seed)
    form = chance.choice(["yyyy-MM-dd", "yyyyMMdd", "yyyy/MM/dd", "yyyy-MM", "yyyy", "yyyy-MM-dd-HH", "yyyy-M-d"])
    first, last = {"yyyy": ("2019", "2024"), "yyyy-MM": ("2023-02", "2024-03")}.get(form, ("", ""))
    if not first:
        marks = form.replace("yyyy", "2024").replace("dd", "{:02d}").replace("HH", "05")
        marks = marks.replace("MM", "01").replace("-M-d", "-1-{}")
        first, last = marks.format(3), marks.format(28)
    unit = chance.choice(["HOURS", "DAYS", "WEEKS", "MONTHS", "YEARS"])
    properties = {
        "projection.enabled": "true", "projection.k.type": "date", "projection.k.range": f"{first},{last}",
        "projection.k.format": form, "projection.k.interval": str(chance.randint(1, 5)),
        "projection.k.interval.unit": unit,
    }  # fmt: skip
    if chance.random() < 0.3:
        digits, low = chance.choice([{}, {"projection.k.digits": "4"}]), chance.randint(-50, 5)
        properties = {
            "projection.enabled": "true", "projection.k.type": "integer", "projection.k.range": f"{low},{low + 90}",
            "projection.k.interval": str(chance.randint(1, 7)),
        } | digits  # fmt: skip
    table = {
        "Name": "t", "Parameters": properties, "PartitionKeys": [{"Name": "k", "Type": "string"}],
        "StorageDescriptor": {"Location": "s3://bucket/t/"},
    }  # fmt: skip
    projection = Projection.of(table)
    assert projection is not None
    projected = projection._projected["k"]
    listed = projected.values(20_000)
    days = [pa.scalar(0, pa.date32()).as_py() + timedelta(days=day) for day in range(17_800, 19_900)]
    tried = {f"{day:{written}}" for day in days for written in ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y-%m", "%Y")}
    tried |= {f"{day:%Y-%m-%d}-{hour:02d}" for day in days[-200:] for hour in range(24)}
    tried |= {text for n in range(-60, 120) for text in (str(n), f"{n:04d}", f"{n:02d}")}
    held = {text for text in tried if _held(projection, text)}
    if listed is not None:
        assert held <= {*listed}
        assert all(_held(projection, text) for text in listed)


def _held(projection: Projection, text: str) -> bool:
    found = projection.partition(f"bucket/t/k={text}/x")
    return found is not None and found[1] == (text,)


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "pruned")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "pruned")


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that queries list, below the table's."""
    found: list[str] = []
    list_objects = HiveSource._listed

    def noted(source: HiveSource, path: str) -> Any:
        found.append(path.partition("/t/")[2])
        return list_objects(source, path)

    monkeypatch.setattr(HiveSource, "_listed", noted)
    return found


def _table(client: Client, keys: str, properties: dict[str, str], paths: list[str]) -> None:
    for path in paths:
        key = f"{client.database}/t/{path}/a"
        client.ctx.client("s3").put_object(Bucket="pruned", Key=key, Body=f"{path}\n".encode())
    told = ", ".join(f"'{key}'='{value}'" for key, value in {**properties, "x": "y"}.items())
    client.rows(
        f"CREATE EXTERNAL TABLE t (v string) PARTITIONED BY ({keys}) LOCATION 's3://pruned/{client.database}/t/' "
        f"TBLPROPERTIES ({told})"
    )


@pytest.mark.slow
def test_only_partitions_that_matter_are_listed(client: Client, listed: list[str]) -> None:
    _table(client, "day date", {}, [f"day=2024-01-0{number}" for number in range(1, 6)])
    client.rows("MSCK REPAIR TABLE t")
    assert client.rows("SELECT v FROM t WHERE day = DATE '2024-01-03'") == [["day=2024-01-03"]]
    client.rows("CREATE VIEW w AS SELECT v, day AS d FROM t")  # it lists nothing
    assert client.rows("WITH x AS (SELECT * FROM w) SELECT v FROM x WHERE d > DATE '2024-01-04'") == [
        ["day=2024-01-05"]
    ]
    assert listed == ["day=2024-01-03", "day=2024-01-05"]


@pytest.mark.slow
def test_a_condition_that_fails_on_a_partition_is_said_by_the_query(client: Client) -> None:
    _table(client, "k string", {}, [f"k={value}" for value in ("1", "x")])
    client.rows("MSCK REPAIR TABLE t")
    for _ in range(2):
        assert "INVALID_CAST_ARGUMENT: Cannot cast 'x' to integer" in client.fails(
            "SELECT v FROM t WHERE CAST(k AS integer) = 1"
        )
        assert client.rows("SELECT v FROM t WHERE try_cast(k AS integer) = 1") == [["k=1"]]
    # Where the partition that it fails on has no rows, nothing fails.
    client.ctx.client("s3").delete_object(Bucket="pruned", Key=f"{client.database}/t/k=x/a")
    assert client.rows("SELECT v FROM t WHERE CAST(k AS integer) = 1") == [["k=1"]]


def test_a_tables_partitions_are_a_table(client: Client, listed: list[str]) -> None:
    _table(client, "day date, k string", {}, [f"day=2024-01-0{number}/k=a b" for number in (1, 2)])
    client.rows("MSCK REPAIR TABLE t")
    client.rows("ALTER TABLE t ADD PARTITION (day = '2024-01-03', k = '__HIVE_DEFAULT_PARTITION__')")
    assert client.rows('SELECT * FROM "t$partitions" ORDER BY day DESC') == [
        ["2024-01-03", None], ["2024-01-02", "a b"], ["2024-01-01", "a b"],
    ]  # fmt: skip
    assert client.rows('SELECT max(day) FROM "t$partitions" WHERE k IS NOT NULL') == [["2024-01-02"]]
    assert listed == []
    assert "metadata table" in client.fails('SELECT * FROM "t$files"')


@pytest.mark.slow
def test_only_projected_folders_that_matter_are_listed(client: Client, listed: list[str]) -> None:
    properties = {
        "projection.enabled": "true", "projection.region.type": "enum", "projection.region.values": "eu,us",
        "projection.day.type": "date", "projection.day.range": "2020-01-01,NOW", "projection.day.format": "yyyy-MM-dd",
        "projection.id.type": "injected",
    }  # fmt: skip
    paths = [f"region={r}/day=2024-01-0{d}/id={i}" for r in ("eu", "us") for d in (1, 2) for i in ("x", "y")]
    _table(client, "region string, day date, id string", properties, paths)
    sql = "WITH x AS (SELECT * FROM t) SELECT v FROM x WHERE day = DATE '2024-01-02' AND (id = 'x' OR id = 'z') ORDER BY 1"
    assert client.rows(sql) == [["region=eu/day=2024-01-02/id=x"], ["region=us/day=2024-01-02/id=x"]]
    assert sorted(listed) == [f"region={r}/day=2024-01-02/id={i}" for r in ("eu", "us") for i in ("x", "z")]
    listed.clear()
    joined = "SELECT a.v FROM t AS a JOIN t AS b ON a.id = b.id WHERE a.id = 'y' AND a.day = b.day AND a.region = 'eu'"
    assert len(client.rows(joined)) == 4
    client.rows("CREATE VIEW w AS SELECT v, id AS i FROM t")
    assert len(client.rows("SELECT v FROM w WHERE i IN ('x', 'y')")) == 8
    refused = client.fails("SELECT v FROM t WHERE id = 'x' OR region = 'eu'")
    assert "For the injected projected partition column id" in refused


def test_an_injected_value_is_no_way_out_of_the_table(client: Client) -> None:
    _table(client, "id string", {"projection.enabled": "true", "projection.id.type": "injected"}, ["id=a"])
    for value in ("..", ".", "", "a/../../x", "%", "a''b"):
        assert client.rows(f"SELECT v FROM t WHERE id = '{value}'") == []


def test_a_condition_that_fails_on_a_partition_is_the_querys(opened: QueryEngine) -> None:
    with pytest.raises(QueryFailed, match="INVALID_CAST_ARGUMENT"):
        _answered(opened, "SELECT v FROM a WHERE CAST(region AS integer) = 1", whole=False)


@pytest.mark.slow
def test_a_long_list_of_conditions_is_no_deep_tree(opened: QueryEngine) -> None:
    many = " OR ".join(f"(n = {number} AND v > {number})" for number in range(600))
    rows, catalog = _answered(opened, f"SELECT v FROM a WHERE {many}", whole=False)
    assert len(rows) == 10
    assert len(catalog.chosen["a"]) == 12
