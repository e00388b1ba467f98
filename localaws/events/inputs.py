"""Makes a target's input from an event: the whole event, a constant, a part, or a template filled from it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from jsonpath_ng.parser import JsonPathParser

_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")


class InputError(Exception):
    """A target's input cannot be made from the event."""


def target_input(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """Return the text that ``target`` receives for ``event``; raise InputError if it cannot be made."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        found, value = _find(target["InputPath"], event)
        if not found:
            raise InputError(f"InputPath {target['InputPath']} matches nothing in the event")
        return json.dumps(value)
    if target.get("InputTransformer"):
        transformer = target["InputTransformer"]
        return _fill(transformer["InputTemplate"], transformer.get("InputPathsMap") or {}, event, rule_arn)
    return json.dumps(event)


def _fill(template: str, paths: Mapping[str, str], event: Mapping[str, Any], rule_arn: str) -> str:
    values: dict[str, tuple[bool, Any]] = {name: _find(path, event) for name, path in paths.items()}
    values["aws.events.rule-arn"] = (True, rule_arn)
    values["aws.events.rule-name"] = (True, rule_arn.rsplit("/", 1)[-1])
    values["aws.events.event.json"] = (True, dict(event))
    values["aws.events.event"] = (True, {name: value for name, value in event.items() if name != "detail"})
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values["aws.events.event.ingestion-time"] = (True, now)
    quoted = _quoted_spans(template)

    def replace(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        found, value = values[match[1]]
        inside = any(start < match.start() < end for start, end in quoted)
        if isinstance(value, str) or not found:
            text = json.dumps(value if found else "")
            return text[1:-1] if inside else text  # a bare placeholder of a string is quoted by EventBridge
        text = json.dumps(value)
        return text.replace('"', '\\"') if inside else text

    if template.lstrip()[:1] not in {"{", "["} and not quoted:
        return json.dumps(_PLACEHOLDER.sub(lambda match: _plain(values, match), template))
    filled = _PLACEHOLDER.sub(replace, template)
    try:
        json.loads(filled)
    except ValueError as error:
        raise InputError(f"InputTemplate gives no JSON: {filled[:300]} ({error})") from error
    return filled


def _plain(values: Mapping[str, tuple[bool, Any]], match: re.Match[str]) -> str:
    if match[1] not in values:
        return match[0]
    found, value = values[match[1]]
    return (value if isinstance(value, str) else json.dumps(value)) if found else ""


def _quoted_spans(template: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r'"(?:\\.|[^"\\])*"', template)]


def _find(path: str, event: Mapping[str, Any]) -> tuple[bool, Any]:
    matches = _compiled(path).find(event)
    return (True, matches[0].value) if matches else (False, None)


@functools.lru_cache(maxsize=256)
def _compiled(path: str) -> Any:
    # jsonpath-ng reads `$.detail-type` as a subtraction unless the field is quoted.
    parts = re.sub(r"\.([A-Za-z0-9_]*-[A-Za-z0-9_\-]*)", r"['\1']", path)
    return JsonPathParser().parse(parts)
