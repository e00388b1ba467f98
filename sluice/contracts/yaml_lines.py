"""Where in a YAML file a value stands, so that an error can name the line."""

from __future__ import annotations

from collections.abc import Sequence

import yaml


def line_of(root: yaml.Node | None, path: Sequence[str | int]) -> int:
    """Return the 1-based line of the value at ``path``, or of its nearest ancestor that exists."""
    node, line = root, 1
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        node, line = found
    return line


def written_at(root: yaml.Node | None, path: Sequence[str | int]) -> str | None:
    """Return the scalar at ``path`` as it is written, 1.10 as 1.10, or None when there is no scalar or it is null."""
    node = root
    for step in path:
        found = _child(node, step)
        if found is None:
            return None
        node = found[0]
    return node.value if isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":null") else None


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line + 1
        for key, merged in node.value:
            if key.tag.endswith(":merge"):
                for each in merged.value if isinstance(merged, yaml.SequenceNode) else [merged]:
                    if (found := _child(each, step)) is not None:
                        return found
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item, item.start_mark.line + 1
    return None
