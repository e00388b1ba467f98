"""Each statement of Athena's SQL reference answers as the list says, from which the reference's page is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import work_group
from tests.localaws.athena.reference_statements import DONE, IN_ORDER, SECTIONS, Case
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow


def answered(client: Client, case: Case) -> tuple[str, bool]:
    """Return what a statement answers, in the list's words, and whether it failed."""
    sql = case.sql.replace("{at}", f"s3://reference/{client.database}")
    try:
        found = client.execution(sql)
    except client.athena.exceptions.InvalidRequestException as error:
        return str(error), True
    status = found["Status"]
    if status["State"] != "SUCCEEDED":
        return str(status["StateChangeReason"]), True
    rows = client.athena.get_query_results(QueryExecutionId=found["QueryExecutionId"])["ResultSet"]["Rows"]
    rows = rows[1:] if found["StatementType"] == "DML" else rows
    return ", ".join(str(cell.get("VarCharValue")).strip() for cell in rows[0]["Data"]) if rows else "", False


def test_every_statement_answers_as_the_list_says(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    wrong = []
    with running(tmp_path) as ctx:
        work_group(ctx, "reference")
        client = Client.in_own_database(ctx, request.node.nodeid, "reference")
        for case in IN_ORDER:
            said, failed = answered(client, case)
            if failed != case.fails or (case.answer != DONE and not said.startswith(case.answer)):
                wrong.append(f"{case.sql}\n    {said!r}, not {case.answer!r}")
    assert not wrong, "\n".join(wrong)


def test_each_case_is_listed_once() -> None:
    listed = [case for cases in SECTIONS.values() for case in cases]
    assert sorted(case.sql for case in listed) == sorted(case.sql for case in IN_ORDER)
    assert len({case.sql for case in listed}) == len(listed)
