"""Functions of texts."""

from __future__ import annotations

from sluice.confined import literal
from sluice.transforms.functions.patterns import groups_of, pattern_of, replacement_of
from sluice.transforms.functions.signatures import Argument, Refused, Signature, macro, signature


def whole(argument: Argument, name: str, least: int, most: int = 2**31 - 1) -> int:
    """Return the value of a literal whole number within bounds; ``Refused`` for any other argument."""
    if not argument.literal or not isinstance(argument.value, int) or not least <= argument.value <= most:
        raise Refused(f"{name} must be a literal whole number from {least} to {most}")
    return argument.value


def text(argument: Argument, name: str) -> str:
    """Return the value of a literal text that is not empty; ``Refused`` for any other argument."""
    if not argument.literal or not isinstance(argument.value, str) or not argument.value:
        raise Refused(f"{name} must be a literal text that is not empty")
    return argument.value


def _replaced(given: list[Argument]) -> str:
    if len(given) > 3 and given[3].value != 1:
        raise Refused("the position must be 1")
    pattern = pattern_of(given[1])
    new = replacement_of(given[2], groups_of(given[1]))
    return f"regexp_replace({given[0].sql}, {literal(pattern)}, {literal(new)}, 'g')"


def _extracted(given: list[Argument]) -> str:
    group = whole(given[2], "the group", 0, groups_of(given[1])) if len(given) > 2 else 1
    if group > groups_of(given[1]):
        raise Refused("the pattern has no such group")
    return f"regexp_extract({given[0].sql}, {literal(pattern_of(given[1]))}, {group})"


def _all_extracted(given: list[Argument]) -> str:
    group = whole(given[2], "the group", 0, groups_of(given[1]))
    found = f"regexp_extract_all({given[0].sql}, {literal(pattern_of(given[1]))}, {group})"
    # A group that takes no part is empty on Spark, and null on DuckDB.
    return f"list_transform({found}, lambda m: coalesce(m, ''))" if group else found


def _matches(given: list[Argument]) -> str:
    return f"regexp_matches({given[0].sql}, {literal(pattern_of(given[1], finds_only=True))})"


def _split(given: list[Argument]) -> str:
    if len(given) > 2 and given[2].value != -1:
        raise Refused("a limit other than -1 was never proven; take the first parts with slice")
    return f"string_split_regex({given[0].sql}, {literal(pattern_of(given[1]))})"


def _like(given: list[Argument]) -> str:
    pattern = text(given[1], "the pattern")
    if "\\" in pattern.replace("\\%", "").replace("\\_", "").replace("\\\\", ""):
        raise Refused("a backslash stands before %, _ or another backslash alone")
    return f"({given[0].sql} LIKE {literal(pattern)} ESCAPE '\\')"


def _not_below_0(sql: str) -> str:
    # DuckDB's greatest leaves nulls out.
    return f"(CASE WHEN {sql} < 0 THEN 0 ELSE {sql} END)"


def _part(given: list[Argument]) -> str:
    of, at, size = (each.sql for each in given)
    start = f"(CASE WHEN {at} > 0 THEN CAST({at} AS BIGINT) - 1 WHEN {at} < 0 THEN length({of}) + {at} WHEN {at} = 0 THEN 0 END)"
    if given[1].literal and isinstance(given[1].value, int) and given[1].value >= 0:
        return f"substring({of}, {max(given[1].value, 1)}, {_not_below_0(size)})"
    end = _not_below_0(f"({start} + {size} - {_not_below_0(start)})")
    return f"substring({of}, {_not_below_0(start)} + 1, {end})"


def _right(given: list[Argument]) -> str:
    of, size = given[0].sql, given[1].sql
    before = _not_below_0(f"(length({of}) - {size})")
    return f"(CASE WHEN {size} <= 0 THEN substring({of}, 1, 0) WHEN {size} > 0 THEN substring({of}, {before} + 1) END)"


