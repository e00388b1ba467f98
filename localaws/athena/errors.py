"""Why a query failed, in Athena's words.

``QueryFailed`` ends a query as FAILED; its text becomes ``StateChangeReason``.
``InvalidRequest`` refuses the API call itself.
"""

from __future__ import annotations

from typing import Final

from moto.core.exceptions import JsonRESTError


class QueryFailed(Exception):
    """A query cannot run or did not finish: ``code: message``, as Athena words it."""

    def __init__(self, code: str, message: str, *, user_error: bool = True) -> None:
        super().__init__(f"{code}: {message}")
        self.user_error = user_error


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


def not_supported(what: str, *, allowed: str = "") -> QueryFailed:
    """Return the failure for SQL that Athena may run, but the local engine cannot run or would answer wrongly."""
    instead = f"; allowed: {allowed}" if allowed else ""
    return QueryFailed("NOT_SUPPORTED", f"{what} is not supported by the local Athena yet{instead}; nothing was run")
