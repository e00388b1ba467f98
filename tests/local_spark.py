"""Settings of a Spark that runs in a test's own process, on few rows."""

from __future__ import annotations

LOCAL = {
    "spark.sql.shuffle.partitions": "1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    # Days before 1582 in files that others wrote; Iceberg's reader takes them as they are, too.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
}
#: A plan that runs once, on few rows, is not worth compiling.
QUICK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
