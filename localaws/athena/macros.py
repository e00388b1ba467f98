"""DuckDB macros for functions that DuckDB answers otherwise than Trino, where plain SQL can give Trino's answer.

They raise errors by a failing cast: ``error()`` is volatile, and a macro that calls it keeps DuckDB from decorrelating
subqueries, from filtering early and from ``TRY``.
"""

from __future__ import annotations

import re

from localaws.athena.fresh import MARK

#: Longer texts are refused: a query has 2 GB, and DuckDB does not release a half-built text.
_PADDED = """CREATE MACRO athena_{side}pad(s, n, f) AS {side}pad(s, CAST(CASE
         WHEN s IS NULL OR n IS NULL THEN NULL
         WHEN f = '' THEN CAST('INVALID_FUNCTION_ARGUMENT: Padding string must not be empty' AS BIGINT)
         WHEN n < 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: Target length must be in the range [0..2147483647]' AS BIGINT)
         WHEN n > 10000000 THEN CAST('NOT_SUPPORTED: a text of ' || n || ' characters is not made by the local Athena'
           AS BIGINT) ELSE n END AS INTEGER), f)"""

_LAMBDA = re.compile(r"lambda ([a-z, ]+):")


def _hidden(macro: str) -> str:
    """Return a macro whose lambdas' parameters no argument can name."""
    for name in {each.strip() for found in _LAMBDA.findall(macro) for each in found.split(",")}:
        macro = re.sub(rf"\b{name}\b", f'"{MARK}{name}"', macro)
    return macro


