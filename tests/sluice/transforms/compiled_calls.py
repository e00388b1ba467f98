"""Compiles calls of PySpark as `sluice check` compiles transforms; a process of its own, as that is.

Reads a JSON list of calls, each with the way it is used, and the verdicts to believe; writes SQL or a refusal of each.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def used(frame: Any, calls: dict[str, str], use: str, names: dict[str, Any]) -> Any:
    """Return the DataFrame in which calls, by column, are computed: on each row, over a window, for groups, for none."""
    F, Window = names["F"], names["Window"]
    made = {name: eval(call, dict(names)) for name, call in calls.items()}
    rows = Window.partitionBy("g").orderBy("row")
    windows = {"window": rows, "frame": rows.rowsBetween(-3, 1), "whole": Window.partitionBy("g")}
    if use in windows:
        return frame.select("row", *(each.over(windows[use]).alias(name) for name, each in made.items()))
    columns = [each.alias(name) for name, each in made.items()]
    if use == "groups":
        return frame.groupBy("g").agg(*columns).select(F.col("g").alias("row"), *made)
    if use == "nothing":
        return frame.where(F.col("row") < 0).agg(F.max("row").alias("row"), *columns).select("row", *made)
    return frame.select("row", *columns)


def query(text: str, frame: Any, names: dict[str, Any]) -> Any:
    """Return the DataFrame of a whole query; ``a`` and ``b`` are two DataFrames of the same columns."""
    given = {**names, "a": frame, "b": frame.where("row < 70")}
    return eval(text, given)


def _described(frame: Any, connection: Any, schema: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    from sluice.transforms.functions.lowered import lowered

    (tree,) = frame._get_expressions(optimize=False)
    sql = lowered(tree, schema).sql
    return [(row[0], row[1].replace("VARCHAR", "TEXT")) for row in connection.execute(f"DESCRIBE {sql}").fetchall()]


def main() -> None:
    from sqlframe import activate

    activate("duckdb")
    from sluice.transforms.functions.recorded import describe_by, recorded_session

    asked = json.load(sys.stdin)
    session, schema = recorded_session(asked["tables"])
    describe_by(lambda frame: _described(frame, session._conn, schema))
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    from sluice.transforms import changes
    from sluice.transforms.functions.lowered import lowered

    answers = []
    for call, use in asked["calls"]:
        try:
            names = {"F": F, "Window": Window, "latest_sent": changes.latest_sent}
            frame = session.table("t.given")
            made = query(call, frame, names) if use == "query" else used(frame, {"x": call}, use, names)
            (tree,) = made._get_expressions(optimize=False)
            sql, found, _ = lowered(tree, schema, {}, asked["told"])
            answers.append([sql, "; ".join(f"{each.rule}: {each.why}" for each in found)])
        except Exception as error:
            answers.append(["", f"{type(error).__name__}: {error}"])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
