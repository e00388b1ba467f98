"""The Glue catalog keeps AWS's promises about concurrent writers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from moto.glue.models import FakeTable, GlueBackend
from pyiceberg.exceptions import CommitFailedException

from localaws.context import Context
from localaws.glue import catalog as local_glue
from localaws.moto_patches import original
from tests.localaws.athena.server import iceberg_catalog, running


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        ctx.client("s3").create_bucket(Bucket="catalog-lake")
        ctx.client("glue").create_database(DatabaseInput={"Name": "races"})
        yield ctx


def create(ctx: Context, name: str) -> None:
    ctx.client("glue").create_table(DatabaseName="races", TableInput={"Name": name, "Parameters": {"n": "0"}})


def version(ctx: Context, name: str) -> str:
    return str(ctx.client("glue").get_table(DatabaseName="races", Name=name)["Table"]["VersionId"])


def in_parallel(count: int, work: Any) -> list[Any]:
    results: list[Any] = [None] * count
    gate = threading.Barrier(count)

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = work(index)
        except (ClientError, CommitFailedException) as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_stale_version_is_refused_and_changes_nothing(ctx: Context) -> None:
    create(ctx, "stale")
    glue, first = ctx.client("glue"), version(ctx, "stale")
    glue.update_table(DatabaseName="races", TableInput={"Name": "stale", "Parameters": {"n": "1"}}, VersionId=first)
    with pytest.raises(ClientError) as refused:
        glue.update_table(DatabaseName="races", TableInput={"Name": "stale", "Parameters": {"n": "2"}}, VersionId=first)
    assert refused.value.response["Error"]["Code"] == "ConcurrentModificationException"
    assert glue.get_table(DatabaseName="races", Name="stale")["Table"]["Parameters"] == {"n": "1"}


def test_of_many_writers_with_one_version_exactly_one_wins(ctx: Context) -> None:
    create(ctx, "contended")
    glue, first = ctx.client("glue"), version(ctx, "contended")
    results = in_parallel(
        8,
        lambda i: glue.update_table(
            DatabaseName="races", TableInput={"Name": "contended", "Parameters": {"n": str(i)}}, VersionId=first
        ),
    )
    assert sum(isinstance(result, ClientError) for result in results) == 7


def test_of_many_creators_exactly_one_wins(ctx: Context) -> None:
    errors = [result for result in in_parallel(8, lambda _: create(ctx, "created")) if result is not None]
    assert [error.response["Error"]["Code"] for error in errors] == ["AlreadyExistsException"] * 7


def test_skip_archive_keeps_no_old_version(ctx: Context) -> None:
    create(ctx, "archive")
    glue = ctx.client("glue")
    glue.update_table(DatabaseName="races", TableInput={"Name": "archive"})
    glue.update_table(DatabaseName="races", TableInput={"Name": "archive"}, SkipArchive=True)
    kept = glue.get_table_versions(DatabaseName="races", TableName="archive")["TableVersions"]
    assert sorted(v["VersionId"] for v in kept) == ["1", "3"]


def test_names_are_lower_case(ctx: Context) -> None:
    create(ctx, "MixedCase")
    assert ctx.client("glue").get_table(DatabaseName="RACES", Name="MIXEDCASE")["Table"]["Name"] == "mixedcase"


@pytest.mark.slow
def test_two_iceberg_writers_lose_no_row(ctx: Context) -> None:
    catalog = iceberg_catalog(ctx, "s3://catalog-lake/")
    schema = pa.schema([("n", pa.int64())])
    catalog.create_table("races.rows", schema)

    def append(index: int) -> int:
        mine, written = iceberg_catalog(ctx, "s3://catalog-lake/"), 0
        while written < 4:
            try:
                mine.load_table("races.rows").append(pa.table({"n": [index * 10 + written]}, schema))
                written += 1
            except CommitFailedException:
                continue
        return written

    assert in_parallel(2, append) == [4, 4]
    assert sorted(catalog.load_table("races.rows").scan().to_arrow()["n"].to_pylist()) == [0, 1, 2, 3, 10, 11, 12, 13]


def test_installing_twice_patches_once(ctx: Context) -> None:
    for _ in range(2):
        local_glue.install(ctx)
    for name in ("create_table", "get_table"):
        depth, method = 0, getattr(GlueBackend, name)
        while method is not original(GlueBackend, name):
            depth, method = depth + 1, method.__wrapped__
        assert depth == (2 if name == "create_table" else 1)


def test_moto_counts_the_versions_of_a_table_as_the_compare_and_set_expects() -> None:
    table = FakeTable("d", "t", {"Name": "t"}, catalog_id="1")
    assert (table._current_version, list(table.versions)) == (1, ["1"])
    table.update({"Name": "t"})
    assert (table._current_version, list(table.versions)) == (2, ["1", "2"])
