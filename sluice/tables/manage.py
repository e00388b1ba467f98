"""Creates and evolves every contracted table through the Iceberg API; no table or column is ever dropped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchIcebergTableError, NoSuchPropertyException, TableAlreadyExistsError
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.typedef import Identifier
from pyiceberg.types import DecimalType, DoubleType, FloatType, IcebergType, IntegerType, LongType, NestedField

from sluice.contracts import AnyContract, LandingContract
from sluice.errors import TableError
from sluice.project import Project
from sluice.settings import Settings
from sluice.tables.catalog import TABLE_PROPERTIES
from sluice.tables.properties import contract_properties, path_properties, stream_properties, volume_properties
from sluice.tables.schema import data_schema, partition_spec, quarantine_schema, sort_order

#: The property that Glue shows as the table's description.
_DESCRIPTION = "Description"
_TABLES_AT_ONCE = 8


def ensure_tables(catalog: Catalog, project: Project, settings: Settings) -> list[str]:
    """Create each missing contracted table and evolve each that differs; return one line of text per change made.

    Raise ``TableError`` for a change that would lose data.
    """
    databases = {settings.database(each.database) for each in project.contracts} | {settings.database("quarantine")}
    # One question for each database: in a new lake no table is asked for, and each is made with two calls.
    present = {name for database in sorted(databases) for name in catalog.list_tables(database)}
    wanted = [call for contract in project.contracts for call in _wanted(catalog, contract, settings, present)]
    with ThreadPoolExecutor(_TABLES_AT_ONCE) as pool:
        done = list(pool.map(lambda call: call(), wanted))
    return [line for line in done if line]


def _wanted(
    catalog: Catalog, contract: AnyContract, settings: Settings, present: Collection[Identifier]
) -> Iterator[Callable[[], str | None]]:
    schema = data_schema(contract)
    spec, order = partition_spec(contract, schema), sort_order(contract, schema)
    name = (settings.database(contract.database), contract.name)
    properties = {
        _DESCRIPTION: contract.description,
        **contract_properties(contract),
        **stream_properties(contract),
        **volume_properties(contract),
        **path_properties(contract),
    }
    yield lambda: _ensure(catalog, name, schema, settings, properties, present=present, spec=spec, order=order)
    if isinstance(contract, LandingContract):
        other = (settings.database("quarantine"), contract.name)
        about = {
            _DESCRIPTION: f"Records of {contract.name} that broke their contract, with the reasons.",
            **contract_properties(contract),
        }
        yield lambda: _ensure(catalog, other, quarantine_schema(contract), settings, about, present=present)


def _ensure(
    catalog: Catalog,
    name: tuple[str, str],
    schema: Schema,
    settings: Settings,
    properties: dict[str, str],
    *,
    present: Collection[Identifier],
    spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
    order: SortOrder = UNSORTED_SORT_ORDER,
) -> str | None:
    if name not in present:
        try:
            catalog.create_table(
                name,
                schema,
                location=f"{settings.lake}/{name[0]}/{name[1]}",
                partition_spec=spec,
                sort_order=order,
                properties=TABLE_PROPERTIES | {key: value for key, value in properties.items() if value},
            )
        except TableAlreadyExistsError:
            pass  # another deployment was faster, or it is no table of Iceberg: loading it tells
        else:
            return f"created {'.'.join(name)}"
    try:
        table = catalog.load_table(name)
    except (NoSuchIcebergTableError, NoSuchPropertyException) as error:
        raise TableError(
            f"{'.'.join(name)} is there, and is no Iceberg table: {error}.",
            safe="it stays as it is.",
            next_step="rename or drop it, or give the contract another name; then deploy again.",
            dataset=".".join(name),
        ) from error
    return _evolve(table, schema, properties, spec)


def _evolve(table: Table, wanted: Schema, properties: dict[str, str], spec: PartitionSpec) -> str | None:
    if [(f.name, str(f.transform)) for f in spec.fields] != [(f.name, str(f.transform)) for f in table.spec().fields]:
        raise TableError(
            f"{'.'.join(table.name())}: its partitioning cannot change from {table.spec()} to {spec}.",
            next_step="put the partitioning back, or declare a new dataset and load it from the old one.",
            dataset=".".join(table.name()),
        )
    changes = []
    with table.transaction() as transaction:
        with transaction.update_schema() as update:
            for field in wanted.fields:
                changes += _evolve_field(table, field, update)
        if other := {key: value for key, value in properties.items() if table.properties.get(key, "") != value}:
            transaction.set_properties(other)
            changes += [key.lower() for key in other]
    return f"evolved {'.'.join(table.name())}: {', '.join(changes)}" if changes else None


def _evolve_field(table: Table, field: NestedField, update: object) -> list[str]:
    """Add a column, widen its type or change its description, as the contract says; return the changes as texts.

    Raise ``TableError`` for a change of type that would lose data.
    """
    present = next((f for f in table.schema().fields if f.name == field.name), None)
    if present is None:
        update.add_column(field.name, field.field_type, doc=field.doc)  # type: ignore[attr-defined]
        return [f"+{field.name}"]
    changes = []
    if _differs(present.field_type, field.field_type):
        if not widens(present.field_type, field.field_type):
            raise TableError(
                f"{'.'.join(table.name())}: column {field.name} cannot change from {present.field_type} to "
                f"{field.field_type}; allowed: int to bigint, float to double, decimal to more digits.",
                next_step="put the type back, or add a column with a new name.",
                dataset=".".join(table.name()),
                column=field.name,
                value=str(field.field_type),
            )
        update.update_column(field.name, field_type=field.field_type)  # type: ignore[attr-defined]
        changes.append(f"{field.name}: {field.field_type}")
    if present.doc != field.doc:
        update.update_column(field.name, doc=field.doc)  # type: ignore[attr-defined]
        changes.append(f"{field.name}: description")
    return changes


def _differs(present: IcebergType, wanted: IcebergType) -> bool:
    """Return whether a column needs another type; one already wider than wanted, after a rollback, does not."""
    return present.is_primitive and present != wanted and not widens(wanted, present)


def widens(old: IcebergType, new: IcebergType) -> bool:
    """Return whether a column can change from one type to the other and keep every value."""
    if isinstance(old, DecimalType) and isinstance(new, DecimalType):
        return old.scale == new.scale and new.precision >= old.precision
    return (isinstance(old, IntegerType) and isinstance(new, LongType)) or (
        isinstance(old, FloatType) and isinstance(new, DoubleType)
    )
