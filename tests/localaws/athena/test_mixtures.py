# ruff: noqa: E501  (a table of queries reads best one to a line)
"""Zones and char(n) are known by the type alone: what would mix them is refused, what does not is answered."""

from __future__ import annotations

import pytest

from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from tests.localaws.athena.answers import texts
from tests.localaws.athena.test_functions import answer

_UTC = "TIMESTAMP '2026-07-01 00:30:00.000 UTC'"
_HERE = f"{_UTC} AT TIME ZONE 'Europe/Vienna'"
_SHOWN = "2026-07-01 02:30:00.000 Europe/Vienna"
_PLAIN = "TIMESTAMP '2026-01-01 00:00:00.000'"
_CHAR = "CAST('a' AS char(3))"


@pytest.mark.parametrize(
    "sql",
    [
        f"x FROM (VALUES {_HERE}, {_UTC}) t(x)",
        f"CASE WHEN true THEN {_HERE} ELSE {_PLAIN} END",
        f"coalesce({_HERE}, DATE '2026-01-01')",
        f"{_HERE} UNION ALL SELECT {_PLAIN}",
        f"{_PLAIN} UNION ALL SELECT {_HERE}",
        f"NULL UNION ALL SELECT {_HERE}",
        f"hour(x) FROM (SELECT NULL AS x UNION ALL SELECT {_HERE})",
        f"ARRAY[{_PLAIN}, {_HERE}]",
        f"map_concat(map(ARRAY[1], ARRAY[{_HERE}]), map(ARRAY[2], ARRAY[{_UTC}]))",
        f"ARRAY[{_HERE}] || ARRAY[{_UTC}]",
        f"concat(ARRAY[{_HERE}], ARRAY[{_UTC}])",
        f"array_union(ARRAY[{_HERE}], ARRAY[{_UTC}])",
        f"lag(x, 1, {_UTC}) OVER (ORDER BY x) FROM (SELECT {_HERE} AS x)",
        f"reduce(ARRAY[{_HERE}], 0, (s, x) -> s + hour(x), s -> s)",
        f"CAST(ARRAY[{_HERE}] AS array(timestamp with time zone))",
        f"hour(CAST(ROW({_HERE}) AS ROW(a timestamp(3) with time zone)).a)",
        f"'a' IN (SELECT {_CHAR})",
        f"{_CHAR} = ANY (VALUES 'a')",
        f"{_CHAR} IS DISTINCT FROM 'a'",
        f"CASE {_CHAR} WHEN 'a' THEN 1 END",
        f"CASE WHEN true THEN {_CHAR} ELSE 'b' END",
        f"nullif({_CHAR}, 'a')",
        f"{_CHAR} UNION SELECT 'a'",
        f"{_CHAR} INTERSECT SELECT CAST('a' AS char(5))",
        f"count(DISTINCT x) FROM (VALUES {_CHAR}, 'a') t(x)",
        f"contains(ARRAY[{_CHAR}], 'a')",
        f"array_position(ARRAY[{_CHAR}], 'a')",
        f"ARRAY[{_CHAR}] = ARRAY['a']",
        f"ROW({_CHAR}, 1) = ROW('a', 1)",
        f"map(ARRAY[{_CHAR}], ARRAY[1])['a']",
        f"element_at(map(ARRAY[{_CHAR}], ARRAY[1]), 'a')",
        f"upper({_CHAR}) = 'A'",
        f"trim({_CHAR})",
        """json_value('{"a":"b"}', 'lax $.a' RETURNING char(3))""",
        f"reduce(ARRAY[1], {_HERE}, (s, x) -> s, s -> hour(s))",
        f"{_CHAR} = (SELECT 'a ')",
    ],
)  # fmt: skip
def test_a_mixture_is_refused(opened: QueryEngine, sql: str) -> None:
    with pytest.raises(QueryFailed, match="NOT_SUPPORTED: "):
        answer(opened, f"SELECT {sql}")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (f"hour(flatten(ARRAY[ARRAY[{_HERE}]])[1])", "2"),
        (f"x FROM (VALUES NULL, {_HERE}) t(x)", f"NULL ; {_SHOWN}"),
        (f"nullif({_HERE}, now()), greatest({_HERE}, {_HERE}), max_by({_HERE}, {_UTC})", f"{_SHOWN}|{_SHOWN}|{_SHOWN}"),
        (f"element_at(map(ARRAY['a'], ARRAY[{_HERE}]), 'a'), map(ARRAY['a'], ARRAY[{_HERE}])['a']", f"{_SHOWN}|{_SHOWN}"),
        (f"ROW({_HERE}, {_UTC}), map_agg({_UTC}, {_HERE})", f"{{field0={_SHOWN}, field1=2026-07-01 00:30:00.000 UTC}}|{{2026-07-01 00:30:00.000 UTC={_SHOWN}}}"),
        (f"x FROM UNNEST(ARRAY[{_HERE}]) t(x) WHERE x IN (SELECT {_UTC}) AND x > DATE '2026-01-01'", _SHOWN),
        (f"CAST(ARRAY[{_UTC}] AS array(date)), CAST(ARRAY[{_UTC}] AS array(timestamp))", "[2026-07-01]|[2026-07-01 00:30:00.000]"),
        (f"map_keys(histogram(x)), map_keys(map(ARRAY[x], ARRAY[1])) FROM (SELECT {_HERE} AS x) GROUP BY x", f"[{_SHOWN}]|[{_SHOWN}]"),
        (f"CAST(ARRAY[{_HERE}] AS array(date)), CAST(ARRAY[{_HERE}] AS array(timestamp))", "[2026-07-01]|[2026-07-01 02:30:00.000]"),
        (f"CAST(ARRAY[{_HERE}, {_HERE}] AS array(varchar)), CAST(ARRAY[{_UTC}] AS array(varchar))", f"[{_SHOWN}, {_SHOWN}]|[2026-07-01 00:30:00.000 UTC]"),
        (f"CAST(ARRAY[{_PLAIN}, NULL] AS array(varchar)), CAST(ARRAY[1e7] AS array(varchar))", "[2026-01-01 00:00:00.000, null]|[1.0E7]"),
        (f"CAST(ROW(1, ARRAY[{_HERE}]) AS ROW(a bigint, b array(date)))", "{a=1, b=[2026-07-01]}"),
        (f"CAST(ARRAY['a', 'abcd'] AS array(char(3))), CAST(ARRAY[{_CHAR}] AS array(char(2)))", "[a  , abc]|[a ]"),
        (f"coalesce({_UTC}, {_PLAIN})", "2026-07-01 00:30:00.000 UTC"),
        (f"regexp_like({_CHAR}, 'a$'), split({_CHAR}, ' '), starts_with({_CHAR}, 'a '), array_join(ARRAY[{_CHAR}, {_CHAR}], ',')", "false|[a, , ]|true|a  ,a  "),
        (f"x FROM (SELECT {_CHAR} AS x UNION SELECT CAST('a ' AS char(3)))", "a  "),
        ("count(DISTINCT x), count(*) FROM (VALUES CAST('a' AS char(3)), CAST('a ' AS char(3))) t(x)", "1|2"),
        (f"coalesce({_CHAR}, NULL), ARRAY[{_CHAR}], CAST(CAST('1' AS char(3)) AS integer), {_CHAR} LIKE 'a  '", "a  |[a  ]|1|true"),
    ],
)  # fmt: skip
def test_what_is_alike_is_answered(opened: QueryEngine, sql: str, said: str) -> None:
    assert texts(answer(opened, f"SELECT {sql}")) == said
