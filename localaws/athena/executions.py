"""The life of a query: queued, running, and one of succeeded, failed or cancelled."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from localaws.athena import results as answers
from localaws.athena import statements, versions
from localaws.athena.acts import Acting, Outcome, act
from localaws.athena.computing import sliced
from localaws.athena.engine import QueryEngine, Stream
from localaws.athena.errors import QueryFailed
from localaws.athena.kept_rows import KeptRows, csv_line
from localaws.athena.leave import Leave
from localaws.athena.objects import NewObject, bucket_there, put
from localaws.athena.parameters import with_parameters
from localaws.athena.processes import Engines
from localaws.athena.results import Results
from localaws.athena.statements import kinds
from localaws.context import Context
from localaws.gateway.callers import Session

log = logging.getLogger("localaws.athena")

#: Queries that run at once, and statements of other kinds that do; the others wait as QUEUED, the first come first.
CONCURRENT_QUERIES = 4
CONCURRENT_DEFINITIONS = 2
#: How many seconds they may run: https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
LONGEST_SECONDS = {"DML": 30 * 60.0, "DDL": 600 * 60.0, "UTILITY": 600 * 60.0}


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
    #: How many minutes old another query's result may be that is given for this one's; None if none may.
    reuse: int | None = None
    reused: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "QUEUED"
    asked: float = field(default_factory=time.time)
    submitted: float = 0.0
    started: float | None = None
    completed: float | None = None
    reason: str | None = None
    user_error: bool = True
    #: Seconds of planning, and of publishing what is there once the rows are.
    planning: float = 0.0
    publishing: float = 0.0
    scanned: int = 0
    results: Results | None = None
    manifest: str | None = None
    location: str = ""
    engine: QueryEngine | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    statement: kinds.Statement | None = None
    #: The query with prepared statement and parameters filled in; None until it begins, and for other statements.
    resolved: str | None = None
    #: Whether its result object is being made: it is not stopped any more.
    publishes: bool = False

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
        self.submitted = time.time()

    @property
    def kind(self) -> str:
        """Return Athena's ``StatementType``."""
        return "DML" if self.statement is None else statements.kind_of(self.statement)

    @property
    def role(self) -> tuple[str, str, Any] | None:
        """Return what distinguishes two who ask: the role, by name and id, and its session's policy."""
        asked = self.session
        return (asked.role_arn, asked.role_id, asked.policy) if asked is not None else None

    @property
    def computes(self) -> bool:
        """Return whether it computes rows: as one of four at once, and for half an hour."""
        asked = self.statement
        analyzes = isinstance(asked, kinds.Explain) and asked.analyze
        return self.kind == "DML" or analyzes or isinstance(asked, kinds.CreateTableAs)

    def finish(self, status: str, reason: str | None = None) -> None:
        """Set the final state, unless the query has one already."""
        with self.lock:
            self._finish(status, reason)

    def publish(self) -> None:
        """Begin to make the result object, which is not stopped any more; raise QueryFailed if it was stopped."""
        with self.lock:
            if self.status != "RUNNING":
                raise QueryFailed("USER_CANCELED", "Query was canceled")
            self.publishes = True

    def take_results(self, earlier: Execution) -> None:
        """Succeed with the results of an earlier execution, which stay where they are."""
        self.results, self.location, self.reused, self.scanned = earlier.results, earlier.location, True, 0
        self.finish("SUCCEEDED")

    def stop(self, status: str = "CANCELLED", reason: str = "Query cancelled by user") -> None:
        """Cancel the query; a running one is interrupted, and one whose result object is being made succeeds."""
        with self.lock:
            if self.publishes:
                return
            self._finish(status, reason)
        engine = self.engine
        if engine is not None:
            engine.interrupt()

    def _finish(self, status: str, reason: str | None) -> None:
        if self.status in ("QUEUED", "RUNNING"):
            self.status, self.reason, self.completed = status, reason, time.time()

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
            "EngineExecutionTimeInMillis": int((now - started - self.publishing) * 1000),
            "DataScannedInBytes": self.scanned,
            "TotalExecutionTimeInMillis": int((now - self.asked) * 1000),
            "QueryQueueTimeInMillis": int((started - self.submitted) * 1000),
            "QueryPlanningTimeInMillis": int(self.planning * 1000),
            "ServicePreProcessingTimeInMillis": int((self.submitted - self.asked) * 1000),
            "ServiceProcessingTimeInMillis": int(self.publishing * 1000),
            "ResultReuseInformation": {"ReusedPreviousResult": self.reused},
        }
        if self.manifest:
            statistics["DataManifestLocation"] = self.manifest
        found = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.kind,
            "ResultConfiguration": configuration,
            "ResultReuseConfiguration": {
                "ResultReuseByAgeConfiguration": {"Enabled": self.reuse is not None}
                | ({"MaxAgeInMinutes": self.reuse} if self.reuse is not None else {})
            },
            "QueryExecutionContext": context,
            "Status": status,
            "Statistics": statistics,
            "WorkGroup": self.workgroup.name,
            "EngineVersion": versions.AUTO,
        }
        if self.statement is not None:
            found["SubstatementType"] = statements.subkind_of(self.statement)
        if self.parameters is not None:
            found["ExecutionParameters"] = self.parameters
        return found


Earlier = Callable[[], Execution | None]