_WRITTEN = (
    _PADDED.format(side="l"),
    _PADDED.format(side="r"),
    # Division of unscaled decimals, rounding half up as Trino does; an overflow is an error, never a wrong number.
    """CREATE MACRO athena_divide(n, d) AS CASE
         WHEN d = 0 THEN CAST('DIVISION_BY_ZERO: Division by zero' AS HUGEINT)
         ELSE sign(n) * sign(d) * ((2 * abs(n) + abs(d)) // (2 * abs(d))) END""",
    # DuckDB writes no 0 before the point of a decimal(n,n).
    r"""CREATE MACRO athena_decimal_text(x) AS regexp_replace(CAST(x AS VARCHAR), '^(-?)[.]', '\10.')""",
    """CREATE MACRO athena_millis(t) AS
         make_timestamp(CAST(floor((epoch_us(t) + 500) / CAST(1000 AS DOUBLE)) AS BIGINT) * 1000)""",
    """CREATE MACRO athena_at(a, i) AS a[CASE
         WHEN i = 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1' AS BIGINT)
         WHEN i < 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: Array subscript is negative: ' || i AS BIGINT)
         WHEN i > len(a) THEN CAST('INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array'
           || ' length: ' || i || ' > ' || len(a) AS BIGINT)
         ELSE i END]""",
    """CREATE MACRO athena_key(m, k) AS list_extract(map_extract(m, k), CASE
         WHEN m IS NULL OR map_contains(m, k) THEN 1
         ELSE CAST('INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || CAST(k AS VARCHAR) AS BIGINT) END)""",
    """CREATE MACRO athena_slice(a, s, n) AS a[CASE
         WHEN s = 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1' AS BIGINT)
         WHEN n < 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: length must be greater than or equal to 0' AS BIGINT)
         WHEN s < 0 AND -s > len(a) THEN 1
         WHEN s < 0 THEN len(a) + s + 1 ELSE s END:CASE
         WHEN s < 0 AND -s > len(a) THEN 0
         WHEN s < 0 THEN len(a) + s + n ELSE s + n - 1 END]""",
    """CREATE MACRO athena_substr(s, i) AS CASE
         WHEN i = 0 OR i > length(s) OR -i > length(s) THEN CASE WHEN s IS NOT NULL AND i IS NOT NULL THEN '' END
         ELSE substring(s, i) END""",
    # By a separator that may be another in each row: DuckDB's own is to be written in the query.
    """CREATE MACRO athena_join(a, s) AS substring(array_to_string(list_transform(
         list_filter(a, lambda x: x IS NOT NULL), lambda x: s || x), ''), CAST(length(s) AS BIGINT) + 1)""",
    """CREATE MACRO athena_join3(a, s, n) AS CASE WHEN n IS NOT NULL
         THEN athena_join(list_transform(a, lambda x: coalesce(x, n)), s) END""",
    """CREATE MACRO athena_substr3(s, i, n) AS CASE
         WHEN i = 0 OR i > length(s) OR -i > length(s) OR n <= 0
         THEN CASE WHEN s IS NOT NULL AND i IS NOT NULL AND n IS NOT NULL THEN '' END
         ELSE substring(s, CASE WHEN i < 0 THEN length(s) + i + 1 ELSE i END, n) END""",
    # Where a byte is in the text of a varbinary, which has two letters for each.
    """CREATE MACRO athena_nibble(i) AS CASE WHEN i > 0 THEN 2 * least(i, 2000000000) - 1
         ELSE 2 * greatest(i, -2000000000) END""",
    """CREATE MACRO athena_substr_bytes(b, i) AS unhex(athena_substr(hex(b), athena_nibble(i)))""",
    """CREATE MACRO athena_substr3_bytes(b, i, n) AS unhex(athena_substr3(hex(b), athena_nibble(i),
         2 * least(n, 2000000000)))""",
    """CREATE MACRO athena_checked(x, pattern, target) AS CASE
         WHEN x IS NULL OR regexp_full_match(x, pattern) THEN x
         ELSE left(x, CAST('INVALID_CAST_ARGUMENT: Cannot cast ''' || x || ''' to ' || target AS BIGINT)) END""",
    # DuckDB keeps no zone: a timestamp outside of UTC would silently be shown, and truncated to days, in UTC.
    r"""CREATE MACRO athena_moment(x) AS CASE
         WHEN x IS NULL OR NOT regexp_matches(x, 'T.*[+-]\d\d(:?\d\d)?$') OR regexp_matches(x, '[+-]00(:?00)?$') THEN x
         ELSE left(x, CAST('NOT_SUPPORTED: the zone of ' || x || ' is not supported by the local Athena yet' AS BIGINT))
         END""",
    # A local time that comes twice is the first of both, as in Joda; one that is left out is so much later.
    """CREATE MACRO athena_ahead(moment, zone) AS timezone(zone, moment) - timezone('UTC', moment)""",
    """CREATE MACRO athena_earliest(there, zone) AS list_transform([{'t': there, 'm': timezone(zone, there)}],
         lambda athena_e: CASE
           WHEN timezone(zone, timezone('UTC', athena_e.t) - athena_ahead(athena_e.m - to_hours(24), zone)) = athena_e.t
           THEN timezone('UTC', athena_e.t) - athena_ahead(athena_e.m - to_hours(24), zone) ELSE athena_e.m END)[1]""",
    # Where it can, it is as far from UTC as the moment that it was made of.
    """CREATE MACRO athena_beside(there, moment, zone) AS CASE
         WHEN timezone(zone, timezone('UTC', there) - athena_ahead(moment, zone)) = there
         THEN timezone('UTC', there) - athena_ahead(moment, zone) ELSE athena_earliest(there, zone) END""",
    """CREATE MACRO athena_trunc_there(unit, moment, zone) AS list_transform([moment], lambda athena_m: CASE
         WHEN unit IN ('millisecond', 'second', 'minute', 'hour')
         THEN athena_m - (timezone(zone, athena_m) - date_trunc(unit, timezone(zone, athena_m)))
         ELSE athena_beside(CAST(date_trunc(unit, timezone(zone, athena_m)) AS TIMESTAMP), athena_m, zone) END)[1]""",
    """CREATE MACRO athena_add_there(step, moment, zone) AS list_transform([{'m': moment, 's': step}],
         lambda athena_m: athena_beside(timezone(zone, athena_m.m) + athena_m.s, athena_m.m, zone))[1]""",
    # The first value of a key that comes twice.
    """CREATE MACRO athena_map(ks, vs) AS CASE WHEN list_unique(ks) = len(ks) THEN map(ks, vs)
         ELSE map(list_filter(ks, lambda x, i: list_position(ks, x) = i),
                  list_filter(vs, lambda x, i: list_position(ks, ks[i]) = i)) END""",
    """CREATE MACRO athena_multimap(ks, vs) AS map(list_filter(ks, lambda x, i: list_position(ks, x) = i),
         list_transform(list_filter(ks, lambda x, i: list_position(ks, x) = i),
           lambda k: list_filter(vs, lambda v, i: ks[i] = k)))""",
    # Of a key that is in several maps, Trino gives the value of any.
    """CREATE MACRO athena_map_union(maps) AS
         list_reduce(list_filter(maps, lambda x: x IS NOT NULL), lambda x, y: map_concat(x, y))""",
    # One NULL among the answers leaves open what the others do not decide.
    """CREATE MACRO athena_any(flags) AS CASE WHEN list_contains(flags, true) THEN true
         WHEN list_count(flags) < len(flags) THEN NULL WHEN flags IS NOT NULL THEN false END""",
    """CREATE MACRO athena_all(flags) AS CASE WHEN list_contains(flags, false) THEN false
         WHEN list_count(flags) < len(flags) THEN NULL WHEN flags IS NOT NULL THEN true END""",
    """CREATE MACRO athena_none(flags) AS NOT CASE WHEN list_contains(flags, true) THEN true
         WHEN list_count(flags) < len(flags) THEN NULL WHEN flags IS NOT NULL THEN false END""",
    "CREATE MACRO athena_bits_and(a, b) AS a & b",
    "CREATE MACRO athena_bits_or(a, b) AS a | b",
    """CREATE MACRO athena_repeat(x, n) AS list_transform(range(CASE
         WHEN n < 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: count argument of repeat function must be greater than or '
           || 'equal to 0' AS BIGINT)
         WHEN n > 10000 THEN CAST('INVALID_FUNCTION_ARGUMENT: count argument of repeat function must be less than or '
           || 'equal to 10000' AS BIGINT)
         ELSE n END), lambda i: x)""",
    """CREATE MACRO athena_array_except(a, b) AS CASE WHEN b IS NOT NULL THEN
         list_filter(a, lambda x, i: coalesce(list_position(b, x), 0) = 0 AND list_position(a, x) = i) END""",
    """CREATE MACRO athena_array_intersect(a, b) AS CASE WHEN b IS NOT NULL THEN
         list_filter(a, lambda x, i: coalesce(list_position(b, x), 0) > 0 AND list_position(a, x) = i) END""",
    """CREATE MACRO athena_array_union(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN
         list_filter(list_concat(a, b), lambda x, i: list_position(list_concat(a, b), x) = i) END""",
    """CREATE MACRO athena_arrays_overlap(a, b) AS CASE WHEN list_has_any(a, b) THEN true
         WHEN len(a) = 0 AND b IS NOT NULL OR len(b) = 0 AND a IS NOT NULL THEN false
         WHEN list_count(a) < len(a) OR list_count(b) < len(b) THEN NULL ELSE list_has_any(a, b) END""",
    """CREATE MACRO athena_fitting(x, n) AS CASE
         WHEN x IS NULL OR length(x) <= n THEN x
         ELSE left(x, CAST('INVALID_CAST_ARGUMENT: Value ' || x || ' cannot be represented as varchar(' || n || ')'
           AS BIGINT)) END""",
    """CREATE MACRO athena_part(parts, i) AS list_extract(parts, CASE
         WHEN i < 1 THEN CAST('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero' AS BIGINT) ELSE i END)""",
    """CREATE MACRO athena_element(a, i) AS list_extract(a, CASE
         WHEN i = 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1' AS BIGINT) ELSE i END)""",
    # As in Trino, the result is NULL if only a NULL in the array could be the searched value.
    """CREATE MACRO athena_contains(a, x) AS CASE
         WHEN list_contains(a, x) THEN true
         WHEN list_count(a) < len(a) OR x IS NULL THEN NULL ELSE list_contains(a, x) END""",
    # By a number for each element: 1 that is it, 2 left open by a NULL inside of it, 3 NULL, 0 another.
    """CREATE MACRO athena_found(numbers) AS CASE
         WHEN list_filter(numbers, lambda x: x IN (1, 2))[1] = 2 THEN CAST('NOT_SUPPORTED: contains does not support'
           || ' arrays with elements that are null or contain null' AS BIGINT) = 0
         WHEN list_contains(numbers, 1) THEN true WHEN list_contains(numbers, 3) THEN NULL
         WHEN numbers IS NOT NULL THEN false END""",
    """CREATE MACRO athena_place(numbers) AS CASE
         WHEN list_filter(numbers, lambda x: x IN (1, 2))[1] = 2 THEN CAST('NOT_SUPPORTED: array_position does not'
           || ' support arrays with elements that are null or contain null' AS BIGINT)
         WHEN numbers IS NOT NULL THEN coalesce(list_position(numbers, 1), 0) END""",
    """CREATE MACRO athena_contains_sequence(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN
         len(b) = 0 OR list_contains(list_transform(range(0, len(a) - len(b) + 1),
           lambda i: a[i + 1:i + len(b)] IS NOT DISTINCT FROM b), true) END""",
    """CREATE MACRO athena_trim_array(a, n) AS a[1:len(a) - CASE
         WHEN n < 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: size must not be negative: ' || n AS BIGINT)
         WHEN n > len(a) THEN CAST('INVALID_FUNCTION_ARGUMENT: size must not exceed array cardinality ' || len(a)
           || ': ' || n AS BIGINT)
         ELSE n END]""",
    """CREATE MACRO athena_ngrams(a, n) AS CASE
         WHEN n <= 0 THEN [[a[CAST('INVALID_FUNCTION_ARGUMENT: N must be positive' AS BIGINT)]]]
         WHEN len(a) <= n THEN [a]
         ELSE list_transform(range(0, len(a) - n + 1), lambda i: a[i + 1:i + n]) END""",
    """CREATE MACRO athena_array_histogram(a) AS map(list_filter(list_distinct(a), lambda x: x IS NOT NULL),
         list_transform(list_filter(list_distinct(a), lambda x: x IS NOT NULL),
           lambda x: len(list_filter(a, lambda y: y = x))))""",
    """CREATE MACRO athena_most_frequent(h, n) AS CASE WHEN h IS NOT NULL THEN map_from_entries(list_transform(
         list_sort(list_transform(map_entries(h), lambda e: row(-CAST(e.value AS BIGINT), e.key)))[1:n],
         lambda p: row(struct_extract(p, 2), -struct_extract(p, 1)))) END""",
    """CREATE MACRO athena_cosine_similarity(a, b) AS CASE
         WHEN list_contains(list_transform(list_concat(map_values(a), map_values(b)), lambda x: x IS NULL), true)
         THEN NULL ELSE
         coalesce(list_sum(list_transform(map_keys(a),
           lambda k: map_extract(a, k)[1] * coalesce(map_extract(b, k)[1], 0))), CAST(0 AS DOUBLE))
         / (sqrt(list_sum(list_transform(map_values(a), lambda x: x * x)))
            * sqrt(list_sum(list_transform(map_values(b), lambda x: x * x)))) END""",
    """CREATE MACRO athena_array_max(a) AS CASE WHEN list_count(a) = len(a) THEN list_max(a) END""",
    """CREATE MACRO athena_array_min(a) AS CASE WHEN list_count(a) = len(a) THEN list_min(a) END""",
    """CREATE MACRO athena_array_distinct(a) AS list_filter(a, lambda x, i: list_position(a, x) = i)""",
    """CREATE MACRO athena_sequence(first, last, step) AS generate_series(first, last, CASE
         WHEN step = 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: step must not be zero' AS BIGINT)
         WHEN step > 0 AND first > last THEN CAST('INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater'
           || ' than or equal to start value if step is greater than zero otherwise stop should be less than or equal'
           || ' to start' AS BIGINT)
         WHEN step < 0 AND first < last THEN CAST('INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater'
           || ' than or equal to start value if step is greater than zero otherwise stop should be less than or equal'
           || ' to start' AS BIGINT)
         WHEN abs(CAST(last AS HUGEINT) - first) // abs(step) >= 10000 THEN CAST('INVALID_FUNCTION_ARGUMENT: result of'
           || ' sequence function must not have more than 10000 entries' AS BIGINT)
         ELSE step END)""",
    """CREATE MACRO athena_moments(first, last, step) AS list_transform(
         athena_sequence(epoch_us(first), epoch_us(last), step), lambda m: make_timestamp(m))""",
    # Months are counted from the first value: from the 31st of January to the last day of February, then the 31st.
    """CREATE MACRO athena_months(first, last, step) AS list_filter(list_transform(range(0, CASE
         WHEN step = 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: step must not be zero' AS BIGINT)
         WHEN step > 0 AND first > last OR step < 0 AND first < last
         THEN CAST('INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater'
           || ' than or equal to start value if step is greater than zero otherwise stop should be less than or equal'
           || ' to start' AS BIGINT)
         WHEN abs(date_diff('month', first, last)) // abs(step) >= 10000
         THEN CAST('INVALID_FUNCTION_ARGUMENT: result of'
           || ' sequence function must not have more than 10000 entries' AS BIGINT)
         ELSE abs(date_diff('month', first, last)) // abs(step) + 2 END),
         lambda i: first + to_months(CAST(i * step AS INTEGER))), lambda m: (m <= last) = (step > 0) OR m = last)""",
    """CREATE MACRO athena_width_bucket(x, low, high, n) AS CASE
         WHEN n <= 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: bucketCount must be greater than 0' AS BIGINT)
         WHEN isnan(x) THEN CAST('INVALID_FUNCTION_ARGUMENT: operand must not be NaN' AS BIGINT)
         WHEN low = high THEN CAST('INVALID_FUNCTION_ARGUMENT: bounds cannot equal each other' AS BIGINT)
         WHEN x IS NULL OR n IS NULL THEN NULL
         WHEN low < high AND x < low OR low > high AND x >= low THEN 0
         WHEN low < high AND x >= high OR low > high AND x < high THEN n + 1
         WHEN low < high THEN CAST(floor(n * (x - low) / (high - low)) AS BIGINT) + 1
         ELSE n - CAST(floor(n * (x - high) / (low - high)) AS BIGINT) END""",
    """CREATE MACRO athena_width_bins(x, bins) AS CASE
         WHEN x IS NULL THEN NULL
         WHEN len(bins) = 0 THEN CAST('INVALID_FUNCTION_ARGUMENT: Bins cannot be an empty array' AS BIGINT)
         WHEN isnan(x) THEN CAST('INVALID_FUNCTION_ARGUMENT: Operand cannot be NaN' AS BIGINT)
         WHEN list_count(bins) < len(bins)
         THEN CAST('INVALID_FUNCTION_ARGUMENT: Bin values cannot be null' AS BIGINT)
         WHEN list_bool_or(list_transform(bins, lambda b: isnan(b) OR isinf(b)))
         THEN CAST('INVALID_FUNCTION_ARGUMENT: Bin value must be finite' AS BIGINT)
         WHEN list_sort(bins) <> bins
         THEN CAST('INVALID_FUNCTION_ARGUMENT: Bin values are not sorted in ascending order' AS BIGINT)
         ELSE len(list_filter(bins, lambda b: b <= x)) END""",
    """CREATE MACRO athena_span(low, high, told) AS CASE WHEN low < high THEN CAST(high AS HUGEINT) - low
         ELSE CAST('INVALID_FUNCTION_ARGUMENT: ' || told AS HUGEINT) END""",
    """CREATE MACRO athena_row_of_json(form, value, name) AS CASE WHEN form = 'NULL' THEN NULL
         WHEN form IN ('OBJECT', 'ARRAY') THEN value
         WHEN CAST('INVALID_CAST_ARGUMENT: Cannot cast a JSON ' || lower(form) || ' to ' || name AS BIGINT) = 0
         THEN value END""",
    # Between any two characters, and at both ends, there is an empty text.
    """CREATE MACRO athena_replace(s, old, new) AS CASE WHEN old <> '' THEN replace(s, old, new)
         WHEN s = '' AND old = '' THEN new
         WHEN old = '' THEN new || array_to_string(list_transform(string_split(s, ''), lambda c: c || new), '') END""",
    # Java has no upper case of this letter.
    """CREATE MACRO athena_upper(x) AS replace(upper(replace(x, 'ß', chr(57344))), chr(57344), 'ß')""",
    """CREATE MACRO athena_when_matches(x, pattern) AS CASE WHEN regexp_full_match(x, pattern) THEN x END""",
    """CREATE MACRO athena_round_double(x, n) AS CASE
         WHEN isnan(x) OR isinf(x) THEN x ELSE round(x, n) END""",
)

MACROS = tuple(map(_hidden, _WRITTEN))
