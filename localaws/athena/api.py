"""Athena's API operations, as methods that replace moto's.

This module is imported when the local AWS starts. The query engine is imported with the first query, or by
``localaws.athena.warm_up``: its libraries take longer to import than a stack takes to deploy.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.athena.models import PreparedStatement
from moto.s3.models import s3_backends

from localaws.athena import catalog_api, reuse
from localaws.athena.asking import MAX_BATCH, may, page, session, window
from localaws.athena.errors import InvalidRequest, NotFound
from localaws.athena.runners import running

if TYPE_CHECKING:
    from localaws.athena.executions import Execution

MAX_RESULTS = 1000


def start_query_execution(self: Any) -> str:
    """Answer StartQueryExecution; the workgroup's configuration wins where the workgroup enforces it."""
    backend = self.athena_backend
    workgroup = _workgroup(backend, self._get_param("WorkGroup") or "primary")
    if workgroup.state == "DISABLED":
        raise InvalidRequest(f"WorkGroup {workgroup.name} is disabled.")
    token = self._get_param("ClientRequestToken")
    tokens: dict[str, tuple[str, str]] = _state(backend, "tokens")
    query = self._get_param("QueryString") or ""
    from localaws.athena import statements  # not before there is a query: see the module's text
    from localaws.athena.executions import Execution

    if not statements.clean(query):
        raise InvalidRequest("Query string must not be empty")
    if len(query.encode()) > statements.LONGEST:
        raise InvalidRequest(f"Query string is longer than {statements.LONGEST:,} bytes")
    if token and token in tokens:
        first, known = tokens[token]
        if first != query:
            raise InvalidRequest("Idempotent parameters do not match")
        return json.dumps({"QueryExecutionId": known})
    output, encryption = _result_configuration(workgroup, self._get_param("ResultConfiguration") or {})
    context = self._get_param("QueryExecutionContext") or {}
    execution = Execution(
        query=query,
        database=_plain_name(context.get("Database") or "default"),
        catalog=context.get("Catalog") or "",
        workgroup=workgroup,
        output=output,
        encryption=encryption,
        parameters=self._get_param("ExecutionParameters"),
        cutoff=(workgroup.configuration or {}).get("BytesScannedCutoffPerQuery"),
        account=backend.account_id,
        region=backend.region_name,
        session=session(self),
        reuse=reuse.longest_age(self._get_param("ResultReuseConfiguration") or {}),
    )
    _ask_for_prepared(self, backend, execution)
    backend.executions[execution.id] = execution
    if token:
        tokens[token] = (query, execution.id)
    _start(backend, execution)
    return json.dumps({"QueryExecutionId": execution.id})


def get_query_execution(self: Any) -> str:
    """Answer GetQueryExecution."""
    return json.dumps({"QueryExecution": _execution(self).describe()})


def batch_get_query_execution(self: Any) -> str:
    """Answer BatchGetQueryExecution; unknown ids are listed as unprocessed."""
    ids = self._get_param("QueryExecutionIds") or []
    if len(ids) > MAX_BATCH:
        raise InvalidRequest(f"At most {MAX_BATCH} query execution ids may be given")
    known = self.athena_backend.executions
    return json.dumps(
        {
            "QueryExecutions": [known[i].describe() for i in ids if i in known],
            "UnprocessedQueryExecutionIds": [
                {
                    "QueryExecutionId": i,
                    "ErrorCode": "INVALID_INPUT",
                    "ErrorMessage": f"QueryExecution {i} was not found",
                }
                for i in ids
                if i not in known
            ],
        }
    )


def list_query_executions(self: Any) -> str:
    """Answer ListQueryExecutions of a workgroup, newest first, 50 a page."""
    name = self._get_param("WorkGroup") or "primary"
    _workgroup(self.athena_backend, name)
    found = [e.id for e in reversed(self.athena_backend.executions.values()) if e.workgroup.name == name]
    return json.dumps(page(self, found, key="QueryExecutionIds", default=MAX_BATCH, limit=MAX_BATCH))


