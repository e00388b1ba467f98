"""Names of functions that Athena has and the local Athena has not: any other name is a slip, or another engine's.

https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html, https://trino.io/docs/current/functions/list.html
"""

from __future__ import annotations

import re
from typing import Final

from localaws.athena.errors import QueryFailed, not_supported

_NAMES = """
approx_set bar beta_cdf bing_tile bing_tile_at bing_tile_coordinates bing_tile_polygon bing_tile_quadkey
bing_tile_zoom_level bing_tiles_around bitwise_xor_agg char2hexint checksum classifier color
convex_hull_agg cosine_distance current_user dot_product empty_approx_set entropy evaluate_classifier_predictions
first from_encoded_polyline from_geojson_geometry from_iso8601_timestamp_nanos from_unixtime_nanos
geometry_from_hadoop_shape geometry_invalid_reason geometry_nearest_points geometry_to_bing_tiles geometry_union
geometry_union_agg great_circle_distance hash_counts index intersection_cardinality inverse_beta_cdf jaccard_index
last line_interpolate_point line_interpolate_points line_locate_point localtime make_set_digest match_number merge
merge_set_digest next numeric_histogram objectid objectid_timestamp prev qdigest_agg regr_avgx
regr_avgy regr_count regr_r2 regr_sxx regr_sxy regr_syy render rgb simplify_geometry skewness
spatial_partitioning spatial_partitions spooky_hash_v2_32 spooky_hash_v2_64 tdigest_agg timestamp_objectid to_char
to_date to_encoded_polyline to_geojson_geometry to_geometry to_spherical_geography to_timestamp
value_at_quantile values_at_quantiles version word_stem xxhash64
"""
LACKING: Final = frozenset(_NAMES.split())
_PLACES: Final = "shapes on a map"
#: What kind of functions these are, and what to use instead.
_INSTEAD: Final = (
    (
        "a sketch",
        frozenset(
            [
                "approx_set",
                "empty_approx_set",
                "merge",
                "qdigest_agg",
                "tdigest_agg",
                "value_at_quantile",
                "values_at_quantiles",
                "make_set_digest",
                "merge_set_digest",
                "hash_counts",
                "intersection_cardinality",
                "jaccard_index",
                "numeric_histogram",
            ]
        ),
        "approx_distinct(x), approx_percentile(x, p), count(*) with GROUP BY, of the rows themselves",
    ),
    (
        _PLACES,
        frozenset(name for name in LACKING if re.search("geometr|bing_tile|polyline|geograph|spatial|line_", name))
        | {"convex_hull_agg", "great_circle_distance"},
        "columns of longitude and latitude, with cos, sin and acos of radians(x)",
    ),
)


def instead(name: str) -> str:
    """Return what to use instead of a function that is lacking; empty where nothing is known."""
    return next((allowed for _, names, allowed in _INSTEAD if name in names), "")


def no_such_function(name: str, position: str) -> QueryFailed:
    """Return the error for a call of a function that the local Athena does not have."""
    for kind, names, allowed in _INSTEAD:
        if name in names or (name.startswith("st_") and kind == _PLACES):
            return not_supported(f"the function '{name}' ({kind})", allowed=allowed)
    if name in LACKING:
        return not_supported(f"the function '{name}'")
    return QueryFailed("FUNCTION_NOT_FOUND", f"{position}: Function '{name}' not registered")
