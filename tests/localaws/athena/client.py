"""A client of the local Athena, for tests of its statements."""

from __future__ import annotations

import time
from typing import Any

from localaws.context import Context


class Client:
    """Runs statements in one database and workgroup."""

    def __init__(self, ctx: Context, database: str, workgroup: str) -> None:
        self.ctx, self.database, self.workgroup = ctx, database, workgroup
        self.athena = ctx.client("athena")

    @classmethod
    def in_own_database(cls, ctx: Context, test: str, workgroup: str) -> Client:
        """Return a client in an empty database, which is the test's own."""
        name = f"{workgroup[:2]}{abs(hash(test)):x}"[:20]
        ctx.client("glue").create_database(DatabaseInput={"Name": name})
        return cls(ctx, name, workgroup)

    def execution(self, sql: str, parameters: list[str] | None = None, seconds: float = 120) -> dict[str, Any]:
        given: dict[str, Any] = {"ExecutionParameters": parameters} if parameters else {}
        started = self.athena.start_query_execution(
            QueryString=sql, WorkGroup=self.workgroup, QueryExecutionContext={"Database": self.database}, **given
        )["QueryExecutionId"]
        pause, deadline = 0.01, time.monotonic() + seconds
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return found
            time.sleep(pause)
            pause = min(pause * 1.3, 0.2)  # who asks all the time takes the processor from what it waits for
        raise AssertionError(f"{sql} did not end")

    def rows(self, sql: str, parameters: list[str] | None = None) -> list[list[str | None]]:
        """Return the rows without the names of their columns."""
        found = self.execution(sql, parameters)
        assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
        answer = self.athena.get_query_results(QueryExecutionId=found["QueryExecutionId"])
        lines = [[cell.get("VarCharValue") for cell in row["Data"]] for row in answer["ResultSet"]["Rows"]]
        return lines[1:] if found["StatementType"] == "DML" and lines else lines

    def fails(self, sql: str) -> str:
        found = self.execution(sql)
        assert found["Status"]["State"] == "FAILED", sql
        return str(found["Status"]["StateChangeReason"])
