"""YAML in which nothing that was written is dropped or read as something else.

A key may stand once in a mapping and is text. What is a number to one version of YAML alone (``007``, ``1_000``,
``12:30``, ``1e3``), a date, and ``yes``, ``no``, ``on``, ``off`` are text.
"""

from __future__ import annotations

import re
from typing import Any, cast

import yaml

#: Levels of YAML, and nodes with every alias written out: a contract has eight, and some thousands.
DEEPEST, _MOST_NODES = 40, 200_000


class _Loader(yaml.SafeLoader):
    """Knows the scalars that YAML 1.1 and the core schema of 1.2 read alike."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node; what is nested too deep for who walks it is refused."""
        if self.depth == DEEPEST:
            mark = cast(Any, self).peek_event().start_mark  # the stubs do not type it
            problem = f"it is nested more than {DEEPEST} levels deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
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
_ALLOWED = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null", "merge", "str", "seq", "map")
)
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


def load_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the one document of ``text`` as nodes and as values; ``yaml.MarkedYAMLError`` names place and problem."""
    root = yaml.compose(text, Loader=_Loader)
    if root is None:
        return None, None
    _refuse_dropped(root, [], set())
    if _written_out(root, {}) > _MOST_NODES:
        raise _error(root, f"its aliases stand for more than {_MOST_NODES:,} values")
    return root, yaml.load(text, Loader=_Loader)


def _refuse_dropped(node: yaml.Node, above: list[yaml.Node], seen: set[int]) -> None:
    """Raise for what constructing ``node`` would drop or change."""
    if any(node is each for each in above):
        raise _error(node, "an anchor stands inside itself")
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.tag not in _ALLOWED:
        raise _error(node, f"the tag {node.tag!r} is not allowed; a contract holds text, numbers, lists and mappings")
    inside = [*above, node]
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_dropped(item, inside, seen)
    if isinstance(node, yaml.MappingNode):
        _refuse_repeated(node)
        for key, value in node.value:
            _refuse_dropped(key, inside, seen)
            _refuse_dropped(value, inside, seen)


def _written_out(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many nodes there are below ``node`` with each alias written out."""
    if id(node) not in known:
        inside = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
        inside = [] if isinstance(node, yaml.ScalarNode) else inside
        known[id(node)] = 1 + sum(_written_out(each, known) for each in inside)
    return known[id(node)]


def _refuse_repeated(node: yaml.MappingNode) -> None:
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag not in (_TEXT, _MERGE):
            said = f"{key.value!r} is no text" if isinstance(key, yaml.ScalarNode) else "it is no text"
            raise _error(key, f"a key is text, and {said}: put it between quotes")
        if key.value in first:
            raise _error(
                key, f"the key {key.value!r} stands twice in one mapping, in lines {first[key.value]} and {line}"
            )
        first[key.value] = line


def _error(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
