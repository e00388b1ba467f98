"""Writes YAML as a colleague would by hand: quoted where it must be, and nowhere else."""

from __future__ import annotations

import re

import yaml

from sluice.contracts.strict_yaml import load_yaml

_PLAIN = re.compile(r"[^\s#&*!|>%@`'\"\[\]{},:?-][^#:,\[\]{}\n\r\t]*")

#: What is text as it stands: asking the loader takes a while, and there are thousands of columns.
_WORD = re.compile("[A-Za-z][A-Za-z0-9_]*")
_WORDS_OF_YAML = ("true", "false", "null")


def scalar(text: str) -> str:
    """Return a text as a YAML scalar that the strict loader reads as that text."""
    if _WORD.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    if _PLAIN.fullmatch(text) and text == text.strip() and _loads(text, text):
        return text
    single = "'" + text.replace("'", "''") + "'"
    if text.isprintable() and _loads(single, text):
        return single
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return f"\\U{ord(letter):08x}"


def flow(items: list[str]) -> str:
    """Return scalars that are written already as a list in one line."""
    return f"[{', '.join(items)}]"


def _loads(spelled: str, text: str) -> bool:
    try:
        return bool(load_yaml(f"a: {spelled}\nb: [{spelled}]\n")[1] == {"a": text, "b": [text]})
    except yaml.YAMLError:
        return False
