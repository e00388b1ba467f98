"""Athena's API operations on the catalog: databases, tables, data catalogs, engine versions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from moto.athena.models import athena_backends
from moto.core.exceptions import JsonRESTError
from moto.glue.models import glue_backends

from localaws.athena import versions
from localaws.athena.asking import MAX_BATCH, arns, may, page, shown
from localaws.athena.errors import InvalidRequest, MetadataFailed

#: The account's own catalog.
_CATALOG: Final = "AwsDataCatalog"


def get_database(self: Any) -> str:
    """Answer GetDatabase from the Glue catalog."""
    _may(self, "glue:GetDatabase", *arns(self, "catalog", f"database/{self._get_param('DatabaseName')}"))
    with _asked(self):
        return json.dumps({"Database": _database(_glue(self).get_database(self._get_param("DatabaseName")))})


def list_databases(self: Any) -> str:
    """Answer ListDatabases from the Glue catalog."""
    _may(self, "glue:GetDatabases", *arns(self, "catalog"))
    actions = ("glue:GetDatabases", "glue:GetDatabase")
    with _asked(self):
        found = [_database(d) for d in _glue(self).get_databases() if shown(self, actions, f"database/{d.name}")]
    return json.dumps(page(self, found, key="DatabaseList", default=MAX_BATCH, limit=MAX_BATCH))


def get_table_metadata(self: Any) -> str:
    """Answer GetTableMetadata from the Glue catalog."""
    database, name = self._get_param("DatabaseName"), self._get_param("TableName")
    _may(self, "glue:GetTable", *arns(self, "catalog", f"database/{database}", f"table/{database}/{name}"))
    with _asked(self):
        table = _glue(self).get_table(database, name)
    return json.dumps({"TableMetadata": _table(table.as_dict())}, default=lambda moment: moment.timestamp())


def list_table_metadata(self: Any) -> str:
    """Answer ListTableMetadata from the Glue catalog."""
    _may(self, "glue:GetTables", *arns(self, "catalog", f"database/{self._get_param('DatabaseName')}"))
    with _asked(self):
        tables = _glue(self).get_tables(self._get_param("DatabaseName"), self._get_param("Expression"))
    actions, database = ("glue:GetTables", "glue:GetTable"), self._get_param("DatabaseName")
    found = [_table(t.as_dict()) for t in tables if shown(self, actions, f"table/{database}/{t.name}")]
    listed = page(self, found, key="TableMetadataList", default=MAX_BATCH, limit=MAX_BATCH)
    return json.dumps(listed, default=lambda moment: moment.timestamp())


def list_data_catalogs(self: Any) -> str:
    """Answer ListDataCatalogs: the account's own, which is always there, and those that were made."""
    own = {"CatalogName": _CATALOG, "Type": "GLUE"}
    made = self.athena_backend.list_data_catalogs()
    found = page(self, [own, *made], key="DataCatalogsSummary", default=MAX_BATCH, limit=MAX_BATCH)
    return json.dumps(found)


def get_data_catalog(self: Any) -> str:
    """Answer GetDataCatalog."""
    name, backend = self._get_param("Name"), self.athena_backend
    if name.lower() == _CATALOG.lower():
        own = {"Name": _CATALOG, "Type": "GLUE", "Parameters": {"catalog-id": backend.account_id}}
        return json.dumps({"DataCatalog": own})
    found = backend.get_data_catalog(name)
    if found is None:
        raise InvalidRequest(f"DataCatalog {name} was not found")
    return json.dumps({"DataCatalog": found})


def list_engine_versions(self: Any) -> str:
    """Answer ListEngineVersions: the one that runs here, by its name and as the one that AWS chooses."""
    return json.dumps(page(self, [versions.AUTO, versions.EXACTLY], key="EngineVersions", default=10, limit=10))


#: The methods of moto's ``AthenaResponse`` that are replaced or added.
OPERATIONS = (
    get_database,
    list_databases,
    get_table_metadata,
    list_table_metadata,
    list_data_catalogs,
    get_data_catalog,
    list_engine_versions,
)


def _may(self: Any, action: str, *resources: str) -> None:
    """Raise Glue's refusal as Athena passes it on, unless the caller has the permission itself."""
    try:
        may(self, action, *resources)
    except InvalidRequest as refused:
        raise MetadataFailed(f"{refused.message} {_service(400, 'AccessDeniedException')}") from None


def _service(status: int, code: str) -> str:
    """Return the AWS SDK's words for another service's error, by which PyAthena knows a table that is not there."""
    about = f"Status Code: {status}; Error Code: {code}; Request ID: {uuid.uuid4()}; Proxy: null"
    return f"(Service: AmazonDataCatalog; {about})"


@contextmanager
def _asked(self: Any) -> Iterator[None]:
    """Pass on the catalog's own errors as Athena does; raise MetadataFailed for a catalog that is not there, too."""
    name = self._get_param("CatalogName") or _CATALOG
    if name.lower() != _CATALOG.lower() and name not in self.athena_backend.data_catalogs:
        raise MetadataFailed(f"Catalog {name} does not exist")
    try:
        yield
    except JsonRESTError as error:
        raise MetadataFailed(f"{error.message} {_service(error.code, error.error_type)}") from None


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
        "Parameters": _parameters(table),
    }


def _parameters(table: dict[str, Any]) -> dict[str, str]:
    """Return a table's parameters with what Athena adds of its storage, by which clients know its format and place."""
    storage = table.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    found = {
        "inputformat": storage.get("InputFormat"),
        "outputformat": storage.get("OutputFormat"),
        "location": storage.get("Location"),
        "serde.serialization.lib": serde.get("SerializationLibrary"),
        **{f"serde.param.{name}": value for name, value in (serde.get("Parameters") or {}).items()},
    }
    return {**{name: value for name, value in found.items() if value}, **(table.get("Parameters") or {})}
