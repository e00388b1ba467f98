"""Athena's API operations, as methods that replace moto's.

This module is imported when the local AWS starts. The query engine is imported with the first query, or by
``localaws.athena.warm_up``: its libraries take longer to import than a stack takes to deploy.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.athena.models import PreparedStatement, athena_backends
from moto.glue.models import glue_backends

from localaws.athena.errors import InvalidRequest, ResourceNotFound
from localaws.athena.runners import LateRunner
from localaws.gateway.callers import Session, session_of
from localaws.iam import enforcement

if TYPE_CHECKING:
    from localaws.athena.executions import Execution

MAX_RESULTS = 1000
MAX_BATCH = 50
#: The runner of the local AWS that was installed last; moto's backends are one per process as well.
_runners: list[LateRunner] = []


def use_runner(runner: LateRunner) -> None:
    """Send queries to ``runner`` from now on."""
    _runners.append(runner)


def drop_runner(runner: LateRunner) -> None:
    """Stop sending queries to ``runner``, and stop it."""
    _runners.remove(runner)
    runner.close()


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
        session=_session(self),
    )
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
    return json.dumps(_page(self, found, key="QueryExecutionIds", default=MAX_BATCH, limit=MAX_BATCH))


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
    _may(self, "s3:GetObject", f"arn:aws:s3:::{execution.location.partition('://')[2]}")
    start, count = _window(self, default=MAX_RESULTS, limit=MAX_RESULTS)
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
        raise ResourceNotFound(f"PreparedStatement {name} was not found in workGroup {group}")
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
    name = self._get_param("StatementName")
    if self.athena_backend.prepared_statements.pop(name, None) is None:
        raise ResourceNotFound(f"PreparedStatement {name} was not found")
    return "{}"


def list_prepared_statements(self: Any) -> str:
    """Answer ListPreparedStatements of a workgroup."""
    group = self._get_param("WorkGroup")
    found = [p for p in self.athena_backend.prepared_statements.values() if p.workgroup == group]
    items = [{"StatementName": p.statement_name, "LastModifiedTime": p.last_modified_time.timestamp()} for p in found]
    return json.dumps(_page(self, items, key="PreparedStatements", default=MAX_BATCH, limit=MAX_BATCH))


def get_database(self: Any) -> str:
    """Answer GetDatabase from the Glue catalog."""
    _may(self, "glue:GetDatabase", *_arns(self, "catalog", f"database/{self._get_param('DatabaseName')}"))
    return json.dumps({"Database": _database(_glue(self).get_database(self._get_param("DatabaseName")))})


def list_databases(self: Any) -> str:
    """Answer ListDatabases from the Glue catalog."""
    _may(self, "glue:GetDatabases", *_arns(self, "catalog"))
    actions = ("glue:GetDatabases", "glue:GetDatabase")
    found = [_database(d) for d in _glue(self).get_databases() if _shown(self, actions, f"database/{d.name}")]
    return json.dumps(_page(self, found, key="DatabaseList", default=MAX_BATCH, limit=MAX_BATCH))


def get_table_metadata(self: Any) -> str:
    """Answer GetTableMetadata from the Glue catalog."""
    database, name = self._get_param("DatabaseName"), self._get_param("TableName")
    _may(self, "glue:GetTable", *_arns(self, "catalog", f"database/{database}", f"table/{database}/{name}"))
    table = _glue(self).get_table(database, name)
    return json.dumps({"TableMetadata": _table(table.as_dict())}, default=lambda moment: moment.timestamp())


def list_table_metadata(self: Any) -> str:
    """Answer ListTableMetadata from the Glue catalog."""
    _may(self, "glue:GetTables", *_arns(self, "catalog", f"database/{self._get_param('DatabaseName')}"))
    tables = _glue(self).get_tables(self._get_param("DatabaseName"), self._get_param("Expression"))
    actions, database = ("glue:GetTables", "glue:GetTable"), self._get_param("DatabaseName")
    found = [_table(t.as_dict()) for t in tables if _shown(self, actions, f"table/{database}/{t.name}")]
    page = _page(self, found, key="TableMetadataList", default=MAX_BATCH, limit=MAX_BATCH)
    return json.dumps(page, default=lambda moment: moment.timestamp())


#: The methods of moto's ``AthenaResponse`` that are replaced or added.
OPERATIONS = (
    start_query_execution,
    get_query_execution,
    batch_get_query_execution,
    list_query_executions,
    stop_query_execution,
    get_query_results,
    update_work_group,
    get_prepared_statement,
    delete_prepared_statement,
    list_prepared_statements,
    get_database,
    list_databases,
    get_table_metadata,
    list_table_metadata,
)


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
    _runners[-1].submit(execution, prepared)


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
    return output.rstrip("/") + "/", chosen.get("EncryptionConfiguration")


def _session(self: Any) -> Session | None:
    """Return the caller's role session; None for the administrator, and where permissions are not read."""
    call = getattr(self, "localaws_call", None)
    return session_of(call.access_key) if call is not None else None


