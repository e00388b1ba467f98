"""Glue's Iceberg REST endpoint, ``<endpoint>/iceberg``: Iceberg's own API over the entries of the Glue catalog.

It has the calls that Glue's has: https://docs.aws.amazon.com/glue/latest/dg/iceberg-rest-apis.html
Their form is Iceberg's: https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

from botocore.exceptions import ClientError
from pydantic import BaseModel, ValidationError
from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table import CommitTableRequest, StagedTable, Table
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from localaws.athena.errors import QueryFailed
from localaws.athena.leave import Leave
from localaws.athena.statements.kinds import Name
from localaws.athena.written_iceberg import IcebergCatalog
from localaws.context import Context
from localaws.gateway import calls
from localaws.gateway.callers import key_of, session_of

log = logging.getLogger("localaws.iceberg")

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
#: A status and a body, which is None where there is none.
Answered = tuple[int, dict[str, Any] | None]
_ROOT: Final = calls.ICEBERG_ROOT.rstrip("/")
_NAMESPACES: Final = "/v1/catalogs/<catalog>/namespaces"
_TABLES: Final = f"{_NAMESPACES}/<namespace>/tables"
_ERRORS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (NoSuchTableError, 404, "NoSuchTableException"),
    (NoSuchNamespaceError, 404, "NoSuchNamespaceException"),
    (TableAlreadyExistsError, 409, "AlreadyExistsException"),
    (NamespaceAlreadyExistsError, 409, "AlreadyExistsException"),
    (NamespaceNotEmptyError, 409, "NamespaceNotEmptyException"),
    (CommitFailedException, 409, "CommitFailedException"),
    (FileNotFoundError, 404, "NotFoundException"),
    (NotImplementedError, 406, "UnsupportedOperationException"),
    (ValidationError, 400, "BadRequestException"),
    (ValueError, 400, "BadRequestException"),
)
_UNFORESEEN: Final = "InternalServerError"
#: What failures of the tables' files are by their code; the state is unknown of a commit that may have been made.
_FAILURES: Final = {
    "PERMISSION_DENIED": (403, "ForbiddenException"),
    "TABLE_NOT_FOUND": (404, "NoSuchTableException"),
    "NOT_SUPPORTED": (406, "UnsupportedOperationException"),
    "ICEBERG_COMMIT_ERROR": (500, "CommitStateUnknownException"),
}


def middleware(app: App, ctx: Context) -> App:
    """Return ``app`` with the Iceberg endpoint before it; what comes there was signed for Glue, and is verified."""

    def route(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = calls.read(environ)
        if request is None or (request.service, request.action) != ("glue", calls.ICEBERG):
            return app(environ, start_response)
        session = session_of(request.access_key)
        if key_of(ctx, request.access_key) is None:  # forgotten since its signature was verified
            status, answer = _error(403, "ForbiddenException", "The security token in the request is invalid")
        else:
            status, answer = _answered(_Endpoint(ctx, Leave(ctx, session)), environ)
        body = b"" if answer is None or environ["REQUEST_METHOD"] == "HEAD" else json.dumps(answer).encode()
        start_response(_STATUS[status], [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return route


_STATUS: Final = {
    200: "200 OK", 204: "204 No Content", 400: "400 Bad Request", 403: "403 Forbidden", 404: "404 Not Found",
    405: "405 Method Not Allowed", 406: "406 Not Acceptable", 409: "409 Conflict", 500: "500 Internal Server Error",
}  # fmt: skip


def _answered(endpoint: _Endpoint, environ: dict[str, Any]) -> Answered:
    path, method = str(environ["PATH_INFO"]).removeprefix(_ROOT), str(environ["REQUEST_METHOD"])
    try:
        path = path.encode("latin-1").decode()  # PEP 3333 hands on the bytes of UTF-8 as characters
        call, given = _MAP.bind("").match(path, method)
        given = {key: value.lower() for key, value in given.items()}
        query = {key: values[0] for key, values in parse_qs(str(environ.get("QUERY_STRING", ""))).items()}
        body = environ["wsgi.input"].read() if method == "POST" else b""
        endpoint.of_this_account(given.pop("catalog", None) or query.get("warehouse"))
        found: Answered = call(endpoint, **given, **({"body": body} if method == "POST" else {}), **_asked(call, query))
        return found
    except Exception as error:
        status, kind, message = _said(error, f"{method} {path}")
        if kind == _UNFORESEEN:
            log.exception("%s %s failed", method, path)
        return _error(status, kind, message)


def _said(error: Exception, call: str) -> tuple[int, str, str]:
    """Return status, kind and text for what a call raised."""
    if isinstance(error, HTTPException):
        status = error.code if error.code in _STATUS else None
        return status or 400, "BadRequestException", f"{call} is no call of it"
    if isinstance(error, QueryFailed):
        return *_FAILURES.get(str(error).partition(":")[0], (400, "BadRequestException")), str(error)
    if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchBucket":
        return 404, "NotFoundException", f"the bucket of the table's location is not there: {error}"
    unforeseen = 500, _UNFORESEEN, f"{type(error).__name__}: {error}; the server's log has more"
    return next(((*found[1:], str(error)) for found in _ERRORS if isinstance(error, found[0])), unforeseen)


def _asked(call: Callable[..., Answered], query: dict[str, str]) -> dict[str, Any]:
    if call is _Endpoint.list_namespaces:
        return {"parent": query.get("parent", "")}
    return {"purge": query.get("purgeRequested", "false").lower() == "true"} if call is _Endpoint.drop_table else {}


def _error(status: int, kind: str, message: str) -> Answered:
    return status, {"error": {"message": message, "type": kind, "code": status}}


def _of_table(table: Table | StagedTable) -> dict[str, Any]:
    found = {"metadata": json.loads(table.metadata.model_dump_json(by_alias=True)), "config": {}}
    return found if isinstance(table, StagedTable) else {"metadata-location": table.metadata_location, **found}


def _object(body: bytes) -> dict[str, Any]:
    found = json.loads(body or b"null")
    if not isinstance(found, dict):
        raise ValueError("the body is no JSON object")
    return found


class _NewNamespace(BaseModel):
    namespace: tuple[str]
    properties: dict[str, str] = {}


class _Properties(BaseModel):
    removals: tuple[str, ...] = ()
    updates: dict[str, str] = {}


class _Endpoint:
    """The calls, each made with the caller's permissions."""

    def __init__(self, ctx: Context, leave: Leave) -> None:
        self._ctx, self._leave = ctx, leave
        self._catalog = IcebergCatalog(leave)

    def of_this_account(self, catalog: str | None) -> None:
        """Raise for a catalog that is not the account's own, which is the one that there is."""
        if catalog not in (None, "", ":", self._ctx.account):
            raise NoSuchNamespaceError(f"there is no catalog {catalog} here; {self._ctx.account} is the one")

    def config(self) -> Answered:
        """Return the prefix of all other paths, and which calls there are."""
        there = [
            f"{method} {path.replace('catalogs/<catalog>', '{prefix}').replace('<', '{').replace('>', '}')}"
            for method, path, call in _ROUTES
            if call is not _Endpoint.config
        ]
        prefix = f"catalogs/{self._ctx.account}"
        return 200, {"defaults": {}, "overrides": {"prefix": prefix}, "endpoints": there}

    def list_namespaces(self, *, parent: str) -> Answered:
        """Return the databases that the caller may see; there are none within one, the ``parent``."""
        self._leave.glue("GetDatabases")
        if parent:
            return 200, {"namespaces": []}
        names = sorted(name for (name,) in self._catalog.list_namespaces())
        seen = [name for name in names if self._leave.shows(("GetDatabases", "GetDatabase"), name)]
        return 200, {"namespaces": [[name] for name in seen]}

    def create_namespace(self, body: bytes) -> Answered:
        """Create a database."""
        asked = _NewNamespace.model_validate_json(body)
        name = asked.namespace[0].lower()
        self._leave.glue("CreateDatabase", name)
        self._catalog.create_namespace(name, asked.properties)
        return 200, {"namespace": [name], "properties": asked.properties}

    def load_namespace(self, namespace: str) -> Answered:
        """Return a database's properties."""
        self._leave.glue("GetDatabase", namespace)
        return 200, {"namespace": [namespace], "properties": self._catalog.load_namespace_properties(namespace)}

    def namespace_exists(self, namespace: str) -> Answered:
        """Return whether there is a database of that name."""
        self.load_namespace(namespace)
        return 204, None

    def drop_namespace(self, namespace: str) -> Answered:
        """Delete an empty database."""
        self._leave.glue("DeleteDatabase", namespace)
        self._catalog.drop_namespace(namespace)
        return 204, None

    def update_namespace(self, namespace: str, body: bytes) -> Answered:
        """Set and remove properties of a database."""
        asked = _Properties.model_validate_json(body)
        self._leave.glue("GetDatabase", namespace)
        self._leave.glue("UpdateDatabase", namespace)
        found = self._catalog.update_namespace_properties(namespace, set(asked.removals), asked.updates)
        return 200, {"updated": found.updated, "removed": found.removed, "missing": found.missing}

    def list_tables(self, namespace: str) -> Answered:
        """Return the Iceberg tables of a database that the caller may see."""
        self._leave.glue("GetTables", namespace)
        names = sorted(name for _, name in self._catalog.list_tables(namespace))
        seen = [name for name in names if self._leave.shows(("GetTables", "GetTable"), namespace, name)]
        return 200, {"identifiers": [{"namespace": [namespace], "name": name} for name in seen]}

    def create_table(self, namespace: str, body: bytes) -> Answered:
        """Create a table, or return what it would be where the client creates it by its first commit."""
        asked = CreateTableRequest.model_validate({"location": None, "partition-spec": None, "write-order": None}
                                                  | _object(body))  # fmt: skip
        name = Name(asked.name.lower(), namespace)
        self._leave.glue("GetDatabase", namespace)
        self._leave.glue("CreateTable", namespace, name.name)
        self._catalog.load_namespace_properties(namespace)
        given = (
            (namespace, name.name), asked.table_schema, asked.location,
            asked.partition_spec or UNPARTITIONED_PARTITION_SPEC, asked.write_order or UNSORTED_SORT_ORDER,
            asked.properties,
        )  # fmt: skip
        if asked.stage_create:
            self._untaken(name)
            return 200, _of_table(self._catalog._create_staged_table(*given))
        return self._kept(name, lambda: _of_table(self._catalog.create_table(*given)))

    def load_table(self, namespace: str, table: str) -> Answered:
        """Return a table's metadata and where they are."""
        self._leave.glue("GetTable", namespace, table)
        return 200, _of_table(self._catalog.load_table((namespace, table)))

    def table_exists(self, namespace: str, table: str) -> Answered:
        """Return whether there is an Iceberg table of that name."""
        self.load_table(namespace, table)
        return 204, None

    def commit_table(self, namespace: str, table: str, body: bytes) -> Answered:
        """Commit updates, if the table fulfils what the client requires of it: a table that is staged is created."""
        asked = CommitTableRequest.model_validate(
            _object(body) | {"identifier": {"namespace": [namespace], "name": table}}
        )
        self._leave.glue("GetTable", namespace, table)
        new = any(each.type == "assert-create" for each in asked.requirements)
        self._leave.glue("CreateTable" if new else "UpdateTable", namespace, table)
        if new:
            self._untaken(Name(table, namespace))
            current: Table = StagedTable(
                (namespace, table),
                self._catalog._empty_table_metadata(),
                "",
                self._catalog._load_file_io(),
                self._catalog,
            )
        else:
            current = self._catalog.table(Name(table, namespace))

        def commit() -> dict[str, Any]:
            found = self._catalog.commit_table(current, asked.requirements, asked.updates)
            return dict(json.loads(found.model_dump_json(by_alias=True)))

        return self._kept(Name(table, namespace), commit)

    def drop_table(self, namespace: str, table: str, *, purge: bool) -> Answered:
        """Forget a table; its files stay."""
        if purge:
            raise ValueError("a table is dropped here without its files: ask with purgeRequested=false")
        self._leave.glue("GetTable", namespace, table)
        self._leave.glue("DeleteTable", namespace, table)
        self._catalog.load_table((namespace, table))
        self._catalog.drop_table((namespace, table))
        return 204, None

    def _untaken(self, name: Name) -> None:
        """Raise where the catalog has a table or view of that name, be it of Iceberg or not."""
        glue = self._ctx.client("glue")
        with suppress(glue.exceptions.EntityNotFoundException):
            glue.get_table(DatabaseName=name.database, Name=name.name)
            raise TableAlreadyExistsError(f"Table {name} already exists")

    def _kept(self, name: Name, change: Callable[[], dict[str, Any]]) -> Answered:
        """Return what a change answers, or the table where it became the table all the same; else it leaves no file."""
        try:
            return 200, change()
        except BaseException as error:
            if self._catalog.undone(name) or not isinstance(error, Exception):
                raise
            log.warning("%s was committed although its commit failed", name, exc_info=True)
            return 200, _of_table(self._catalog.load_table((name.database, name.name)))


