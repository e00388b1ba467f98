"""Lays out the Python of a function that is written from a query: texts, calls, lines, and the module."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping, Sequence

from sluice.transforms.written_kinds import RefusedSelect

_LINE = 120


def python_text(text: str) -> str:
    """Return a text as Python has it, between double quotes."""
    return f'"{text}"' if text.isprintable() and not set(text) & set('"\\') else repr(text)


def bare(text: str) -> str:
    """Return an expression without the parentheses around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    try:
        inner = ast.dump(ast.parse(text[1:-1], mode="eval"))
    except SyntaxError:
        return text  # they are around its first and its last part
    return text[1:-1] if inner == ast.dump(ast.parse(text, mode="eval")) else text


def wrapped(before: str, items: Sequence[str], after: str) -> str:
    """Return a call in one line, or with a line for each argument."""
    line = f"{before}{', '.join(items)}{after}"
    if len(line) <= _LINE - 12:
        return line
    return before + "".join(f"\n    {item}," for item in items) + "\n" + after


def chained(steps: Sequence[str]) -> str:
    """Return a chain of calls: in one line where there is room, else with a line for each."""
    text = "".join(steps)
    if len(text) < _LINE - 11 and "\n" not in text:
        return text
    first, *rest = ["\n".join("        " + line for line in step.split("\n")) for step in steps]
    return "(\n" + "\n".join([first, *rest]) + "\n    )"


def module(table: str, inputs: Mapping[str, str], body: str, *, uses_functions: bool) -> str:
    """Return the module of the function; ``RefusedSelect`` for an input that can be no parameter."""
    if word := next(filter(keyword.iskeyword, inputs), ""):
        raise RefusedSelect(f"{word} is a word of Python, and can be no parameter: write the function by hand")
    name = table.rpartition(".")[2]
    functions = "from pyspark.sql import functions as F\n" if uses_functions else ""
    declared = ", ".join(f'{parameter}="{source}"' for parameter, source in inputs.items())
    parameters = ", ".join(f"{parameter}: DataFrame" for parameter in inputs)
    return (
        f'"""``{table}``: TODO."""\n\nfrom pyspark.sql import DataFrame\n{functions}'
        f"from sluice.transforms import transform\n\n\n@transform({declared})\n"
        f'def {name}({parameters}) -> DataFrame:\n    """Return TODO."""\n    return {body}\n'
    )