class Runner:
    """Runs query executions in a bounded pool of threads."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._queries = ThreadPoolExecutor(CONCURRENT_QUERIES, thread_name_prefix="athena")
        self._others = ThreadPoolExecutor(CONCURRENT_DEFINITIONS, thread_name_prefix="athena-ddl")
        self._engines = Engines(ctx.scratch)
        self._live: dict[str, Execution] = {}

    def submit(self, execution: Execution, prepared: dict[str, Any], earlier: Earlier) -> None:
        """Queue a query; ``earlier`` returns the execution whose results it may have again, once it is resolved."""
        self._live[execution.id] = execution
        pool = self._queries if execution.computes else self._others
        pool.submit(self._run, execution, prepared, earlier)

    def close(self) -> None:
        """Cancel queued and running queries, and wait for the threads to end."""
        for execution in list(self._live.values()):
            execution.stop()
        for pool in (self._queries, self._others):
            pool.shutdown(wait=True, cancel_futures=True)
        self._engines.close()

    def _run(self, execution: Execution, prepared: dict[str, Any], earlier: Earlier) -> None:
        with execution.lock:
            if execution.status != "QUEUED":
                return
            execution.status, execution.started = "RUNNING", time.time()
        seconds = LONGEST_SECONDS["DML" if execution.computes else execution.kind]
        limit = threading.Timer(seconds, execution.stop, ("FAILED", "Query timeout"))
        limit.daemon = True
        limit.start()
        try:
            execution.engine = self._engine(execution)
            if execution.status != "RUNNING":
                return  # stopped while the engine was made
            statement = _statement(execution, prepared)
            execution.resolved = statement.text if isinstance(statement, kinds.Query) else None
            if self._reuses(execution, execution.engine, earlier()):
                return
            outcome = self._outcome(execution, execution.engine, statement)
            execution.planning = execution.engine.planning
            if execution.status == "RUNNING":
                self._store(execution, outcome)
                execution.results = outcome.results
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
            limit.cancel()
            engine, execution.engine = execution.engine, None
            self._live.pop(execution.id, None)
            if engine is not None:
                engine.close()

    def _engine(self, execution: Execution) -> QueryEngine:
        """Return an engine that computes in a process of the execution's workgroup and role."""
        key = (execution.account, execution.region, execution.workgroup.name, execution.role)
        return QueryEngine(
            self._ctx, account=execution.account, region=execution.region, leave=self._leave(execution),
            computing=lambda: self._engines.take(key), done=lambda process: self._engines.give_back(key, process),
        )  # fmt: skip

    def _reuses(self, execution: Execution, engine: QueryEngine, earlier: Execution | None) -> bool:
        """Give an earlier result again, where that is asked for and the caller may read now what the query reads."""
        if earlier is None or execution.resolved is None:
            return False
        engine.check(execution.resolved, execution.database)
        execution.planning = engine.planning
        execution.take_results(earlier)
        return True

    def _outcome(self, execution: Execution, engine: QueryEngine, statement: kinds.Statement) -> Outcome:
        bucket_there(self._leave(execution), execution.location)  # before the statement does anything

        def allow(scanned: int) -> None:
            execution.scanned = scanned
            if execution.cutoff is not None and scanned > execution.cutoff:
                # https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html
                execution.stop(
                    "CANCELLED",
                    f"Bytes scanned limit was exceeded: the query would scan {scanned} bytes, and the workgroup"
                    f" {execution.workgroup.name!r} allows {execution.cutoff} (BytesScannedCutoffPerQuery)",
                )
                engine.unstopped()

        acting = Acting(
            self._ctx, self._leave(execution), engine, execution.database, execution.id, execution.output, allow
        )
        outcome = act(statement, acting)
        if outcome.stream is not None:  # rows on disk are where all is that goes with the local AWS
            outcome = replace(outcome, results=replace(outcome.results, rows=KeptRows(self._ctx.scratch)))
        if outcome.written is not None:
            self._store_written(execution, outcome, outcome.written)
        return outcome

    def _store_written(self, execution: Execution, outcome: Outcome, written: list[str]) -> None:
        """Put the manifest and metadata of a statement that wrote rows into S3.

        Where a table has the rows the statement has succeeded, with or without them: a client that saw it fail would
        run it again, and double the rows.
        """
        manifest = f"{execution.location}-manifest.csv"
        try:
            self._put(execution, manifest, "".join(f"{path}\n" for path in written).encode())
            execution.manifest = manifest
            self._put(execution, f"{execution.location}.metadata", answers.metadata_bytes(outcome.results))
        except Exception as error:
            if outcome.undo is not None:
                outcome.undo()
                raise
            log.warning("query %s is committed; its manifest or metadata is not stored: %s", execution.id, error)

    def _leave(self, execution: Execution) -> Leave:
        return Leave(self._ctx, execution.session)

    def _store(self, execution: Execution, outcome: Outcome) -> None:
        """Put the result object and its metadata into S3; the rows of a query as they are computed."""
        found = outcome.results
        if outcome.written is not None:
            return
        with NewObject(self._leave(execution), execution.location, execution.encryption) as made:
            if outcome.stream is None:
                made.write(answers.txt_bytes(found))
            else:
                self._write_rows(made, found, outcome.stream)
            execution.publish()
            began = time.time()
        self._put(execution, execution.location + ".metadata", answers.metadata_bytes(found))
        execution.publishing = time.time() - began

    def _write_rows(self, made: NewObject, found: Results, stream: Stream) -> None:
        assert isinstance(found.rows, KeptRows)
        made.write(csv_line(found.labels))
        texts = answers.writer(stream.columns, stream.schema)
        for batch in stream.batches:
            for piece in sliced(batch):
                made.write(found.rows.add(texts(piece)))

    def _put(self, execution: Execution, uri: str, body: bytes) -> None:
        put(self._leave(execution), uri, body, execution.encryption)


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
