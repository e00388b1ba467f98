"""The small shop in the Glue catalog of a local AWS, where DuckDB and Spark take turns."""

from __future__ import annotations

import importlib
import uuid
from typing import Any

from pyiceberg.catalog import load_catalog
from pyspark.sql import SparkSession

from localaws.server import LocalAws
from sluice.project import Project
from sluice.refresh.record import Run
from sluice.refresh.spark.engine import SparkEngine
from sluice.refresh.spark.lake import Lake
from sluice.refresh.spark.project import ShippedProject
from sluice.settings import Settings
from sluice.storage import S3Store
from sluice.tables.manage import ensure_tables
from sluice.transforms import Transform
from tests.sluice.refresh.small_shop import SmallShop, project


class SharedShop(SmallShop):
    """A shop in databases of its own, whose tables either engine may bring up to date."""

    def __init__(self, aws: LocalAws, spark: SparkSession, bucket: str, *, declared: Project | None = None) -> None:
        self.prefix = f"s{uuid.uuid4().hex[:8]}_"
        self.project, self.store = declared or project(), S3Store()
        folder = f"s3://{bucket}/{self.prefix}"
        glue = aws.context.client("glue")
        for database in ("bronze", "silver", "gold", "quarantine"):
            name = f"{self.prefix}{database}"
            glue.create_database(DatabaseInput={"Name": name, "LocationUri": f"{folder}/{database}"})
        region = aws.context.region
        endpoints = {"glue.endpoint": aws.endpoint, "s3.endpoint": aws.endpoint}
        self.catalog = load_catalog("lake", **{"type": "glue", "glue.region": region, "s3.region": region, **endpoints})
        settings = Settings(lake_bucket=f"{bucket}/{self.prefix}", database_prefix=self.prefix)
        ensure_tables(self.catalog, self.project, settings)
        self.lake = Lake(spark, self.prefix)
        self.engine = self.engine_for(self.project)

    def load(self, name: str) -> Any:
        database, _, plain = name.partition(".")
        return self.catalog.load_table((f"{self.prefix}{database}", plain))

    def engine_for(self, declared: Project) -> SparkEngine:
        """Return Spark for what is declared."""
        return SparkEngine(self.lake, ShippedProject(declared.to_json()), shop_function)

    def run_spark(self, table: str, **given: Any) -> Run:
        """Bring one table up to date on Spark."""
        return self.engine.run(table, run_id="run", **given)


def shop_function(table: str) -> Transform:
    """Return the shop's function that makes ``table``."""
    function: Transform = getattr(
        importlib.import_module(f"tests.sluice.refresh.shop.{table}"), table.partition(".")[2]
    )
    return function
