"""How Hive reads and writes each format: the SerDe, and the classes of Hadoop that a table names.

https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Stored(NamedTuple):
    """How Hive reads and writes one format."""

    serde: str
    reads: str
    writes: str


_HIVE: Final = "org.apache.hadoop.hive"
_TEXT: Final = ("org.apache.hadoop.mapred.TextInputFormat", f"{_HIVE}.ql.io.HiveIgnoreKeyTextOutputFormat")
_PARQUET: Final = f"{_HIVE}.ql.io.parquet"
#: The formats by the words of STORED AS.
STORED: Final = {
    "textfile": Stored(f"{_HIVE}.serde2.lazy.LazySimpleSerDe", *_TEXT),
    "parquet": Stored(
        f"{_PARQUET}.serde.ParquetHiveSerDe", f"{_PARQUET}.MapredParquetInputFormat",
        f"{_PARQUET}.MapredParquetOutputFormat",
    ),
    "orc": Stored(
        f"{_HIVE}.ql.io.orc.OrcSerde", f"{_HIVE}.ql.io.orc.OrcInputFormat", f"{_HIVE}.ql.io.orc.OrcOutputFormat"
    ),
    "avro": Stored(
        f"{_HIVE}.serde2.avro.AvroSerDe", f"{_HIVE}.ql.io.avro.AvroContainerInputFormat",
        f"{_HIVE}.ql.io.avro.AvroContainerOutputFormat",
    ),
    "jsonfile": Stored("org.openx.data.jsonserde.JsonSerDe", *_TEXT),
    "sequencefile": Stored(
        f"{_HIVE}.serde2.lazy.LazySimpleSerDe", "org.apache.hadoop.mapred.SequenceFileInputFormat",
        f"{_HIVE}.ql.io.HiveSequenceFileOutputFormat",
    ),
    "rcfile": Stored(
        f"{_HIVE}.serde2.columnar.LazyBinaryColumnarSerDe", f"{_HIVE}.ql.io.RCFileInputFormat",
        f"{_HIVE}.ql.io.RCFileOutputFormat",
    ),
}  # fmt: skip
#: The formats by the words of CREATE TABLE AS and UNLOAD.
WRITTEN: Final = {
    "PARQUET": STORED["parquet"],
    "ORC": STORED["orc"],
    "AVRO": STORED["avro"],
    "JSON": Stored("org.apache.hive.hcatalog.data.JsonSerDe", *_TEXT),
    "TEXTFILE": STORED["textfile"],
}
