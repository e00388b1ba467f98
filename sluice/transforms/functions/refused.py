"""Functions that no proven SQL exists for, with the reason and the nearest proven way."""

from __future__ import annotations

from sluice.transforms.functions.signatures import Signature, signature

_HASH = "DuckDB has no such hash, and keys made of it would differ"
_WHY = {
    "hash": (_HASH, "use md5 or sha2 of concat_ws"),
    "xxhash64": (_HASH, "use md5 or sha2 of concat_ws"),
    "crc32": (_HASH, "use md5 or sha2 of concat_ws"),
    "soundex": ("DuckDB has no soundex", "compare with translate and regexp_replace"),
    "format_number": ("DuckDB writes such numbers differently", "cast a decimal to string"),
    "format_string": ("the engines format differently", "use concat and lpad"),
    "printf": ("the engines format differently", "use concat and lpad"),
    "conv": ("the engines differ on overflow and signs", "use hex or bin"),
    "unbase64": ("the engines differ on broken input", "keep such texts as they are"),
    "unhex": ("the engines differ on broken input", "keep such texts as they are"),
    "bround": ("DuckDB rounds halves of decimals up alone", "use round"),
    "overlay": ("never tried", "use concat of substring"),
    "json_tuple": ("engines differ on broken JSON", "keep what is nested as columns of the landing contract"),
    "from_unixtime": ("never proven for all moments", "use timestamp_seconds of an int"),
    "map_from_arrays": ("keys that come twice or are null are errors on Spark", "use create_map with literal keys"),
    "map_concat": ("a key that comes twice is an error on Spark", "use create_map of all pairs"),
    "corr": ("doubles of such sums differ in the last bits", "use sums of decimals"),
    "percentile": ("the engines interpolate differently", "use ntile over an ordered window"),
    "posexplode": ("it makes two columns, which was never tried", "use explode, and keep the place in the elements"),
    "ilike": ("engines fold letters beyond ASCII differently", "use like on F.upper"),
}
SIGNATURES: list[Signature] = [
    one for name, (why, way) in _WHY.items() for one in signature(name, "any…", "unknown", "", why=why, instead=way)
]
