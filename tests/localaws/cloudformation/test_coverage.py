from __future__ import annotations

import pytest

from localaws import calls
from localaws.__main__ import main
from localaws.cloudformation.coverage import coverage
from localaws.cloudformation.providers import PROVIDERS


def test_every_type_and_every_ignored_property_is_listed_with_its_reason() -> None:
    text = coverage()
    for name, provider in PROVIDERS.items():
        assert f"## {name}" in text
        for path, reason in provider.accepted.items():
            assert f"- `{path}`: {reason}" in text


def test_nothing_is_both_honoured_and_ignored() -> None:
    for provider in PROVIDERS.values():
        assert not set(provider.honoured_paths) & set(provider.accepted), provider.type


def test_what_decides_on_replacement_or_is_required_is_honoured() -> None:
    for provider in PROVIDERS.values():
        known = {part for path in (*provider.honoured_paths, *provider.accepted) for part in _prefixes(path)}
        named = provider.immutable | provider.required | ({provider.name_property} if provider.name_property else set())
        assert named <= known or "*" in known, provider.type


def _prefixes(path: str) -> set[str]:
    parts = path.split(".")
    return {".".join(parts[: i + 1]) for i in range(len(parts))}


@pytest.mark.slow
def test_the_coverage_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage"]) == 0
    assert capsys.readouterr().out == f"{coverage()}\n{calls.told()}"
