"""An event source mapping's filters: which records reach the function.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException

from localaws.events.patterns import InvalidPattern, Pattern, parse


def check(criteria: Mapping[str, Any] | None) -> None:
    """Raise for FilterCriteria that Lambda would refuse."""
    for each in (criteria or {}).get("Filters") or ():
        try:
            parse(each.get("Pattern") or "")
        except InvalidPattern as error:
            raise InvalidParameterValueException(f"Invalid filter pattern definition. ({error})") from error


def patterns_of(mapping: Any) -> list[Pattern]:
    """Return the parsed patterns of a mapping's FilterCriteria; an empty list lets every record through."""
    return [parse(each["Pattern"]) for each in (mapping.filter_criteria or {}).get("Filters") or ()]


def matches(patterns: list[Pattern], record: Mapping[str, Any], body: str) -> bool:
    """Return whether any filter lets ``record`` through.

    Its field ``body`` is matched by the fields inside it if it is JSON, else as text.
    """
    try:
        content = json.loads(record[body])
    except ValueError:
        content = record[body]
    by_fields = {**record, body: content if isinstance(content, dict) else record[body]}
    for pattern in patterns:
        wants_fields = isinstance(pattern.fields.get(body), dict)
        if pattern.matches(by_fields if wants_fields else record):
            return True
    return False