def _may(self: Any, action: str, *resources: str) -> None:
    """Raise unless the caller has the permission itself: Athena acts with its caller's permissions."""
    session = _session(self)
    if session is None:
        return
    for resource in resources:
        if not enforcement.session_may(_runners[-1].ctx, session, action, resource, {}):
            message = f"User: {session.arn} is not authorized to perform: {action} on resource: {resource}"
            raise InvalidRequest(f"Insufficient permissions: {message}")


def _shown(self: Any, actions: tuple[str, ...], name: str) -> bool:
    """Return whether a list includes the catalog object ``name`` for its caller."""
    session, (arn,) = _session(self), _arns(self, name)
    return session is None or any(enforcement.would_allow(_runners[-1].ctx, session, action, arn) for action in actions)


def _arns(self: Any, *names: str) -> list[str]:
    backend = self.athena_backend
    return [f"arn:aws:glue:{backend.region_name}:{backend.account_id}:{name}" for name in names]


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


def _window(self: Any, *, default: int, limit: int) -> tuple[int, int]:
    count = self._get_param("MaxResults")
    count = default if count is None else int(count)
    if not 1 <= count <= limit:
        raise InvalidRequest(f"MaxResults is more than maximum allowed length {limit}.")
    token = self._get_param("NextToken")
    if token is not None and not str(token).isdigit():
        raise InvalidRequest("Invalid NextToken")
    return int(token or 0), count


def _page(self: Any, items: list[Any], *, key: str, default: int, limit: int) -> dict[str, Any]:
    start, count = _window(self, default=default, limit=limit)
    page: dict[str, Any] = {key: items[start : start + count]}
    if start + count < len(items):
        page["NextToken"] = str(start + count)
    return page


def _glue(self: Any) -> Any:
    backend = self.athena_backend
    assert athena_backends is not None
    return glue_backends[backend.account_id][backend.region_name]


def _database(database: Any) -> dict[str, Any]:
    declared = database.as_dict()
    found = {"Name": declared["Name"], "Parameters": declared.get("Parameters") or {}}
    return found | ({"Description": declared["Description"]} if declared.get("Description") else {})


def _table(table: dict[str, Any]) -> dict[str, Any]:
    def columns(declared: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{key: c[key] for key in ("Name", "Type", "Comment") if c.get(key)} for c in declared]

    return {
        "Name": table["Name"],
        "CreateTime": table["CreateTime"],
        "TableType": table.get("TableType") or "EXTERNAL_TABLE",
        "Columns": columns((table.get("StorageDescriptor") or {}).get("Columns") or []),
        "PartitionKeys": columns(table.get("PartitionKeys") or []),
        "Parameters": {**_stored_how(table.get("StorageDescriptor") or {}), **(table.get("Parameters") or {})},
    }


def _stored_how(storage: dict[str, Any]) -> dict[str, str]:
    """Return where and how a table is stored, as Athena tells it among the parameters.

    The names are those by which PyAthena reflects a table, and its tests hold them against AWS:
    https://github.com/laughingman7743/PyAthena/blob/master/pyathena/model.py
    """
    serde = storage.get("SerdeInfo") or {}
    found = {
        "location": storage.get("Location"),
        "inputformat": storage.get("InputFormat"),
        "outputformat": storage.get("OutputFormat"),
        "serde.serialization.lib": serde.get("SerializationLibrary"),
    }
    given = {f"serde.param.{key}": value for key, value in (serde.get("Parameters") or {}).items()}
    return {key: value for key, value in found.items() if value} | given
