from __future__ import annotations

from pathlib import Path

from infra.imports import imported_by


def test_what_is_imported_at_any_remove_is_found_and_what_types_alone_need_is_not(tmp_path: Path) -> None:
    modules = {
        "lambdas/one/handler.py": "from sluice.a import thing\nimport json\n",
        "lambdas/one/__init__.py": "",
        "sluice/__init__.py": "",
        "sluice/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sluice.typed\n"
        "def late():\n    from sluice.deep import inner\n",
        "sluice/deep/__init__.py": "import sluice.beside\n",
        "sluice/deep/inner.py": "",
        "sluice/beside.py": "import sluice.a\n",
        "sluice/typed.py": "",
        "sluice/unused.py": "",
    }
    for name, text in modules.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = imported_by([tmp_path / "lambdas/one/handler.py"], tmp_path)
    assert {str(file) for file in found} == {
        "sluice/__init__.py", "sluice/a.py", "sluice/deep/__init__.py", "sluice/deep/inner.py", "sluice/beside.py",
    }  # fmt: skip