def stop_query_execution(self: Any) -> str:
    """Answer StopQueryExecution; a query that has ended stays as it is."""
    _execution(self).stop()
    return "{}"


def get_query_results(self: Any) -> str:
    """Answer GetQueryResults: at most 1,000 rows a page; the first row of a SELECT is the column names.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
    """
    from localaws.athena import results as answers  # not before there is a query: see the module's text

    execution = _execution(self)
    if execution.status in ("FAILED", "CANCELLED"):
        raise InvalidRequest(f"Query did not finish successfully. Final query state: {execution.status}")
    found = execution.results
    if execution.status != "SUCCEEDED" or found is None:
        raise InvalidRequest(f"Query has not yet finished. Current state: {execution.status}")
    may(self, "s3:GetObject", f"arn:aws:s3:::{execution.location.partition('://')[2]}")
    start, count = window(self, default=MAX_RESULTS, limit=MAX_RESULTS)
    body: dict[str, Any] = {
        "UpdateCount": found.update_count,
        "ResultSet": {
            "Rows": answers.api_rows(found, start=start, count=count),
            "ResultSetMetadata": {"ColumnInfo": found.columns},
        },
    }
    if start + count < answers.row_count(found):
        body["NextToken"] = str(start + count)
    return json.dumps(body)


def get_work_group(self: Any) -> str:
    """Answer GetWorkGroup; moto answers with an empty one where there is none."""
    name = _workgroup(self.athena_backend, self._get_param("WorkGroup")).name
    return json.dumps({"WorkGroup": self.athena_backend.get_work_group(name)})


def update_work_group(self: Any) -> str:
    """Answer UpdateWorkGroup: changes of description, state and configuration."""
    workgroup = _workgroup(self.athena_backend, self._get_param("WorkGroup"))
    if self._get_param("Description") is not None:
        workgroup.description = self._get_param("Description")
    if self._get_param("State"):
        workgroup.state = self._get_param("State")
    updates = dict(self._get_param("ConfigurationUpdates") or {})
    results = dict(updates.pop("ResultConfigurationUpdates", {}))
    configuration = workgroup.configuration
    if updates.pop("RemoveBytesScannedCutoffPerQuery", False):
        configuration.pop("BytesScannedCutoffPerQuery", None)
    current = configuration.setdefault("ResultConfiguration", {})
    for name in [key for key in results if key.startswith("Remove")]:
        if results.pop(name):
            current.pop(name.removeprefix("Remove"), None)
    current.update(results)
    configuration.update(updates)
    return "{}"


def get_prepared_statement(self: Any) -> str:
    """Answer GetPreparedStatement."""
    name, group = self._get_param("StatementName"), self._get_param("WorkGroup")
    found = self.athena_backend.prepared_statements.get(name)
    if found is None or found.workgroup != group:
        raise NotFound(f"PreparedStatement {name} was not found in workGroup {group}")
    statement = {
        "StatementName": name,
        "QueryStatement": found.query_statement,
        "WorkGroupName": group,
        "Description": found.description or "",
        "LastModifiedTime": found.last_modified_time.timestamp(),
    }
    return json.dumps({"PreparedStatement": statement})


def delete_prepared_statement(self: Any) -> str:
    """Answer DeletePreparedStatement."""
    name, group = self._get_param("StatementName"), self._get_param("WorkGroup")
    found = self.athena_backend.prepared_statements.get(name)
    if found is None or found.workgroup != group:
        raise NotFound(f"PreparedStatement {name} was not found in workGroup {group}")
    del self.athena_backend.prepared_statements[name]
    return "{}"


def list_prepared_statements(self: Any) -> str:
    """Answer ListPreparedStatements of a workgroup."""
    group = self._get_param("WorkGroup")
    found = [p for p in self.athena_backend.prepared_statements.values() if p.workgroup == group]
    items = [{"StatementName": p.statement_name, "LastModifiedTime": p.last_modified_time.timestamp()} for p in found]
    return json.dumps(page(self, items, key="PreparedStatements", default=MAX_BATCH, limit=MAX_BATCH))


