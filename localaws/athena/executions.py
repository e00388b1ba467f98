"""The life of a query: queued, running, and one of succeeded, failed or cancelled."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from localaws.athena import results as answers
from localaws.athena import statements
from localaws.athena.acts import Acting, act
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from localaws.athena.leave import Leave, path_of
from localaws.athena.parameters import with_parameters
from localaws.athena.results import Results
from localaws.athena.statements import kinds
from localaws.context import Context
from localaws.gateway.callers import Session

log = logging.getLogger("localaws.athena")

#: Queries that run at once; the others wait as QUEUED.
CONCURRENT_QUERIES = 2
ENGINE_VERSION = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}


@dataclass
class Execution:
    """One query execution, as ``GetQueryExecution`` shows it."""

    query: str
    database: str
    catalog: str
    workgroup: Any
    output: str
    encryption: dict[str, Any] | None
    parameters: list[str] | None
    cutoff: int | None
    account: str
    region: str
    session: Session | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "QUEUED"
    submitted: float = field(default_factory=time.time)
    started: float | None = None
    completed: float | None = None
    reason: str | None = None
    user_error: bool = True
    scanned: int = 0
    results: Results | None = None
    manifest: str | None = None
    location: str = ""
    engine: QueryEngine | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    statement: kinds.Statement | None = None

    def __post_init__(self) -> None:
        """Read the statement, and name the result object as Athena does: ``.csv`` for rows, ``.txt`` for a text."""
        try:
            self.statement = statements.read(self.query)
        except QueryFailed:
            self.statement = None  # it is read again where it runs, and fails there
        unnamed = isinstance(
            self.statement, kinds.CreateTableAs | kinds.InsertInto | kinds.Unload | kinds.Change | kinds.Optimize
        )
        suffix = ".csv" if self.kind == "DML" else ".txt"
        self.location = f"{self.output}{'tables/' if unnamed else ''}{self.id}{'' if unnamed else suffix}"

    @property
    def kind(self) -> str:
        """Return Athena's ``StatementType``."""
        return "DML" if self.statement is None else statements.kind_of(self.statement)

    def finish(self, status: str, reason: str | None = None) -> None:
        """Set the final state, unless the query has one already."""
        with self.lock:
            if self.status in ("QUEUED", "RUNNING"):
                self.status, self.reason, self.completed = status, reason, time.time()

    def stop(self) -> None:
        """Cancel the query; a running one is interrupted."""
        self.finish("CANCELLED", "Query cancelled by user")
        engine = self.engine
        if engine is not None:
            engine.interrupt()

    def describe(self) -> dict[str, Any]:
        """Return the ``QueryExecution`` structure."""
        now = self.completed or time.time()
        started = self.started or now
        status: dict[str, Any] = {"State": self.status, "SubmissionDateTime": self.submitted}
        if self.completed:
            status["CompletionDateTime"] = self.completed
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.status == "FAILED":
            status["AthenaError"] = {
                "ErrorCategory": 2 if self.user_error else 1,
                "Retryable": False,
                "ErrorMessage": self.reason,
            }
        context = {key: value for key, value in (("Database", self.database), ("Catalog", self.catalog)) if value}
        configuration: dict[str, Any] = {"OutputLocation": self.location}
        if self.encryption:
            configuration["EncryptionConfiguration"] = self.encryption
        statistics: dict[str, Any] = {
            "EngineExecutionTimeInMillis": int((now - started) * 1000),
            "DataScannedInBytes": self.scanned,
            "TotalExecutionTimeInMillis": int((now - self.submitted) * 1000),
            "QueryQueueTimeInMillis": int((started - self.submitted) * 1000),
            "QueryPlanningTimeInMillis": 0,
            "ServicePreProcessingTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        if self.manifest:
            statistics["DataManifestLocation"] = self.manifest
        found = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.kind,
            "ResultConfiguration": configuration,
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": context,
            "Status": status,
            "Statistics": statistics,
            "WorkGroup": self.workgroup.name,
            "EngineVersion": ENGINE_VERSION,
        }
        if self.statement is not None:
            found["SubstatementType"] = statements.subkind_of(self.statement)
        if self.parameters is not None:
            found["ExecutionParameters"] = self.parameters
        return found


