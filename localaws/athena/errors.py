"""Why a query failed, in Athena's words.

``QueryFailed`` ends a query as FAILED; its text becomes ``StateChangeReason``.
``InvalidRequest`` refuses the API call itself.
"""

from __future__ import annotations

from typing import Final

from moto.core.exceptions import JsonRESTError
from sqlglot import exp


class QueryFailed(Exception):
    """A query cannot run or did not finish: ``code: message``, as Athena words it."""

    def __init__(self, code: str, message: str, *, user_error: bool = True) -> None:
        super().__init__(f"{code}: {message}")
        self.user_error = user_error
        #: Where in the statement it is, for a message that says ``line 1:1`` because nobody knew yet.
        self.start: int | None = None

    def placed(self, sql: str) -> QueryFailed:
        """Return the failure with its place in the statement, where that became known."""
        code, _, message = str(self).partition(": ")
        if self.start is None or not message.startswith("line 1:1: "):
            return self
        told = f"{place(sql, self.start)}: {message.removeprefix('line 1:1: ')}"
        return QueryFailed(code, told, user_error=self.user_error)


def place(sql: str, start: int) -> str:
    """Return ``line 1:8`` for a place in a statement, counted in characters from zero."""
    return f"line {sql.count(chr(10), 0, start) + 1}:{start - sql.rfind(chr(10), 0, start)}"


#: Errors of Python's that a statement comes to which nobody has thought of.
UNFORESEEN: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


class InvalidRequest(JsonRESTError):
    """The request is refused before a query starts (``InvalidRequestException``)."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("InvalidRequestException", message)


class NotFound(JsonRESTError):
    """What is asked for is not there (``ResourceNotFoundException``)."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("ResourceNotFoundException", message)


class MetadataFailed(JsonRESTError):
    """The catalog's own error, as Athena's calls on the catalog pass it on (``MetadataException``)."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("MetadataException", message)


def start_of(node: exp.Expr) -> int | None:
    """Return where the first word of ``node`` is in its statement; None where the parser kept no place."""
    return min((each.meta["start"] for each in node.walk() if "start" in each.meta and not _added(each)), default=None)


def _added(name: exp.Expr) -> bool:
    """Return whether a name is that of a column's table, which nobody wrote before the column's."""
    column = name.parent
    if name.arg_key != "table" or not isinstance(column, exp.Column):
        return False
    return bool(name.meta.get("end", 0) + 2 != column.this.meta.get("start"))


def not_supported(what: str, *, allowed: str = "", user_error: bool = True) -> QueryFailed:
    """Return the failure for SQL that Athena may run, but the local engine cannot run or would answer wrongly.

    It is no error of the user's where nobody has thought of what it came to: see `UNFORESEEN`.
    """
    instead = f"; allowed: {allowed}" if allowed else ""
    told = f"{what} is not supported by the local Athena yet{instead}; nothing was run"
    return QueryFailed("NOT_SUPPORTED", told, user_error=user_error)
