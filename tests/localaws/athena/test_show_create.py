"""SHOW CREATE TABLE, run again under another name, makes an equal table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from tests.laws import cases
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import work_group
from tests.localaws.athena.server import iceberg_catalog, running

pytestmark = pytest.mark.slow

_NUMBERS = itertools.count()
_NAMES = ["a", "date", "user", "order", "timestamp", "_x", "9lives", "b c", "größe", "a_1", "select"]
_TYPES = ["int", "string", "decimal(12,2)", "array<struct<date:int,b:string>>", "map<string,array<int>>", "varchar(3)"]
_TEXTS = ["x", "it's", 'a "b"', "a\\b", "^(\\d+)\\s'(.*)$", "\t", "\x01", "line\nline", "a,b", "ü", "\\n", ";--", "/*"]
_SERDES = [
    ("org.apache.hadoop.hive.serde2.OpenCSVSerde", ("separatorChar", "quoteChar", "escapeChar")),
    ("org.apache.hadoop.hive.serde2.RegexSerDe", ("input.regex",)),
    ("org.openx.data.jsonserde.JsonSerDe", ("mapping.a", "ignore.malformed.json")),
    ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", ("field.delim", "escape.delim", "mapkey.delim")),
]
_texts = st.sampled_from(_TEXTS)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "shown")
        yield Client.in_own_database(ctx, "shown", "shown")


def text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def pairs(properties: dict[str, str]) -> str:
    return f"({', '.join(f'{text(key)} = {text(value)}' for key, value in properties.items())})"


def columns(names: list[str], draw: Any) -> str:
    said = [draw(st.sampled_from(["", f" COMMENT {text('it is; «ü»')}", " COMMENT 'it\\'s'"])) for _ in names]
    kinds = [draw(st.sampled_from(_TYPES)) for _ in names]
    return f"({', '.join(f'`{n}` {kind}{comment}' for n, kind, comment in zip(names, kinds, said, strict=True))})"


@st.composite
def hive(draw: Any) -> str:
    """Return what stands behind the name of a table of Hive."""
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=6, unique=True))
    keys = [f"`{name}_k` {draw(st.sampled_from(['int', 'string']))}" for name in names[: draw(st.integers(0, 2))]]
    parts = [columns(names, draw)]
    if draw(st.booleans()):
        parts.append(f"COMMENT {text(draw(_texts))}")
    if keys:
        parts.append(f"PARTITIONED BY ({', '.join(keys)})")
    if draw(st.booleans()):
        parts.append(f"CLUSTERED BY (`{names[0]}`) INTO 4 BUCKETS")
    serde, known = draw(st.sampled_from(_SERDES))
    told = {key: draw(_texts) for key in known}
    parts.append(
        draw(
            st.sampled_from([
                "",
                f"ROW FORMAT DELIMITED FIELDS TERMINATED BY {text(draw(_texts))} ESCAPED BY '\\\\' NULL DEFINED AS ''",
                f"ROW FORMAT SERDE '{serde}' WITH SERDEPROPERTIES {pairs(told)}",
                "STORED AS PARQUET", "STORED AS ORC", "STORED AS AVRO", "STORED AS JSONFILE",
                f"ROW FORMAT SERDE '{serde}' STORED AS INPUTFORMAT 'com.example.In' OUTPUTFORMAT 'com.example.Out'",
            ])
        )
    )  # fmt: skip
    parts.append("LOCATION 's3://shown/hive/it is/'")
    if draw(st.booleans()):
        given = {"projection.enabled": "true", "classification": "csv", draw(_texts): draw(_texts)}
        parts.append(f"TBLPROPERTIES {pairs(given)}")
    return " ".join(parts)


def lines(client: Client, name: str) -> str:
    return "\n".join(row[0] or "" for row in client.rows(f"SHOW CREATE TABLE {name}"))


def table(client: Client, name: str) -> dict[str, Any]:
    found = client.ctx.client("glue").get_table(DatabaseName=client.database, Name=name)["Table"]
    kept = ("StorageDescriptor", "PartitionKeys", "Parameters", "TableType")
    return {key: found.get(key) for key in kept}


@settings(max_examples=cases(40), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(hive())
def test_a_table_of_hive_is_made_again(client: Client, rest: str) -> None:
    one, other = f"t{next(_NUMBERS)}", f"t{next(_NUMBERS)}"
    client.rows(f"CREATE EXTERNAL TABLE {one} {rest}")
    client.rows(lines(client, one).replace(f"`{client.database}.{one}`", f"`{other}`"))
    assert table(client, other) == table(client, one)
    assert lines(client, other) == lines(client, one).replace(f"{client.database}.{one}", f"{client.database}.{other}")


@pytest.mark.parametrize("form", ["PARQUET", "ORC", "AVRO", "JSON", "TEXTFILE"])
def test_a_table_that_was_made_of_a_query_is_made_again(client: Client, form: str) -> None:
    name = f"made_{form.lower()}"
    client.rows(
        f"CREATE TABLE {name} WITH (format = '{form}', external_location = 's3://shown/{name}/', "
        "partitioned_by = ARRAY['k'], bucketed_by = ARRAY['a'], bucket_count = 2) AS SELECT 1 a, 'x' \"date\", 2 k"
    )
    client.rows(lines(client, name).replace(f"`{client.database}.{name}`", f"`{name}_2`"))
    assert table(client, f"{name}_2") == table(client, name)


_GIVEN = {
    "format": "PARQUET", "write_compression": "ZSTD", "vacuum_max_snapshot_age_seconds": "60",
    "optimize_rewrite_delete_file_threshold": "3", "write_target_data_file_size_bytes": "1048576",
}  # fmt: skip


@settings(max_examples=cases(15), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from(_NAMES), min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from(sorted(_GIVEN)), unique=True),
    st.sampled_from(["", "COMMENT 'it\\'s' "]),
    st.booleans(),
)
def test_an_iceberg_table_is_made_again(
    client: Client, names: list[str], properties: list[str], comment: str, parted: bool
) -> None:
    one, other = f"t{next(_NUMBERS)}", f"t{next(_NUMBERS)}"
    described = ", ".join(
        f"`{name}` {kind}" for name, kind in zip(names, itertools.cycle(["int", "string"]), strict=False)
    )
    by = f"PARTITIONED BY (bucket(4, `{names[0]}`)) " if parted else ""
    told = {"table_type": "ICEBERG"} | {name: _GIVEN[name] for name in properties}
    client.rows(
        f"CREATE TABLE {one} ({described}) {comment}{by}LOCATION 's3://shown/{one}' TBLPROPERTIES {pairs(told)}"
    )
    shown = lines(client, one)
    client.rows(
        shown.replace(f"{client.database}.{one}(", f"{other}(").replace(f"s3://shown/{one}", f"s3://shown/{other}")
    )
    catalog = iceberg_catalog(client.ctx, "s3://shown/warehouse")
    made, again = (catalog.load_table(f"{client.database}.{name}") for name in (one, other))
    assert (again.schema(), again.spec(), again.properties) == (made.schema(), made.spec(), made.properties)
    for name in properties:
        assert f"'{name}'='{_GIVEN[name].lower()}'" in shown
