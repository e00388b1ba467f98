"""awswrangler: all of its functions that ask Athena, or write what Athena reads."""

from __future__ import annotations

from typing import Any

import awswrangler as wr
import pandas as pd
import pyathena

_AT = {"database": "wrangled", "s3_output": "s3://answers/wrangled/"}


def _frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"id": [1, 2, 3], "name": ["a", None, "c"], "at": pd.to_datetime(["2026-01-02", "2026-01-03", None]),
         "x": [1.5, None, 2.5], "day": ["u", "u", "v"]}
    )  # fmt: skip


def _ids(sql: str, **options: Any) -> list[int]:
    return sorted(wr.athena.read_sql_query(sql, **_AT, **options)["id"].tolist())


def databases_and_tables() -> None:
    wr.catalog.create_database("wrangled")
    wr.s3.to_parquet(_frame(), path="s3://lake/wrangled/sales/", dataset=True, database="wrangled", table="sales",
                     partition_cols=["day"])  # fmt: skip
    assert "wrangled" in wr.catalog.databases()["Database"].tolist()
    assert wr.catalog.get_table_types("wrangled", "sales")["id"] == "bigint"


def read_in_each_way() -> None:
    for way in ({"ctas_approach": True}, {"ctas_approach": False}):
        assert _ids("SELECT * FROM sales", **way) == [1, 2, 3], way
    unloaded = wr.athena.read_sql_query(
        "SELECT * FROM sales",
        database="wrangled",
        s3_output="s3://answers/empty/",
        ctas_approach=False,
        unload_approach=True,
    )
    assert sorted(unloaded["id"]) == [1, 2, 3]
    assert wr.athena.read_sql_table("sales", **_AT, ctas_approach=False)["x"].dropna().tolist() == [1.5, 2.5]


def read_in_chunks() -> None:
    chunks = wr.athena.read_sql_query("SELECT * FROM sales", **_AT, ctas_approach=False, chunksize=2)
    assert sorted(len(chunk) for chunk in chunks) == [1, 2]


def read_with_parameters() -> None:
    assert _ids("SELECT id FROM sales WHERE name = :name", params={"name": "c"}, ctas_approach=False) == [3]
    asked = {"params": ["'c'"], "paramstyle": "qmark", "ctas_approach": False}
    assert _ids("SELECT id FROM sales WHERE name = ?", **asked) == [3]


def statements_are_prepared() -> None:
    # A name of its own: a statement stays in its workgroup.
    wr.athena.create_prepared_statement("SELECT id FROM sales WHERE id > ?", "wrangled_more", workgroup="primary")
    assert "wrangled_more" in [each["StatementName"] for each in wr.athena.list_prepared_statements("primary")]
    assert _ids('EXECUTE "wrangled_more" USING 1', ctas_approach=False) == [2, 3]
    wr.athena.delete_prepared_statement("wrangled_more", workgroup="primary")


def tables_of_queries() -> None:
    made = wr.athena.create_ctas_table("SELECT id, name FROM sales", **_AT, wait=True)
    assert _ids(f"SELECT id FROM {made['ctas_table']}", ctas_approach=False) == [1, 2, 3]
    files = wr.athena.unload("SELECT id FROM sales", path="s3://lake/wrangled/unloaded/", database="wrangled")
    assert files.raw_payload["Status"]["State"] == "SUCCEEDED"
    # awswrangler has the query's own results, its manifest among them, lie beside the files.
    unloaded = wr.s3.read_parquet("s3://lake/wrangled/unloaded/", path_ignore_suffix=[".csv", ".metadata"])
    assert sorted(unloaded["id"]) == [1, 2, 3]


def queries_are_followed() -> None:
    query = wr.athena.start_query_execution("SELECT 1 AS id", **_AT)
    assert wr.athena.wait_query(query)["Status"]["State"] == "SUCCEEDED"
    assert wr.athena.get_query_results(query)["id"].tolist() == [1]
    assert query in wr.athena.list_query_executions()
    assert wr.athena.get_query_columns_types(query) == {"id": "integer"}
    great = ", ".join(f"UNNEST(sequence(1, 9000)) AS t{number}(x{number})" for number in range(3))
    running = wr.athena.start_query_execution(f"SELECT sum(x0 * x1 + x2) FROM {great}", **_AT)
    wr.athena.stop_query_execution(running)


def described_and_repaired() -> None:
    assert wr.athena.describe_table("sales", **_AT)["Column Name"].tolist()[:2] == ["id", "name"]
    assert "EXTERNAL TABLE" in wr.athena.show_create_table("sales", **_AT)
    assert wr.athena.repair_table("sales", **_AT) == "SUCCEEDED"


def iceberg_tables() -> None:
    frame = _frame()[["id", "name", "x"]]
    to = {**_AT, "table": "iced", "temp_path": "s3://lake/wrangled/temporary/", "keep_files": False}
    wr.athena.to_iceberg(frame, table_location="s3://lake/wrangled/iced/", **to)
    wr.athena.to_iceberg(pd.DataFrame({"id": [4], "name": ["d"], "x": [9.0]}), **to)
    assert _ids("SELECT id FROM iced", ctas_approach=False) == [1, 2, 3, 4]
    wr.athena.to_iceberg(pd.DataFrame({"id": [1, 5], "name": ["z", "e"], "x": [0.0, 1.0]}), merge_cols=["id"], **to)
    rows = wr.athena.read_sql_query("SELECT id, name FROM iced", **_AT, ctas_approach=False).sort_values("id")
    assert rows["name"].tolist()[0] == "z"
    assert len(rows) == 5
    wr.athena.delete_from_iceberg_table(pd.DataFrame({"id": [2]}), merge_cols=["id"], **to)
    assert _ids("SELECT id FROM iced", ctas_approach=False) == [1, 3, 4, 5]
    wider = pd.DataFrame({"id": [6], "name": ["f"], "x": [1.0], "note": ["new"]})
    wr.athena.to_iceberg(wider, schema_evolution=True, **to)
    assert _ids("SELECT id FROM iced WHERE note = 'new'", ctas_approach=False) == [6]
    assert pyathena.connect(s3_staging_dir="s3://answers/wrangled/").cursor().execute(
        "SELECT count(*) FROM wrangled.iced"
    ).fetchall() == [(5,)]


def workgroups_have_a_bucket() -> None:
    assert wr.athena.create_athena_bucket().startswith("s3://aws-athena-query-results-123456789012-us-east-1")
    assert wr.athena.get_work_group("primary")["WorkGroup"]["State"] == "ENABLED"
