"""Reads templates in YAML as CloudFormation does: short forms of functions, and dates that stay text.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

from typing import Any

import yaml

#: Short forms whose long form has no ``Fn::`` before it.
_BARE = ("Ref", "Condition")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """A safe loader of its own, so that what is added here is known to no other."""


# `2012-10-17` is the version of a policy's language: text.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if name == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name if name in _BARE else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short)


def read_yaml(text: str) -> Any:
    """Return what a template in YAML says, its functions in long form; raise ``yaml.YAMLError``."""
    return yaml.load(text, Loader=_Loader)
