"""Athena's operators and functions of numbers, conditions and comparisons, composed of proven calls.

https://trino.io/docs/current/functions/math.html https://trino.io/docs/current/functions/comparison.html
Where Athena stops (a division by zero, an overflow, a value that does not fit a type), the result here is NULL.
"""

from __future__ import annotations

from functools import reduce

from sluice.transforms.check_sql.both import EXACT_DIGITS, NOTHING, Both, cast, decimal, moment, point, proven, whole
from sluice.transforms.functions.coercion import common_type
from sluice.transforms.functions.nodes import is_moment
from sluice.transforms.functions.signatures import Argument, Refused
from sluice.transforms.functions.spark_types import NULL, is_decimal, sizes

_WHOLE = ("int", "bigint")
_TRIED = {"+": "try_add", "-": "try_subtract", "*": "try_multiply"}
_MIXED = "are not compared without a cast, as in Athena; cast one of them"


def is_number(given: Both) -> bool:
    """Return whether it is a number, or NULL."""
    return given.type in (*_WHOLE, "double", NULL) or is_decimal(given.type)


def alike(*given: Both) -> list[Both]:
    """Return the values as one type, in which they are compared; ``Refused`` where Athena compares none of them."""
    types = {each.type for each in given} - {NULL}
    if len(types) < 2:
        return list(given)
    if types & {"date", "timestamp_ntz"}:
        return _moments(list(given))
    if not all(map(is_number, given)):
        raise Refused(f"{' and '.join(sorted(types))} {_MIXED}")
    if "double" in types:
        in_digits = [exact(each) for each in given]
        if all(each is not None for each in in_digits):
            return [each for each in in_digits if each is not None]
        return [cast(each, "double") for each in given]
    return list(given)


def _moments(given: list[Both]) -> list[Both]:
    kinds = {each.type for each in given if each.is_moment}
    kind = "timestamp_ntz" if "timestamp_ntz" in kinds else "date"
    made = []
    for each in given:
        if each.type == "string" and is_moment(Argument("", "string", each.value, each.literal), f"→{kind}"):
            made.append(moment(str(each.value), kind))
        elif each.is_moment or each.type == NULL:
            made.append(cast(each, kind))
        else:
            raise Refused(f"{kind.removesuffix('_ntz')} and {each.type} {_MIXED}")
    return made


def exact(given: Both) -> Both | None:
    """Return a decimal of so few digits that a double keeps them, or a number written with a point, as a decimal."""
    if is_decimal(given.type) and sizes(given.type)[0] <= EXACT_DIGITS:
        return given
    digits = str(given.value)
    if given.type == "double" and given.literal and digits.lstrip("-").replace(".", "", 1).isdigit():
        return decimal(digits) if len(digits) <= EXACT_DIGITS else None
    return given if given.type == NULL or (given.literal and given.type == "int") else None


def _refuse_others(*given: Both) -> None:
    for each in given:
        if not is_number(each):
            raise Refused(f"{each.type} is no number; cast it")


def calculated(sign: str, one: Both, other: Both) -> Both:
    """Return the sum, difference or product of two numbers."""
    _refuse_others(one, other)
    if "double" in (one.type, other.type):
        return proven(sign, cast(one, "double"), cast(other, "double"))
    if {one.type, other.type} <= {*_WHOLE, NULL}:
        wide = common_type([one.type, other.type]) or "int"
        return proven(_TRIED[sign], cast(one, wide), cast(other, wide))
    return proven(sign, one, other)


def divided(one: Both, other: Both) -> Both:
    """Return the quotient: of whole numbers without the rest, of decimals with more digits than Athena keeps."""
    _refuse_others(one, other)
    if {one.type, other.type} <= {*_WHOLE, NULL}:
        made = proven("div", cast(one, "bigint"), cast(other, "bigint"))
        # The one quotient that 64 bits do not hold starts over.
        over = both_hold(proven("==", one, whole(-(2**63))), proven("==", other, whole(-1)))
        may_be = one.type == "bigint" and (not other.literal or other.value == -1)
        return proven("when", over, NOTHING, made) if may_be else made
    if "double" in (one.type, other.type):
        return proven("/", cast(one, "double"), cast(other, "double"))
    try:
        return proven("/", one, other)
    except Refused:  # its digits are more than a decimal has
        return proven("/", cast(one, "double"), cast(other, "double"))


def rest(one: Both, other: Both) -> Both:
    """Return what is left of a division, with the sign of the dividend."""
    _refuse_others(one, other)
    if any(is_decimal(each.type) for each in (one, other)):
        raise Refused(f"on ({one.type}, {other.type}) it was never tried; cast both to bigint, or to double")
    if "double" in (one.type, other.type):
        return proven("%", cast(one, "double"), cast(other, "double"))
    return proven("%", one, other)


