"""One Spark with Iceberg for all tests of this folder, whose catalog is the Glue catalog of one local AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession

from localaws.glue import spark as local_spark
from localaws.server import LocalAws
from sluice.refresh.spark.main import session
from tests.laws import ALL
from tests.sluice.hostile import SECRET

BUCKET = "shop-lake"
#: Tables of a few rows: it does not pay to compile hot code twice.
JAVA = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
#: Nor does it pay to compile plans or to adapt them, which `make proof` does as the Glue job does.
QUICK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}


def _end_java() -> None:
    """End Spark and its Java, which takes its archives only when it starts."""
    if active := SparkSession.getActiveSession():
        active.stop()
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(30)
        SparkContext._gateway = SparkContext._jvm = None


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws.start(scratch=tmp_path_factory.mktemp("aws")) as running:
        running.context.client("s3").create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture(scope="package")
def spark(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    folder = tmp_path_factory.mktemp("spark")
    (folder / "tmp").mkdir()
    settings = local_spark.configuration(
        folder, local_spark.iceberg(print), cores=2, memory_gib=2, more=JAVA | ({} if ALL else QUICK)
    )
    _end_java()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**local_spark.environment(folder, settings), "TZ": "UTC", "SLUICE_CANARY": SECRET}.items():
            patch.setitem(os.environ, name, value)
        found = session(BUCKET)
        found.sparkContext.setLogLevel("ERROR")
        yield found
        _end_java()