#: HEAD before GET, which Werkzeug would answer by it.
_ROUTES: Final = (
    ("GET", "/v1/config", _Endpoint.config),
    ("GET", _NAMESPACES, _Endpoint.list_namespaces),
    ("POST", _NAMESPACES, _Endpoint.create_namespace),
    ("HEAD", f"{_NAMESPACES}/<namespace>", _Endpoint.namespace_exists),
    ("GET", f"{_NAMESPACES}/<namespace>", _Endpoint.load_namespace),
    ("DELETE", f"{_NAMESPACES}/<namespace>", _Endpoint.drop_namespace),
    ("POST", f"{_NAMESPACES}/<namespace>/properties", _Endpoint.update_namespace),
    ("GET", _TABLES, _Endpoint.list_tables),
    ("POST", _TABLES, _Endpoint.create_table),
    ("HEAD", f"{_TABLES}/<table>", _Endpoint.table_exists),
    ("GET", f"{_TABLES}/<table>", _Endpoint.load_table),
    ("POST", f"{_TABLES}/<table>", _Endpoint.commit_table),
    ("DELETE", f"{_TABLES}/<table>", _Endpoint.drop_table),
)
_MAP: Final = Map([Rule(path, methods=[method], endpoint=call) for method, path, call in _ROUTES])
