"""Reads text with Hive's own SerDes, which PySpark brings: run as a program, it answers each table's rows as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession


def plain(value: Any) -> Any:
    """Return a value of a row as JSON has it: a map as its sorted pairs, anything without a JSON type as its text."""
    if isinstance(value, dict):
        return sorted([key, plain(item)] for key, item in value.items())
    if hasattr(value, "asDict"):
        return {key: plain(item) for key, item in value.asDict().items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytearray | bytes):
        return value.hex()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def main(folder: Path) -> None:
    """Read the tables that ``tables.json`` in the folder describes, and write their rows to ``rows.json``."""
    derby = f"jdbc:derby:;databaseName={folder}/metastore;create=true"
    settings = {
        "spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1", "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Dderby.system.home={folder}",
        "spark.hadoop.javax.jdo.option.ConnectionURL": derby,
    }  # fmt: skip
    builder = SparkSession.builder.master("local[1]").enableHiveSupport()
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark, found = builder.getOrCreate(), {}
    for name, (columns, form) in json.loads((folder / "tables.json").read_text()).items():
        spark.sql(f"CREATE EXTERNAL TABLE {name} ({columns}) {form} LOCATION 'file://{folder}/{name}'")
        found[name] = [[plain(value) for value in row] for row in spark.sql(f"SELECT * FROM {name}").collect()]
    (folder / "rows.json").write_text(json.dumps(found))
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
