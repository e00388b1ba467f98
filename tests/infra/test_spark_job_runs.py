"""The job as it is deployed, on real Spark: its code from its assets, its arguments, and no more than its role may."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog

from infra.bundle import CACHE, layer_folder
from infra.config import DEV
from infra.functions import Bundle
from localaws import iam
from localaws.server import LocalAws
from sluice.project import Project
from tests.infra.templates import synthesize

pytestmark = pytest.mark.spark
NOON = datetime.datetime(2026, 1, 1, 12)


@pytest.fixture(scope="module")
def deployed(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """The stacks with their real layer: deployment calls the function that makes the tables."""
    CACHE.mkdir(parents=True, exist_ok=True)
    real = Bundle(bundle.code, layer_folder(CACHE))
    cloud = synthesize(DEV, project, real, tmp_path_factory.mktemp("assembly"))
    with LocalAws.start(scratch=tmp_path_factory.mktemp("aws")) as running:
        running.deploy(cloud.folder)
        yield running


@pytest.fixture
def catalog(deployed: LocalAws) -> Catalog:
    given = {"glue.endpoint": deployed.endpoint, "s3.endpoint": deployed.endpoint, "client.region": "us-east-1"}
    keys = {"client.access-key-id": "test", "client.secret-access-key": "test"}
    return load_catalog("lake", **{"type": "glue", **given, **keys})


def value(kind: pa.DataType, number: int) -> Any:
    """Some value of a column's type, the same for the same number."""
    if pa.types.is_timestamp(kind):
        return NOON + datetime.timedelta(hours=number)
    return pa.scalar(str(number)).cast(kind).as_py() if not pa.types.is_date(kind) else NOON.date()


def row(schema: pa.Schema, number: int, **given: Any) -> dict[str, Any]:
    return {field.name: given.get(field.name, value(field.type, number)) for field in schema}


def run(deployed: LocalAws, **arguments: str) -> dict[str, Any]:
    glue = deployed.context.client("glue")
    (name,) = glue.list_jobs()["JobNames"]
    given = {f"--{key}": argument for key, argument in arguments.items()}
    run_id = glue.start_job_run(JobName=name, Arguments=given)["JobRunId"]
    deadline = time.monotonic() + 180
    while (found := glue.get_job_run(JobName=name, RunId=run_id)["JobRun"])["JobRunState"] in ("STARTING", "RUNNING"):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    answer: dict[str, Any] = found
    return answer


def test_the_deployed_job_rebuilds_a_table_with_no_more_than_its_role_may(deployed: LocalAws, catalog: Catalog) -> None:
    orders = catalog.load_table("bronze.orders")
    schema = orders.schema().as_arrow()
    rows = [row(schema, number, order_id="one" if number < 3 else "two") for number in (1, 2, 3)]
    orders.append(pa.Table.from_pylist(rows, schema))

    done = run(deployed, table="silver.orders")
    assert done["JobRunState"] == "SUCCEEDED", done.get("ErrorMessage")
    result = catalog.load_table("silver.orders")
    made = {each["order_id"]: each["updated_at"] for each in result.scan().to_arrow().to_pylist()}
    assert made == {"one": NOON + datetime.timedelta(hours=2), "two": NOON + datetime.timedelta(hours=3)}
    assert result.current_snapshot().summary["engine-name"] == "spark"
    decisions = [each for each in iam.decisions() if "SparkRole" in each.role]
    assert {each.action for each in decisions} >= {"s3:GetObject", "s3:PutObject", "glue:GetTable", "glue:UpdateTable"}
    assert [each for each in decisions if not each.allowed] == []

    again = run(deployed, table="silver.orders")
    assert again["JobRunState"] == "SUCCEEDED", again.get("ErrorMessage")
    assert catalog.load_table("silver.orders").scan().to_arrow().num_rows == 2
