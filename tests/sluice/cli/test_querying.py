"""What Athena answers becomes rows, and none of them is taken for a header."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.cli import deployment, querying
from sluice.cli.querying import Answer, print_rows, run_query
from sluice.errors import CommandError, WrongArgument


class Athena:
    """Answers any query with the same rows, as a client of boto3 does."""

    def __init__(self, rows: list[list[str | None]], names: list[str], failed: str = "") -> None:
        self.rows, self.names, self.failed = rows, names, failed

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:sts::123456789012:assumed-role/Analyst/me", "UserId": "AROA:me"}

    def start_query_execution(self, **given: Any) -> dict[str, Any]:
        assert given["WorkGroup"] == "analysts"
        assert given["ResultConfiguration"] == {"OutputLocation": "s3://results/people/me/"}
        return {"QueryExecutionId": "1"}

    def get_query_execution(self, **_: Any) -> dict[str, Any]:
        state = {"State": "FAILED", "StateChangeReason": self.failed} if self.failed else {"State": "SUCCEEDED"}
        return {"QueryExecution": {"Status": state}}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        cells = [{"Data": [{} if one is None else {"VarCharValue": one} for one in row]} for row in self.rows]
        columns = [{"Name": name, "Type": "varchar"} for name in self.names]
        return [{"ResultSet": {"Rows": cells, "ResultSetMetadata": {"ColumnInfo": columns}}}]


class Deployed:
    """The little of a deployment that a query needs."""

    @staticmethod
    def workgroup_of(_: Any) -> tuple[str, str]:
        return "analysts", "s3://results/people/me/"

    class settings:  # noqa: N801 (the deployment's name)
        @staticmethod
        def database(layer: str) -> str:
            return layer


def asked(monkeypatch: pytest.MonkeyPatch, sql: str, rows: list[list[str | None]], names: list[str]) -> Answer:
    monkeypatch.setattr(querying, "client", lambda _: Athena(rows, names))
    deployed: Any = Deployed()
    return run_query(sql, deployed)


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES", "show tables in gold", "SHOW\nTABLES IN gold", "show\ttables", "-- all\nSHOW TABLES",
        "/* SELECT */ SHOW TABLES", "  \n--\n-- two\n  SHOW TABLES", "DESCRIBE\norders", "explain\nselect 1",
    ],
)  # fmt: skip
def test_the_first_line_of_a_statement_is_a_row(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = asked(monkeypatch, sql, [["orders"], ["products"], ["sales"]], ["tab_name"])
    assert [row[0] for row in made.rows] == ["orders", "products", "sales"]


@pytest.mark.parametrize(
    "sql", ["SELECT a", "select\na", "-- SHOW\nSELECT a", "WITH a AS (SELECT 1) SELECT a", "VALUES 1"]
)
def test_the_header_of_a_select_is_no_row(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, sql, [["a"], ["1"], [None]], ["a"]).rows == (("1",), (None,))
    assert asked(monkeypatch, sql, [["a"]], ["a"]).rows == ()


def test_what_an_insert_or_a_create_answers_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "CREATE VIEW v AS SELECT 1", [], []).rows == ()


def test_json_holds_numbers_digit_by_digit_and_moments_as_iso_8601(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer(
        ("n", "d", "x", "t", "b", "s"),
        ("bigint", "decimal(38,2)", "double", "timestamp", "boolean", "varchar"),
        (("9223372036854775807", "1.10", "NaN", "2026-01-31 10:00:00.000", "true", None),),
    )
    print_rows(answer, "json", lambda: pytest.fail("no console"))
    text = capsys.readouterr().out
    assert '"d":1.10' in text
    assert json.loads(text) == [
        {"n": 9223372036854775807, "d": 1.1, "x": None, "t": "2026-01-31T10:00:00.000", "b": True, "s": None}
    ]


def test_an_object_has_each_name_once(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer(("a", "b", "a"), ("integer",) * 3, (("1", "2", "3"),))
    with pytest.raises(WrongArgument, match="two columns named 'a'") as refused:
        print_rows(answer, "json", lambda: pytest.fail("no console"))
    assert "AS a_2" in refused.value.next_step
    print_rows(answer, "csv", lambda: pytest.fail("no console"))
    assert capsys.readouterr().out == "a,b,a\n1,2,3\n"


OUTPUTS = {
    "AnalystRoleArn": "arn:aws:iam::123456789012:role/team/shop-dev-AnalystRole1",
    "StewardRoleArn": "arn:aws:iam::123456789012:role/shop-dev-StewardRole2",
    "OperatorRoleArn": "arn:aws:iam::123456789012:role/shop-dev-OperatorRole3",
    "AthenaWorkGroupName": "shop-dev",
    "PeopleWorkGroupName": "shop-dev-people",
    "ResultsBucketName": "results",
}


@pytest.mark.parametrize(
    ("caller", "asks"),
    [
        ("assumed-role/shop-dev-AnalystRole1/ana", ("shop-dev-people", "s3://results/people/AROA:ana/")),
        ("assumed-role/shop-dev-StewardRole2/ana", ("shop-dev-people", "s3://results/people/AROA:ana/")),
        ("assumed-role/shop-dev-OperatorRole3/ana", ("shop-dev", "")),
        ("assumed-role/other/shop-dev-AnalystRole1", ("shop-dev", "")),
        ("user/shop-dev-AnalystRole1", ("shop-dev", "")),
        ("root", ("shop-dev", "")),
    ],
)
def test_whoever_asks_in_a_role_for_people_has_results_of_their_own(caller: str, asks: tuple[str, str]) -> None:
    found = {"Arn": f"arn:aws:sts::123456789012:{caller}", "UserId": "AROA:ana"}
    assert deployment.Deployment(OUTPUTS).workgroup_of(found) == asks
    assert deployment.Deployment({"AthenaWorkGroupName": "shop-dev"}).workgroup_of(found) == ("shop-dev", "")


@given(
    st.lists(
        st.text()
        | st.sampled_from(["=1+1", " =1", "+49 30", "-2", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "a=1", "\ufeff=1"])
        | st.text(st.sampled_from("=+-@\uff1d;,|\t\n\r \"'\ufeff\u200bx1"), max_size=12)
    )
)
def test_a_sheet_has_no_text_that_is_computed_and_loses_none(cells: list[str]) -> None:
    answer = Answer(
        ("=cmd|' /C calc'!A0", "n", "d"), ("varchar", "bigint", "date"), tuple((each, "-5", None) for each in cells)
    )
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print_rows(answer, "sheet", lambda: pytest.fail("no console"))
    header, *rows = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert header == ["'=cmd|' /C calc'!A0", "n", "d"]
    assert [row[1:] for row in rows] == [["-5", ""]] * len(cells)
    for (shown, *_), cell in zip(rows, cells, strict=True):
        assert shown.replace("'", "") == cell.replace("'", "")
        if not any(letter in cell for letter in "=+-@\uff1d\uff0b\uff0d\uff20\t\r"):
            assert shown == cell
    # A spreadsheet that takes another character for what separates cells computes nothing, either.
    for separator in ",;\t|":
        for row in csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=separator):
            for shown in row if separator != "," else row[:1]:
                assert not re.match(r"[\s\ufeff\u200b]*[=+\-@\uff1d]", shown), (separator, row)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print_rows(answer, "csv", lambda: pytest.fail("no console"))
    assert [row[0] for row in csv.reader(io.StringIO(out.getvalue(), newline=""))][1:] == cells


@pytest.mark.parametrize(("said", "step"), [
    ("SCHEMA_NOT_FOUND: line 1:1: Schema 'x' does not exist", "SHOW DATABASES"),
    ("TABLE_NOT_FOUND: line 1:1: Table 'x' does not exist", "SHOW TABLES"),
    ("COLUMN_NOT_FOUND: line 1:1: Column 'x' cannot be resolved", "DESCRIBE"),
    ("SYNTAX_ERROR: line 1:1: mismatched input 'x'", "mend the query."),
])  # fmt: skip
def test_a_query_that_fails_leads_to_what_lists_the_names(
    monkeypatch: pytest.MonkeyPatch, said: str, step: str
) -> None:
    monkeypatch.setattr(querying, "client", lambda _: Athena([], [], said))
    deployed: Any = Deployed()
    with pytest.raises(CommandError) as failed:
        run_query("SELECT x", deployed)
    assert step in failed.value.next_step
