"""Settings of Spark's session with which it gives what DuckDB gives, and what a transform says."""

from __future__ import annotations

#: Names and values, for a session's builder.
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    # No variables of this process are substituted into SQL; ``confined.py`` runs nothing otherwise.
    "spark.sql.variable.substitute": "false",
    # It makes lower(upper(x)) into lower(x), which is another text where upper makes two letters of one.
    "spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer.SimplifyCaseConversionExpressions",
}
