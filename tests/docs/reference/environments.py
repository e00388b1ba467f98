"""``docs/reference/environments.md``: every setting of ``environments.yaml``, by the comment before its field."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import MISSING, fields

from sluice import environments
from sluice.environments import _NUMBERS, _PEOPLE, _SWITCHES, _TEXTS, LOG_DAYS, Environment
from sluice.vpc import ALLOWED
from tests.docs.reference.page import page, said, table

BEGINS = """`name_prefix` begins the name of each stack: at most 30 small letters, digits and single `-`.
Below `environments` stands each by its name, of at most 16 small letters and digits.
What is no field, or no value of it, is refused with its line."""


def told(source: str, of: str) -> dict[str, str]:
    """Return the ``#:`` comment before each field of a class, by the field's name."""
    (found,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == of)
    lines, texts = source.splitlines(), {}
    for node in (each for each in found.body if isinstance(each, ast.AnnAssign)):
        above, at = [], node.lineno - 2
        while lines[at].strip().startswith("#:"):
            above.insert(0, lines[at].strip().removeprefix("#:").strip())
            at -= 1
        texts[ast.unparse(node.target)] = " ".join(above)
    return texts


def environments_page(source: str = inspect.getsource(environments)) -> str:
    """Return the page."""
    texts = told(source, "Environment")
    rows = []
    for each in fields(Environment):
        if each.name in ("name", "name_prefix"):
            continue
        default = "needed" if each.default is MISSING else _default(each.default)
        text = re.sub(r"``", "`", said(texts.get(each.name), f"the setting {each.name} of an environment"))
        rows.append((f"`{each.name}`", text.removesuffix("."), _allowed(each.name), default))
    least = "name_prefix: shop\nenvironments:\n  dev:\n    region: us-east-1\n    keep_data: false"
    example = f'The least that `environments.yaml` says:\n\n```yaml title="environments.yaml"\n{least}\n```'
    return page(
        "Settings of an environment",
        "What `environments.yaml` can say of each place where a project is deployed.",
        BEGINS, example, table(("setting", "what", "allowed", "when it is left out"), rows),
    )  # fmt: skip


def _default(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if value not in ("", None, ()) else "nothing"


def _allowed(name: str) -> str:
    if name in _NUMBERS:
        return "{} to {}".format(*_NUMBERS[name])
    if name in _TEXTS:
        return _TEXTS[name][1]
    return {
        **dict.fromkeys(_SWITCHES, "`true`, `false`"),
        "log_days": ", ".join(map(str, LOG_DAYS)),
        "tags": "at most 50 `key: value`",
        "producers": "`dataset: [ARN, …]`",
        "vpc": ALLOWED,
        **dict.fromkeys(_PEOPLE, "a list of ARNs: of roles, users, an account's `root`"),
    }[name]