#: The methods of moto's ``AthenaResponse`` that are replaced or added.
OPERATIONS = (
    start_query_execution,
    get_query_execution,
    batch_get_query_execution,
    list_query_executions,
    stop_query_execution,
    get_query_results,
    get_work_group,
    update_work_group,
    get_prepared_statement,
    delete_prepared_statement,
    list_prepared_statements,
    *catalog_api.OPERATIONS,
)


def _ask_for_prepared(self: Any, backend: Any, execution: Execution) -> None:
    """Raise unless the caller may do to a prepared statement what the query does to one.

    https://docs.aws.amazon.com/athena/latest/ug/security-iam-athena-prepared-statements.html
    """
    from localaws.athena.statements import kinds

    asked, group = execution.statement, execution.workgroup.name
    if isinstance(asked, kinds.Prepare):
        known = backend.prepared_statements.get(asked.name)
        does = "Update" if known is not None and known.workgroup == group else "Create"
    elif isinstance(asked, kinds.Execute | kinds.Deallocate):
        does = "Get" if isinstance(asked, kinds.Execute) else "Delete"
    else:
        return
    arn = f"arn:aws:athena:{execution.region}:{execution.account}:workgroup/{group}"
    may(self, f"athena:{does}PreparedStatement", arn)


def _start(backend: Any, execution: Execution) -> None:
    """Queue the query; PREPARE and DEALLOCATE act at once on the workgroup's statements."""
    prepared = {
        name: statement.query_statement
        for name, statement in backend.prepared_statements.items()
        if statement.workgroup == execution.workgroup.name
    }
    from localaws.athena import results as answers  # not before there is a query: see the module's text
    from localaws.athena.statements import kinds

    asked = execution.statement
    if isinstance(asked, kinds.Prepare):
        backend.prepared_statements[asked.name] = PreparedStatement(
            asked.name, execution.workgroup.name, asked.statement, ""
        )
    elif isinstance(asked, kinds.Deallocate):
        backend.prepared_statements.pop(asked.name, None)
    if isinstance(asked, kinds.Prepare | kinds.Deallocate):
        execution.results = answers.nothing()
        execution.finish("SUCCEEDED")
        return
    running().submit(execution, prepared, lambda: reuse.earlier(execution, backend.executions.values()))


def _plain_name(name: str) -> str:
    """Return the database of a query's context without the marks in which some clients put it."""
    quoted = len(name) > 2 and name[0] == name[-1] and name[0] in '`"'
    return (name[1:-1] if quoted else name).lower()


def _result_configuration(workgroup: Any, given: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    own = (workgroup.configuration or {}).get("ResultConfiguration") or {}
    enforced = (workgroup.configuration or {}).get("EnforceWorkGroupConfiguration")
    chosen = own if enforced and own.get("OutputLocation") else {**own, **given}
    output = chosen.get("OutputLocation")
    if not output:
        raise InvalidRequest(
            "No output location provided. An output location is required either through the Workgroup result"
            " configuration setting or as an API input."
        )
    if not output.startswith("s3://"):
        raise InvalidRequest(f"outputLocation is not a valid S3 path: {output}")
    bucket = output.partition("://")[2].partition("/")[0]
    if bucket not in s3_backends[running().ctx.account]["aws"].buckets:
        raise InvalidRequest(f"Unable to verify/create output bucket {bucket}")
    return output.rstrip("/") + "/", chosen.get("EncryptionConfiguration")


def _execution(self: Any) -> Execution:
    name = self._get_param("QueryExecutionId")
    found: Execution | None = self.athena_backend.executions.get(name)
    if found is None:
        raise InvalidRequest(f"QueryExecution {name} was not found")
    return found


def _workgroup(backend: Any, name: str) -> Any:
    found = backend.work_groups.get(name)
    if found is None:
        raise InvalidRequest(f"WorkGroup {name} is not found.")
    return found


def _state(backend: Any, name: str) -> Any:
    return backend.__dict__.setdefault(f"_localaws_{name}", {})