def _padded(name: str) -> object:
    def padded(given: list[Argument]) -> str:
        whole(given[1], "the length", 0)
        text(given[2], "what is added")
        return f"{name}({', '.join(each.sql for each in given)})"

    return padded


def _index(given: list[Argument]) -> str:
    mark, count = text(given[1], "the mark"), whole(given[2], "the count", -1000, 1000)
    if len(mark) != 1:
        raise Refused("the mark must be one character")
    parts = f"string_split({given[0].sql}, {literal(mark)})"
    if count == 0:
        return f"(CASE WHEN {given[0].sql} IS NOT NULL THEN '' END)"
    return f"array_to_string({parts}[{f'1:{count}' if count > 0 else f'{count}:'}], {literal(mark)})"


def _translated(given: list[Argument]) -> str:
    for each in given[1:]:
        if not each.literal:
            raise Refused("the letters must be literal texts")
    old, new = str(given[1].value), str(given[2].value)
    pairs: dict[str, str] = {}
    for place, letter in enumerate(old):
        pairs.setdefault(letter, new[place] if place < len(new) else "")
    kept = [letter for letter, by in pairs.items() if by] + [letter for letter, by in pairs.items() if not by]
    by = "".join(pairs[letter] for letter in kept)
    return f"translate({given[0].sql}, {literal(''.join(kept))}, {literal(by)})"


def _hashed(given: list[Argument]) -> str:
    if given[1].value not in (0, 256):
        raise Refused("sha2 of 256 bits alone is proven")
    return f"sha256({given[0].sql})"


def _joined(given: list[Argument]) -> str:
    return f"({' || '.join(each.sql for each in given)})"


def _repeated(given: list[Argument]) -> str:
    return f"repeat({given[0].sql}, {whole(given[1], 'the count', 0, 1000)})"


#: Letters one by one: DuckDB's own reverse keeps marks with their letters, and Java does not.
_REVERSED = "array_to_string(list_reverse(regexp_extract_all({0}, '(?s).')), '')"
_ASCII = "(CASE WHEN {0} = '' THEN 0 ELSE unicode({0}) END)"
_BASE64 = (
    r"regexp_replace(regexp_replace(base64(encode({0})), '(.{{76}})', '\1' || chr(13) || chr(10), 'g'), '\r\n$', '')"
)

