"""Runs a query in Athena and prints its rows, for `sluice query`; imports nothing that takes long to import."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sluice.cli.deployment import Deployment, client, refused_by_aws
from sluice.errors import CommandError, WrongArgument
from sluice.shortened import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

#: Seconds between two polls of a query: at first, and at most.
_FIRST_POLL, _LONGEST_POLL = 0.01, 0.5
#: Statements whose results Athena writes as text, without a header.
_TOLD_IN_TEXT = ("SHOW", "DESCRIBE", "DESC", "EXPLAIN")
_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*(\w+)", re.DOTALL)
#: By the first word of what Athena says of a query.
_STEPS = {
    "SCHEMA_NOT_FOUND": "mend the query; `sluice query 'SHOW DATABASES'` lists the databases.",
    "TABLE_NOT_FOUND": "mend the query; `sluice query 'SHOW TABLES IN gold'` lists a database's tables.",
    "COLUMN_NOT_FOUND": "mend the query; `sluice query 'DESCRIBE gold.TABLE'` lists a table's columns.",
    "PERMISSION_DENIED": "see in `sluice query 'SHOW TABLES IN gold'` what this role may ask of (a table that is not "
    "there is told so, too), or take a role that may: docs/how-to/people.md.",
}
_WHOLE = ("tinyint", "smallint", "integer", "int", "bigint")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Answer:
    """The rows of a query as Athena writes them: a text for each value, None for null; ``types`` are Athena's."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def records(self) -> list[dict[str, str | None]]:
        """Return each row by its columns' names."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


def run_query(sql: str, deployment: Deployment) -> Answer:
    """Run the query in the deployment's workgroup and return its rows; ``CommandError`` with what Athena says of it."""
    athena = client("athena")
    try:
        group, results = deployment.workgroup_of(client("sts").get_caller_identity())
        query: str = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": deployment.settings.database("gold")},
            WorkGroup=group,
            **({"ResultConfiguration": {"OutputLocation": results}} if results else {}),
        )["QueryExecutionId"]
        _wait(athena, query, sql)
        pages = list(athena.get_paginator("get_query_results").paginate(QueryExecutionId=query))
    except (ClientError, BotoCoreError) as error:
        raise refused_by_aws(error)(
            f"Athena: {error}", next_step="mend what is said, and ask again.", value=shortened(sql)
        ) from error
    columns = pages[0]["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    names, types = tuple(each["Name"] for each in columns), tuple(each["Type"] for each in columns)
    found = [
        tuple(cell.get("VarCharValue") for cell in row["Data"]) for page in pages for row in page["ResultSet"]["Rows"]
    ]
    if _first_word(sql) in _TOLD_IN_TEXT:
        return _split(names, found)
    # The first row of a SELECT's results is its header, and no other statement has one.
    # https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
    return Answer(names, types, tuple(found[1:] if found[:1] == [names] else found))


def _first_word(sql: str) -> str:
    """Return the word that says what a statement does, in capitals: the first one behind blanks and comments."""
    found = _WORD.match(sql)
    return found[1].upper() if found else ""


def _wait(athena: Any, query: str, sql: str) -> None:
    """Return when the query has ended; ``CommandError`` when it failed or was cancelled."""
    pause = _FIRST_POLL
    while True:
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return
        if status["State"] in ("FAILED", "CANCELLED"):
            said = status.get("StateChangeReason") or f"the query was {status['State'].lower()}"
            step = _STEPS.get(said.partition(":")[0], "mend the query.")
            raise CommandError(f"Athena: {said}", next_step=step, value=shortened(sql))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_POLL)


def _split(names: tuple[str, ...], rows: list[tuple[str | None, ...]]) -> Answer:
    """Return the lines of a statement's text result, split at tabs."""
    lines = [[cell.strip() for cell in "\t".join(each or "" for each in row).split("\t")] for row in rows]
    width = max((len(line) for line in lines), default=len(names))
    named = (*names, *[""] * (width - len(names)))[:width]
    return Answer(named, ("varchar",) * width, tuple((*line, *[""] * (width - len(line))) for line in lines))


def print_rows(answer: Answer, form: str, console: Callable[[], Console]) -> None:
    """Print the rows as a table on the ``console``, or to standard output as CSV or as a JSON array of objects.

    ``sheet`` is CSV whose texts no spreadsheet takes for a formula; ``csv`` has each value as it is.
    """
    if form in ("csv", "sheet"):
        written = _for_sheet(answer) if form == "sheet" else answer
        for row in (written.names, *written.rows):
            out = io.StringIO()
            # The writer quotes a value for a character of the line's end alone, and a reader ends a line at \r, too.
            csv.writer(out, lineterminator="\r\n").writerow(row)
            sys.stdout.write(out.getvalue().removesuffix("\r\n") + "\n")
        return
    if form == "json":
        if twice := [name for at, name in enumerate(answer.names) if name in answer.names[:at]]:
            raise WrongArgument(
                f"The result has two columns named {twice[0]!r}, and an object has one of a name.",
                next_step=f"name one of them otherwise (… AS {twice[0]}_2), or ask for --format csv.",
                column=twice[0],
            )
        rows = (
            ",".join(
                f"{json.dumps(name)}:{_as_json(value, kind)}"
                for name, value, kind in zip(answer.names, row, answer.types, strict=True)
            )
            for row in answer.rows
        )
        sys.stdout.write(f"[{','.join(f'{{{row}}}' for row in rows)}]\n")
        return
    from sluice.cli.fitted import print_table

    numbers = [name for name, kind in zip(answer.names, answer.types, strict=True) if _is_number(kind)]
    print_table(console(), answer.names, [["" if cell is None else cell for cell in row] for row in answer.rows],
                right=numbers)  # fmt: skip


#: Where a spreadsheet may begin a cell in a text, and computes it: at its begin; behind a line's end, semicolon, tab or
#: bar, should it take one of them for what separates cells; also behind blanks, quotes, and what is not seen.
#: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(
    r"^(?=[\t\r])|(?:^|(?<=[;|\t\n\r\v\f\x85\u2028\u2029]))"
    r"(?=[\s\"\x00-\x1f\xad\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])"
)


def _for_sheet(answer: Answer) -> Answer:
    """Return the rows with an apostrophe before what a spreadsheet would compute of a text; numbers stay numbers."""
    texts = [not (_is_number(kind) or kind in ("date", "boolean")) for kind in answer.types]
    return Answer(
        tuple(map(_as_text, answer.names)),
        answer.types,
        tuple(
            tuple(_as_text(cell) if cell is not None and text else cell for cell, text in zip(row, texts, strict=True))
            for row in answer.rows
        ),
    )


def _as_text(cell: str) -> str:
    return _FORMULA.sub("'", cell)


def _is_number(kind: str) -> bool:
    return kind in (*_WHOLE, "float", "real", "double") or kind.startswith("decimal")


def _as_json(value: str | None, kind: str) -> str:
    """Return a value as JSON writes it: a number digit by digit as Athena does, and one that JSON lacks as null."""
    if value is None:
        return "null"
    if _is_number(kind):
        return value if _NUMBER.fullmatch(value) else "null"
    if kind == "boolean":
        return value
    # A moment as ISO 8601 has it.
    return json.dumps(value.replace(" ", "T", 1) if kind.startswith("timestamp") else value)
