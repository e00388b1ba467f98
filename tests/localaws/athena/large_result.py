"""Runs a query with a large result on a local AWS of its own: ``… MB_OF_RESULT BYTES_OF_A_ROW``.

It prints what that took, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path

from tests.localaws.athena.client import Client
from tests.localaws.athena.server import running


def main(megabytes: int, width: int) -> None:
    """Print the result's size, the peaks of memory before it, behind it, and of the engines, and its last row."""
    text = width - 3  # a row of the result has the text, in quotes, and a line end
    inner = min(10_000, megabytes * 1000 // (width // 1024))
    outer = max(1, megabytes // 10 // (width // 1024)) if inner == 10_000 else 1
    sql = (
        f"SELECT rpad(cast(x * {inner} + y AS varchar), {text}, '.') AS t FROM unnest(sequence(0, {outer - 1})) a(x),"
        f" unnest(sequence(0, {inner - 1})) b(y)"
    )
    with tempfile.TemporaryDirectory() as scratch, running(Path(scratch)) as ctx:
        ctx.client("s3").create_bucket(Bucket="out")
        ctx.client("athena").create_work_group(
            Name="large", Configuration={"ResultConfiguration": {"OutputLocation": "s3://out/"}}
        )
        client = Client.in_own_database(ctx, "large", "large")
        client.rows("SELECT 1")
        before = _peak(resource.RUSAGE_SELF)
        found = client.execution(sql, seconds=3000)
        assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
        query_id = found["QueryExecutionId"]
        rows = outer * inner
        page = client.athena.get_query_results(QueryExecutionId=query_id, NextToken=str(rows))
        size = ctx.client("s3").head_object(Bucket="out", Key=f"{query_id}.csv")["ContentLength"]
        last = page["ResultSet"]["Rows"][-1]["Data"][0]["VarCharValue"]
        behind = _peak(resource.RUSAGE_SELF)
    engines = _peak(resource.RUSAGE_CHILDREN)
    sys.stdout.write(json.dumps({"size": size, "rows": rows, "before": before, "behind": behind, "engines": engines,
                      "last": last.rstrip("."), "more": "NextToken" in page}))  # fmt: skip


def _peak(who: int) -> int:
    """Return the largest resident memory in MB that this process, or one that has ended, ever had."""
    return resource.getrusage(who).ru_maxrss // (1 if sys.platform == "linux" else 1024) // 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