SIGNATURES: list[Signature] = [
    *signature("length", "string", "int", "CAST(length({0}) AS INTEGER)", "F.length({0})"),
    *signature("octet_length", "string", "int", "CAST(strlen({0}) AS INTEGER)", "F.octet_length({0})"),
    *signature("bit_length", "string", "int", "CAST(8 * strlen({0}) AS INTEGER)", "F.bit_length({0})"),
    *signature("substring", "string; int; int", "string", _part, *(f"F.substring({{0}}, {at}, {size})" for at in (0, 1, 2, -1, -3, 400, -400) for size in (0, 1, 2, 7, -1)), "{0}.substr(F.col('int_a') % 9, F.col('int_b') % 9)", "F.substr({0}, F.lit(2), F.lit(3))"),
    *signature("substring", "string; int", "string", lambda a: _part([*a, Argument("2147483647", "int", 2**31 - 1, True)]), "F.expr('substring({0}, 2)')", "F.expr('substring({0}, -2)')", "F.expr('substring({0}, 0)')"),
    *signature("left", "string; int", "string", lambda a: f"substring({a[0].sql}, 1, {_not_below_0(a[1].sql)})", "F.left({0}, F.lit(2))", "F.left({0}, F.col('int_a') % 9)"),
    *signature("right", "string; int", "string", _right, "F.right({0}, F.lit(2))", "F.right({0}, F.col('int_a') % 9)"),
    *signature("concat", "string…", "string", _joined, "F.concat({0}, {1})", "F.concat({0}, F.lit('-'), {1})", "F.concat({0})"),
    *signature("concat_ws", "string; string…", "string", "concat_ws({every})", "F.concat_ws('|', {0}, {1})", "F.concat_ws('', {0}, {1}, {0})"),
    *signature("trim", "string", "string", "trim({0}, ' ')", "F.trim({0})"),
    *signature("ltrim", "string", "string", "ltrim({0}, ' ')", "F.ltrim({0})"),
    *signature("rtrim", "string", "string", "rtrim({0}, ' ')", "F.rtrim({0})"),
    *signature("btrim", "string", "string", "trim({0}, ' ')", "F.btrim({0})"),
    *signature("lpad", "string; int; string", "string", _padded("lpad"), "F.lpad({0}, 5, 'xy')", "F.lpad({0}, 0, 'x')", "F.lpad({0}, 40, 'é')"),  # type: ignore[arg-type]
    *signature("rpad", "string; int; string", "string", _padded("rpad"), "F.rpad({0}, 5, 'xy')", "F.rpad({0}, 0, 'x')", "F.rpad({0}, 40, 'é')"),  # type: ignore[arg-type]
    *signature("repeat", "string; int", "string", _repeated, "F.repeat({0}, 3)", "F.repeat({0}, 0)"),
    *signature("reverse", "string", "string", _REVERSED, "F.reverse({0})"),
    *signature("translate", "string; string; string", "string", _translated, "F.translate({0}, 'abcß', 'xyz')", "F.translate({0}, 'aab', 'xyz')", "F.translate({0}, '', 'x')", "F.translate({0}, 'İı', 'ii')"),
    *signature("replace", "string; string; string", "string", lambda a: f"replace({a[0].sql}, {literal(text(a[1], 'the search'))}, {a[2].sql})", "F.replace({0}, F.lit('a'), F.lit('bb'))", "F.replace({0}, F.lit('aa'), {1})"),
    *signature("instr", "string; string", "int", "CAST(instr({0}, {1}) AS INTEGER)", "F.instr({0}, 'a')", "F.instr({0}, 'ß')", "F.instr({0}, '')"),
    *signature("locate", "string; string", "int", "CAST(instr({1}, {0}) AS INTEGER)", "F.locate('a', {0})", "F.expr('locate({0}, {1})')"),
    *signature("locate", "string; string; int", "int", lambda a: f"CAST(instr({a[1].sql}, {a[0].sql}) AS INTEGER)" if a[2].value == 1 else _refuse_position(), "F.locate('a', {0}, 1)"),
    *signature("contains", "string; string", "boolean", "contains({0}, {1})", "{0}.contains({1})", "{0}.contains('a')", "F.contains({0}, {1})"),
    *signature("startswith", "string; string", "boolean", "starts_with({0}, {1})", "{0}.startswith({1})", "{0}.startswith('a')"),
    *signature("endswith", "string; string", "boolean", "ends_with({0}, {1})", "{0}.endswith({1})", "{0}.endswith('a')"),
    *signature("like", "string; string", "boolean", _like, "{0}.like('%a%')", "{0}.like('a_')", r"{0}.like('%\\%%')", r"{0}.like('%\\_')"),
    *signature("rlike", "string; string", "boolean", _matches, r"{0}.rlike('^[a-z]+$')", "{0}.rlike('a.b')", r"{0}.rlike('\\s')", r"{0}.rlike('^.*$')", r"{0}.rlike('\\d{{2,}}')", r"{0}.rlike('(a|b)c*')"),
    *signature("regexp_replace", "string; string; string", "string", _replaced, r"F.regexp_replace({0}, '(a)(b)', '$2$1')", r"F.regexp_replace({0}, '[ .,;/_-]+', '')", r"F.regexp_replace({0}, '\\s+', '\\$\\\\')", r"F.regexp_replace({0}, 'ß|é', 'x$0x')", r"F.regexp_replace({0}, '.', '<$0>')", r"F.regexp_replace({0}, '^a', 'b')", r"F.regexp_replace({0}, '[^0-9]', '')"),
    *signature("regexp_extract", "string; string; int", "string", _extracted, r"F.regexp_extract({0}, '(\\w)-(\\w)', 2)", r"F.regexp_extract({0}, '([a-z]+)', 1)", r"F.regexp_extract({0}, 'a(b)?', 1)", r"F.regexp_extract({0}, '[0-9]+', 0)"),
    *signature("regexp_substr", "string; string", "string", lambda a: f"nullif(regexp_extract({a[0].sql}, {literal(pattern_of(a[1]))}), '')", "F.regexp_substr({0}, F.lit('[a-z]+'))", "F.regexp_substr({0}, F.lit('b|12'))"),
    *signature("position", "string; string", "int", "CAST(instr({1}, {0}) AS INTEGER)", "F.position(F.lit('a'), {1})", "F.position({0}, {1})"),
    *signature("regexp_count", "string; string", "int", lambda a: f"CAST(len(regexp_extract_all({a[0].sql}, {literal(pattern_of(a[1]))})) AS INTEGER)", "F.regexp_count({0}, F.lit('[a-z]'))"),
    *signature("regexp_extract_all", "string; string; int", "array<string>", _all_extracted, "F.regexp_extract_all({0}, F.lit('([a-z])[0-9]'), 1)", "F.regexp_extract_all({0}, F.lit('([a-z])?[0-9]'), 1)", "F.regexp_extract_all({0}, F.lit('[a-z]'), 0)"),
    *signature("split", "string; string", "array<string>", _split, "F.split({0}, ',')", "F.split({0}, '[|]')", r"F.split({0}, '\\s+')", "F.split({0}, 'ab')"),
    *signature("split", "string; string; int", "array<string>", _split, "F.split({0}, ',', -1)"),
    *signature("split_part", "string; string; int", "string", lambda a: f"split_part({a[0].sql}, {literal(text(a[1], 'the mark'))}, {whole(a[2], 'the part', 1)})", "F.split_part({0}, F.lit(','), F.lit(1))", "F.split_part({0}, F.lit('aa'), F.lit(2))"),
    *signature("substring_index", "string; string; int", "string", _index, "F.substring_index({0}, ',', 1)", "F.substring_index({0}, 'a', -1)", "F.substring_index({0}, '|', 2)", "F.substring_index({0}, 'a', -2)", "F.substring_index({0}, ',', 0)"),
    *signature("ascii", "string", "int", _ASCII, "F.ascii({0})"),
    *signature("md5", "string", "string", "md5({0})", "F.md5({0})"),
    *signature("sha1", "string", "string", "sha1({0})", "F.sha1({0})"),
    *signature("sha2", "string; int", "string", _hashed, "F.sha2({0}, 256)", "F.sha2({0}, 0)"),
    *signature("hex", "string", "string", "hex({0})", "F.hex({0})"),
    *signature("hex", "bigint", "string", "hex({0})", "F.hex({0})"),
    *signature("bin", "bigint", "string", "bin({0})", "F.bin({0})"),
    *signature("base64", "string", "string", _BASE64, "F.base64({0})"),
    *signature("upper", "string", "string", macro("sluice_upper"), "F.upper({0})", "F.upper(F.upper({0}))"),
    *signature("lower", "string", "string", macro("sluice_lower"), "F.lower({0})"),
    *signature("initcap", "string", "string", macro("sluice_initcap"), "F.initcap({0})"),
    *signature("levenshtein", "string; string", "int", "CAST(levenshtein({0}, {1}) AS INTEGER)", "F.levenshtein({0}, {1})", why="DuckDB counts bytes, Spark letters", instead="hold both to ASCII by rlike, and accept it"),
]  # fmt: skip


def _refuse_position() -> str:
    raise Refused("a position other than 1 was never proven; take F.substring first")