class Runner:
    """Runs query executions in a bounded pool of threads."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._pool = ThreadPoolExecutor(CONCURRENT_QUERIES, thread_name_prefix="athena")
        self._running: set[str] = set()
        self._live: dict[str, Execution] = {}

    def submit(self, execution: Execution, prepared: dict[str, Any]) -> None:
        """Queue a query."""
        self._live[execution.id] = execution
        self._pool.submit(self._run, execution, prepared)

    def close(self) -> None:
        """Cancel queued and running queries, and wait for the threads to end."""
        for execution in list(self._live.values()):
            execution.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, execution: Execution, prepared: dict[str, Any]) -> None:
        with execution.lock:
            if execution.status != "QUEUED":
                return
            execution.status, execution.started = "RUNNING", time.time()
        try:
            execution.engine = QueryEngine(
                self._ctx, account=execution.account, region=execution.region, leave=self._leave(execution)
            )
            if execution.status != "RUNNING":
                return  # stopped while the engine was made
            found = self._results(execution, execution.engine, prepared)
            if execution.status == "RUNNING":
                self._store(execution, found)
                execution.results = found
                execution.finish("SUCCEEDED")
        except QueryFailed as error:
            execution.user_error = error.user_error
            execution.finish("FAILED", str(error))
        except RecursionError:
            reason = "the statement is nested deeper than the local Athena reads"
            execution.finish("FAILED", f"NOT_SUPPORTED: {reason}")
        except Exception as error:  # the query ends as FAILED with the reason, as an internal error does on AWS
            log.exception("query %s failed inside the local Athena", execution.id)
            execution.user_error = False
            execution.finish("FAILED", f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}")
        finally:
            engine, execution.engine = execution.engine, None
            self._live.pop(execution.id, None)
            if engine is not None:
                engine.close()

    def _results(self, execution: Execution, engine: QueryEngine, prepared: dict[str, Any]) -> Results:
        statement = _statement(execution, prepared)
        self._find_output(execution)

        def allow(scanned: int) -> None:
            execution.scanned = scanned
            if execution.cutoff is not None and scanned > execution.cutoff:
                raise QueryFailed(
                    "EXCEEDED_BYTES_SCANNED_CUTOFF",
                    f"Bytes scanned limit was exceeded: the query would scan {scanned} bytes, and the workgroup"
                    f" {execution.workgroup.name!r} allows {execution.cutoff} (BytesScannedCutoffPerQuery)",
                )

        acting = Acting(
            self._ctx, self._leave(execution), engine, execution.database, execution.id, execution.output, allow
        )
        outcome = act(statement, acting)
        if outcome.written is not None:
            execution.manifest = f"{execution.location}-manifest.csv"
            try:
                self._put(execution, execution.manifest, "".join(f"{path}\n" for path in outcome.written).encode())
                self._put(execution, f"{execution.location}.metadata", answers.metadata_bytes(outcome.results))
            except BaseException:
                outcome.undo()
                raise
        return outcome.results

    def _leave(self, execution: Execution) -> Leave:
        return Leave(self._ctx, execution.session)

    def _store(self, execution: Execution, found: Results) -> None:
        if execution.manifest:
            return
        body = answers.csv_bytes(found) if found.header else answers.txt_bytes(found)
        self._put(execution, execution.location, body)
        self._put(execution, execution.location + ".metadata", answers.metadata_bytes(found))

    def _find_output(self, execution: Execution) -> None:
        """Raise before the statement does anything if its results cannot be kept."""
        path = path_of(execution.location)
        self._leave(execution).write(path)
        bucket, s3 = path.partition("/")[0], self._ctx.client("s3")
        try:
            s3.get_bucket_location(Bucket=bucket)
        except s3.exceptions.NoSuchBucket:
            raise _no_bucket(bucket) from None

    def _put(self, execution: Execution, uri: str, body: bytes) -> None:
        self._leave(execution).write(path_of(uri))
        bucket, _, key = uri.partition("://")[2].partition("/")
        options: dict[str, Any] = {}
        encryption = execution.encryption or {}
        if encryption.get("EncryptionOption") == "SSE_S3":
            options["ServerSideEncryption"] = "AES256"
        elif encryption.get("EncryptionOption") == "SSE_KMS":
            options |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption.get("KmsKey", "")}
        s3 = self._ctx.client("s3")
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=body, **options)
        except s3.exceptions.NoSuchBucket:
            raise _no_bucket(bucket) from None


def _no_bucket(bucket: str) -> QueryFailed:
    return QueryFailed("INVALID_OUTPUT_LOCATION", f"The S3 bucket {bucket!r} does not exist")


def _statement(execution: Execution, prepared: dict[str, Any]) -> kinds.Statement:
    """Return the statement to run, with prepared statements and parameters filled in."""
    sql, parameters = execution.query, execution.parameters
    statement = execution.statement or statements.read(sql)
    if isinstance(statement, kinds.Execute):
        if statement.name not in prepared:
            raise QueryFailed("NOT_FOUND", f"line 1:1: Prepared statement not found: {statement.name}")
        sql = prepared[statement.name]
        parameters = list(statement.parameters) or parameters or []
    if parameters is None:
        return statement
    return statements.read(with_parameters(sql, parameters))
