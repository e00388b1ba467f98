"""What a contract's author might write into a check to reach more than the contracted tables, as data."""

from __future__ import annotations

from pathlib import Path

#: ``{file}`` is a file with a secret, ``{folder}`` a folder to write to.
HOSTILE = (
    # files
    "SELECT count(*) FROM read_text('{file}')",
    "SELECT content FROM read_text('/proc/self/environ')",
    "SELECT max(content) FROM read_blob('{file}')",
    "SELECT count(*) FROM read_csv('{file}')",
    "SELECT max(column0) FROM read_csv_auto('{file}', header=false)",
    "SELECT count(*) FROM read_parquet('{file}')",
    "SELECT count(*) FROM parquet_scan('{file}')",
    "SELECT count(*) FROM read_json('{file}')",
    "SELECT count(*) FROM read_ndjson_objects('{file}')",
    "SELECT count(*) FROM sniff_csv('{file}')",
    "SELECT max(file) FROM glob('/etc/*')",
    "SELECT count(*) FROM parquet_metadata('{file}')",
    "SELECT count(*) FROM '{file}'",
    'SELECT count(*) FROM "{file}"',
    "SELECT count(*) FROM 'https://example.com/rows.csv'",
    "SELECT count(*) FROM 's3://another-bucket/rows.parquet'",
    "SELECT count(*) FROM parquet.`{file}`",
    "SELECT count(*) FROM text.`{file}`",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "COPY bronze.things FROM '{file}'",
    "EXPORT DATABASE '{folder}'",
    "IMPORT DATABASE '{folder}'",
    # other databases, extensions, settings
    "ATTACH '{folder}/other.db' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "SET VARIABLE x = 1",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CREATE SECRET (TYPE s3)",
    "CREATE TABLE mine AS SELECT 1 AS a",
    "DROP TABLE silver.things",
    "INSERT INTO silver.things SELECT 1",
    "USE memory",
    # what the engine tells of itself
    "SELECT getenv('SLUICE_CANARY')",
    "SELECT current_setting('temp_directory')",
    "SELECT current_setting('extension_directory') FROM {table}",
    "SELECT getvariable('x')",
    "SELECT max(value) FROM duckdb_settings()",
    "SELECT count(*) FROM duckdb_secrets()",
    "SELECT max(sql) FROM duckdb_views()",
    "SELECT max(table_name) FROM duckdb_tables()",
    "SELECT max(table_name) FROM information_schema.tables",
    "SELECT max(relname) FROM pg_catalog.pg_class",
    "SELECT max(name) FROM sqlite_master",
    "SELECT count(*) FROM pragma_table_info('silver.things')",
    # text that becomes a query
    "SELECT count(*) FROM query('SELECT 1')",
    "SELECT count(*) FROM query_table('silver.things')",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    "SELECT count(*) FROM {table}; SELECT 2",
    "SELECT count(*) FROM {table}; ATTACH '{folder}/other.db'",
    # variables of the process that runs it
    "SELECT count(*) FROM canary",
    "SELECT count(*) FROM sluice_bounds",
    # names that a WITH defines elsewhere
    "SELECT max(setting) FROM pg_settings WHERE EXISTS (WITH pg_settings AS (SELECT 1 AS a) SELECT 1 FROM pg_settings)",
    "SELECT (WITH sqlite_master AS (SELECT 1 AS a) SELECT max(a) FROM sqlite_master) FROM sqlite_master",
    "WITH a AS (SELECT max(name) AS n FROM sqlite_master), sqlite_master AS (SELECT 1 AS a) SELECT max(n) FROM a",
    "WITH sqlite_master AS (SELECT max(name) AS n FROM sqlite_master) SELECT max(n) FROM sqlite_master",
    "SELECT count(*) FROM (WITH pg_tables AS (SELECT 1 AS a) SELECT a FROM pg_tables) q JOIN pg_tables ON true",
    "(WITH pg_tables AS (SELECT 1 AS a) SELECT max(a) FROM pg_tables) UNION SELECT count(*) FROM pg_tables",
    # names of the engine that stand where no column is called so
    "SELECT current_user",
    "SELECT max(current_catalog) FROM {table}",
    "SELECT max(session_user) FROM {table}",
    "SELECT current_database()",
    "SELECT version()",
    "SELECT max(stats(id)) FROM {table}",
    "SELECT txid_current()",
    "SELECT max(in_search_path('a', id)) FROM {table}",
    "SELECT max(x) FROM (VALUES (1)) v(x)",
    # Spark
    "SELECT java_method('java.lang.System', 'getenv', 'SLUICE_CANARY')",
    "SELECT reflect('java.lang.System', 'getenv', 'SLUICE_CANARY')",
    "SELECT TRANSFORM(id) USING 'cat {file}' AS (line) FROM {table}",
    "SET spark.sql.runSQLOnFiles = true",
    "ADD JAR '{file}'",
    # no end
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
    "SELECT count(*) FROM range(1000000000000)",
    "SELECT sleep_ms(100)",
    "SELECT " + "DATE(" * 16 + "1" + ")" * 16,
    "SELECT " + "ROW(" * 40 + "1" + ")" * 40,
    "SELECT " + "ARRAY[" * 40 + "1" + "]" * 40,
)  # fmt: skip
#: What Spark would write variables into, before it reads a text as SQL; to DuckDB these are texts like others.
SUBSTITUTED = (
    "SELECT max('${env:SLUICE_CANARY}') FROM {table}",
    "SELECT length(reverse('${env:SLUICE_CANARY}')) FROM {table}",
    "SELECT count(*) FROM {table} WHERE id = '${env:SLUICE_CANARY}'",
    "SELECT strpos('abc', substr('${env:SLUICE_CANARY}', 2, 1)) FROM {table}",
    "SELECT count(*) FROM {table} WHERE regexp_like('${env:SLUICE_CANARY}', '^the')",
    "SELECT max('${env:NOT_THERE:-${env:SLUICE_CANARY}}') FROM {table}",
    "SELECT max('${system:user.home}') FROM {table}",
    "SELECT max('${spark.app.id}') FROM {table}",
    "SELECT max('${spark:spark.app.id}') FROM {table}",
    "SELECT max('${sparkconf:spark.app.id}') FROM {table}",
    "SELECT max('${hiveconf:spark.app.id}') FROM {table}",
    "SELECT max('${hivevar:spark.app.id}') FROM {table}",
    'SELECT count(*) AS "${env:SLUICE_CANARY}" FROM {table}',
    "SELECT count(*) FROM ${env:SLUICE_CANARY}",
    "${env:SLUICE_CANARY}",
    "SELECT count(*) FROM {table} /* ${env:SLUICE_CANARY} */",
    "SELECT count(*) FROM ${table}",
)
SECRET = "the-canary-sings"


def filled(text: str, folder: Path) -> str:
    """Return a hostile text about a file with a secret in ``folder``."""
    file = folder / "secret.csv"
    file.write_text(f"{SECRET}\n")
    return text.replace("{file}", str(file)).replace("{folder}", str(folder))
