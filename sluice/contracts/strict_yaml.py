"""Loads YAML strictly: nothing that is written is dropped or read as something else.

A key is text and may stand once in a mapping, and once in a list of mappings that are merged. A value has the type that
it looks like; tags that would change it are refused. Numbers of one YAML version alone (``007``, ``1_000``, ``12:30``,
``1e3``), dates, and ``yes``, ``no``, ``on``, ``off`` are text.

YAML 1.1: https://yaml.org/type/
YAML 1.2, core schema: https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

#: Levels of YAML, and nodes with every alias written out: a contract has eight, and some thousands.
DEEPEST, _MOST_NODES = 40, 200_000


class _Loader(yaml.SafeLoader):
    """A loader that knows only the scalars that YAML 1.1 and the core schema of YAML 1.2 read alike."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node; raise for a tag, and for nodes nested deeper than recursive readers can follow."""
        event = cast(Any, self).peek_event()  # the stubs do not type it
        problem = ""
        if getattr(event, "tag", None) is not None:
            spelled = event.tag.replace("tag:yaml.org,2002:", "!!")
            problem = f"the tag {spelled!r} is not allowed; a value is what it looks like, and text between quotes"
        if self.depth == DEEPEST:
            problem = f"it is nested more than {DEEPEST} levels deep"
        if problem:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_CORE = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]*(?:[eE][-+][0-9]+)?", "-+0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
)
for _name, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"^(?:{_pattern})$"), list(_first))
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


def load_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the one document of ``text`` as nodes and as values; ``yaml.MarkedYAMLError`` gives place and problem."""
    loader: Any = _Loader(text)
    try:
        root = loader.get_single_node()
    except (ValueError, OverflowError) as error:  # PyYAML does not check versions and \U escapes
        raise yaml.MarkedYAMLError(problem=str(error), problem_mark=loader.get_mark()) from error
    if root is None:
        return None, None
    repeated: list[yaml.MarkedYAMLError] = []
    _refuse_dropped(root, [], set(), repeated)
    if repeated:
        raise Repeated(repeated)
    if _written_out(root, {}) > _MOST_NODES:
        raise _error(root, f"its aliases stand for more than {_MOST_NODES:,} values")
    _keys_with_merged(root, {})
    # What is merged is written into the nodes when values are made of them: those that are returned stay as they stand.
    return root, yaml.load(text, Loader=_Loader) if "<<" in text else loader.construct_document(root)


def line_and_problem(error: yaml.YAMLError) -> tuple[int, str]:
    """Return the line, from 1, of what is no YAML, and what is wrong there."""
    mark, problem = getattr(error, "problem_mark", None), str(getattr(error, "problem", None) or error)
    begun = getattr(error, "context_mark", None)
    line: int = mark.line + 1 if mark else 1
    if "'\\t'" in problem:
        return line, "a tab stands where YAML wants blanks; indent by blanks alone"
    if begun and "could not find expected ':'" in problem:
        return begun.line + 1, "the line is no `key: value`: a key ends with a colon and a blank"
    if begun and "flow" in str(getattr(error, "context", "")) and begun.line + 1 < line:
        return begun.line + 1, f"the bracket that opens here is not closed: in line {line}, {problem}"
    return line, problem


class Repeated(yaml.MarkedYAMLError):
    """Keys that stand twice in a mapping: ``every`` one of a file."""

    def __init__(self, every: list[yaml.MarkedYAMLError]) -> None:
        super().__init__(problem=every[0].problem, problem_mark=every[0].problem_mark)
        self.every = tuple(every)


def _refuse_dropped(
    node: yaml.Node, above: list[yaml.Node], seen: set[int], repeated: list[yaml.MarkedYAMLError]
) -> None:
    """Raise for anything in ``node`` that constructing its values would drop or change; list its repeated keys."""
    if any(node is each for each in above):
        raise _error(node, "an anchor stands inside itself")
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        _refuse_changed(node)
    inside = [*above, node]
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_dropped(item, inside, seen, repeated)
    if isinstance(node, yaml.MappingNode):
        repeated += _repeated(node)
        for key, value in node.value:
            _refuse_dropped(key, inside, seen, repeated)
            _refuse_dropped(value, inside, seen, repeated)


def _refuse_changed(node: yaml.ScalarNode) -> None:
    """Raise for a number that would be read as infinity or not at all, and for text that is not valid Unicode."""
    if node.tag in (_INT, _FLOAT):
        try:
            finite = math.isfinite(float(node.value)) if node.tag == _FLOAT else int(node.value) is not None
        except ValueError:
            finite = False
        if not finite:
            raise _error(node, "a number of so many digits cannot be held; put it between quotes if it is text")
    if not node.value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in node.value):
        raise _error(node, "half of a surrogate pair is no text")


def _written_out(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many nodes there are below ``node``, each alias counted with all of its nodes."""
    if id(node) not in known:
        inside = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
        inside = [] if isinstance(node, yaml.ScalarNode) else inside
        known[id(node)] = 1 + sum(_written_out(each, known) for each in inside)
    return known[id(node)]


def _repeated(node: yaml.MappingNode) -> Iterator[yaml.MarkedYAMLError]:
    """Yield an error for each key that stands twice; raise for one that is no text."""
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag not in (_TEXT, _MERGE):
            said = f"{key.value!r} is no text" if isinstance(key, yaml.ScalarNode) else "it is no text"
            raise _error(key, f"a key is text, and {said}: put it between quotes")
        if key.value in first:
            yield _error(
                key, f"the key {key.value!r} stands twice in one mapping, in lines {first[key.value]} and {line}"
            )
        else:
            first[key.value] = line


def _keys_with_merged(node: yaml.Node, known: dict[int, set[str]]) -> set[str]:
    """Return the keys of a mapping, including merged ones; an empty set for any other node.

    Raise for a key that a list of merged mappings repeats: one of the values would be dropped.
    """
    if id(node) in known or isinstance(node, yaml.ScalarNode):
        return known.get(id(node), set())
    keys: set[str] = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ((None, item) for item in node.value):
        inside = _keys_with_merged(value, known)
        if key is None:
            continue
        if key.tag != _MERGE:
            keys.add(key.value)
            continue
        merged: set[str] = set()
        for each in value.value if isinstance(value, yaml.SequenceNode) else []:
            theirs = known.get(id(each), set())
            if both := merged & theirs:
                raise _error(each, f"the key {min(both)!r} stands in two of the mappings that are merged")
            merged |= theirs
        keys |= merged or inside
    known[id(node)] = keys
    return keys


def _error(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