def negated(given: Both) -> Both:
    """Return the number with the other sign."""
    if given.type in _WHOLE:
        return calculated("-", whole(0), given)
    return proven("-", point("0.0"), given) if given.type == "double" else proven("negate", given)


def absolute(given: Both) -> Both:
    """Return the number without its sign."""
    if given.type in _WHOLE:
        return chosen(proven("<", given, cast(whole(0), given.type)), negated(given), given)
    return proven("abs", given)


def rounded(given: Both, places: Both | None = None) -> Both:
    """Return the number rounded half away from zero."""
    if places is not None and (not places.literal or not isinstance(places.value, int) or not 0 <= places.value <= 15):
        raise Refused("its places are a whole number from 0 to 15")
    if given.type in _WHOLE:
        return given
    if is_decimal(given.type):
        return proven("round", given, *([places] if places else []))
    _refuse_others(given)
    if places is None or places.value == 0:
        return half_away(given)
    factor = point(f"1{'0' * int(places.value or 0)}.0")
    return proven("/", half_away(proven("*", given, factor)), factor)


def half_away(given: Both) -> Both:
    """Return a double rounded to a whole one, halves away from zero."""
    near = proven("rint", given)
    half = proven("==", proven("abs", proven("-", given, near)), point("0.5"))
    away = proven("+", given, proven("*", proven("signum", given), point("0.5")))
    return proven("when", half, away, near)


def floored(given: Both, name: str = "floor") -> Both:
    """Return the number rounded down, or up with ``ceil``, in its own type."""
    if given.type in _WHOLE:
        return given
    if given.type != "double":
        return proven(name, given)
    near = proven("rint", given)
    too_far = proven(">" if name == "floor" else "<", near, given)
    return proven("when", too_far, proven("-" if name == "floor" else "+", near, point("1.0")), near)


def sign_of(given: Both) -> Both:
    """Return -1, 0 or 1."""
    if given.type == "double":
        return proven("signum", given)
    zero, one, less = whole(0), whole(1), whole(-1)
    positive, negative = proven(">", given, zero), proven("<", given, zero)
    return proven("when", positive, one, negative, less, proven("==", given, zero), zero)


def root(given: Both) -> Both:
    """Return the square root, NaN of a negative number."""
    _refuse_others(given)
    return proven("sqrt", cast(given, "double"))


def chosen(condition: Both, yes: Both, no: Both = NOTHING) -> Both:
    """Return one value where the condition is true, and the other where it is false or NULL."""
    return cases([(condition, yes)], no)


def cases(branches: list[tuple[Both, Both]], otherwise: Both) -> Both:
    """Return CASE WHEN … END."""
    values = alike(*(value for _, value in branches), otherwise)
    conditions = [condition for condition, _ in branches]
    if all(each.type == NULL for each in values):
        raise Refused("every branch is NULL, which has no type; cast one of them")
    flat = [part for pair in zip(conditions, values, strict=False) for part in pair]
    return proven("when", *flat, values[-1])


def first_present(*given: Both) -> Both:
    """Return the first value that is not NULL."""
    return proven("coalesce", *alike(*given))


def outermost(name: str, given: list[Both]) -> Both:
    """Return the greatest or least value; NULL where one is NULL, unlike on either engine."""
    values = alike(*given)
    missing = reduce(lambda one, other: proven("or", one, other), (is_null(each) for each in values))
    return proven("when", missing, NOTHING, proven(name, *values))


def is_null(given: Both) -> Both:
    """Return whether it is NULL; of any type."""
    return Both(f"({given.duckdb} IS NULL)", f"({given.spark} IS NULL)", "boolean")


def nothing_if(one: Both, other: Both) -> Both:
    """Return the first value, or NULL where it is the second."""
    return proven("when", compared("==", one, other), NOTHING, one)


def compared(name: str, one: Both, other: Both) -> Both:
    """Return a comparison of two values as one type."""
    return proven(name, *alike(one, other))


def both_hold(one: Both, other: Both) -> Both:
    """Return whether two conditions hold."""
    return proven("and", one, other)


def converted(given: Both, kind: str) -> Both:
    """Return a cast as in Athena, which rounds numbers; NULL for what does not fit, as TRY_CAST."""
    if given.literal and given.type == "string" and is_moment(Argument("", "string", given.value, True), f"→{kind}"):
        return moment(str(given.value), kind)
    if given.literal and given.type == "string" and kind == "date":
        raise Refused(f"{given.value!r} is no day of the years 1 to 9999, as 2026-01-31")
    if given.literal and given.type in ("string", "double") and is_decimal(kind):
        given = decimal(str(given.value))
    if kind in _WHOLE and given.type == "double":
        return cast(half_away(given), kind)
    if kind in _WHOLE and is_decimal(given.type):
        return cast(proven("round", given, whole(0)), kind)
    if given.type == "boolean" and is_decimal(kind):
        return cast(cast(given, "int"), kind)
    return cast(given, kind)
