from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from moto import mock_aws
from pyiceberg.catalog import Catalog

from sluice.contracts import Column, parse_type
from sluice.errors import TableError
from sluice.project import Project
from sluice.tables.catalog import LakeCatalog
from sluice.tables.manage import ensure_tables
from sluice.tables.properties import DOMAIN, OWNER, VERSION, headers_of
from tests.sluice.ingestion.reading import column, contract
from tests.sluice.ingestion.test_commit import LocalSettings


def ensure(catalog: Catalog, tmp_path: Path, *columns: Column) -> list[str]:
    return ensure_tables(catalog, Project((contract(*columns),)), LocalSettings(folder=str(tmp_path / "lake")))


def test_doing_it_twice_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    assert ensure(catalog, tmp_path, column("id")) == ["created bronze.things", "created quarantine.things"]
    assert ensure(catalog, tmp_path, column("id")) == []


def test_columns_are_added_and_widened_and_never_dropped(catalog: Catalog, tmp_path: Path) -> None:
    ensure(catalog, tmp_path, column("id"), column("n", "int"), column("price", "decimal(10,2)"))
    wider = (column("id"), column("n", "bigint"), column("price", "decimal(12,2)"), column("new", "date"))
    assert ensure(catalog, tmp_path, *wider) == ["evolved bronze.things: n: long, price: decimal(12, 2), +new"]
    # A rollback comes with the old contract: nothing is lost, nothing fails.
    assert ensure(catalog, tmp_path, column("id"), column("n", "int")) == []
    names = [field.name for field in catalog.load_table("bronze.things").schema().fields]
    assert set(names) >= {"id", "n", "price", "new"}


def test_a_type_that_would_lose_data_is_refused_by_name(catalog: Catalog, tmp_path: Path) -> None:
    ensure(catalog, tmp_path, column("n", "bigint"))
    with pytest.raises(TableError, match=r"column n cannot change from long to string"):
        ensure(catalog, tmp_path, column("n", "string"))


def test_descriptions_reach_the_table(catalog: Catalog, tmp_path: Path) -> None:
    ensure(catalog, tmp_path, Column("id", parse_type("string"), description="Who.", header="id"))
    assert catalog.load_table("bronze.things").schema().find_field("id").doc == "Who."
    ensure(catalog, tmp_path, Column("id", parse_type("string"), description="Who it is.", header="id"))
    assert catalog.load_table("bronze.things").schema().find_field("id").doc == "Who it is."


def test_the_contracts_version_domain_and_owner_reach_both_tables_and_change_with_it(
    catalog: Catalog, tmp_path: Path
) -> None:
    def ensured(**about: str) -> list[str]:
        declared = msgspec.structs.replace(contract(column("id")), **about)
        return ensure_tables(catalog, Project((declared,)), LocalSettings(folder=str(tmp_path / "lake")))

    def properties(name: str) -> dict[str, str]:
        found: dict[str, str] = catalog.load_table(name).properties
        return {key: value for key, value in found.items() if key in (VERSION, DOMAIN, OWNER)}

    ensured()  # as a table is that an earlier version made, which knew neither
    assert properties("bronze.things") == {}
    assert ensured(version="1.0.0", domain="shop", owner="ada") == [
        "evolved bronze.things: sluice.contract-version, sluice.domain, sluice.owner",
        "evolved quarantine.things: sluice.contract-version, sluice.domain, sluice.owner",
    ]
    assert ensured(version="1.0.0", domain="shop", owner="ada") == []
    ensured(version="2.0.0", domain="shop", owner="ada")
    for name in ("bronze.things", "quarantine.things"):
        assert properties(name) == {VERSION: "2.0.0", DOMAIN: "shop", OWNER: "ada"}


def test_a_stream_s_table_says_how_columns_are_called_in_records(catalog: Catalog, tmp_path: Path) -> None:
    def ensured(*columns: Column, **arrival: str) -> list[str]:
        declared = contract(*columns, **{"format": "json", "stream": True, **arrival})
        return ensure_tables(catalog, Project((declared,)), LocalSettings(folder=str(tmp_path / "lake")))

    def properties(name: str = "bronze.things") -> dict[str, str]:
        found: dict[str, str] = catalog.load_table(name).properties
        return {key: value for key, value in found.items() if key.startswith("sluice.")}

    session = Column("session_id", parse_type("int"), header="session ID")
    ensured(column("day"), session, partition_key="session_id")
    expected = {"sluice.headers": '{"session_id":"session ID"}', "sluice.partition-key": "session_id"}
    assert properties() == expected
    assert headers_of(properties()) == {"session_id": "session ID"}
    assert ensured(column("day"), session, partition_key="session_id") == []
    assert properties("quarantine.things") == {}

    renamed = column("session_id", "int")
    assert ensured(column("day"), renamed) == ["evolved bronze.things: sluice.headers, sluice.partition-key"]
    assert (headers_of(properties()), properties()["sluice.partition-key"]) == ({}, "")
    assert ensured(column("day"), renamed) == []


@pytest.mark.slow
@mock_aws
def test_a_table_of_that_name_that_is_no_iceberg_table_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    glue = LakeCatalog("here", **{"glue.region": "us-east-1", "glue.access-key-id": "a", "glue.secret-access-key": "b"})
    for database in ("bronze", "quarantine"):
        glue.create_namespace(database, {"location": f"file://{tmp_path}"})
    hive = {"Name": "things", "Parameters": {"table_type": "HIVE"}}
    glue.glue.create_table(DatabaseName="bronze", TableInput=hive)
    with pytest.raises(TableError, match=r"bronze\.things is there, and is no Iceberg table") as told:
        ensure(glue, tmp_path, column("id"))
    assert told.value.safe
    assert glue.glue.get_table(DatabaseName="bronze", Name="things")["Table"]["Parameters"] == hive["Parameters"]
