"""What a page shows runs: each of its blocks is one that is run, written or only shown, and none hides a command."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.blocks import COMMAND, PAGES, RUN, SHOWN, Block, blocks, commands, matches
from tests.docs.shell import PageFailed, one_by_one
from tests.folders import ROOT

#: Why a block cannot run here.
REASONS = {
    "account": "needs an account of AWS",
    "installs": "downloads some 2 GB; tests/end_to_end/test_own_project.py installs the wheel",
    "make": "takes minutes in a clone; `make test` and `make demo` are what they are",
    "cdk": "downloads the CLI, and needs an app; tests/end_to_end/test_cdk_cli.py deploys one",
    "sdk": "downloads packages, which the environment of the tests has",
    "pyathena": "installs PyAthena, which the environment of the tests has",
    "deleted": "deletes what the page goes on with; tests/end_to_end/test_deleted.py deletes one, and takes it up",
    "moment": "the local AWS keeps no earlier state of a table; test_restored.py restores an older backup",
    "another up": "a second local AWS; tests/end_to_end/test_own_project.py runs one in another region",
}
#: Every block that does not run: its page, its first line, its reason. A mark that is not here fails.
NOT_RUN = {
    ("README.md", "make demo    # a year of an online shop", "make"),
    ("README.md", "make setup", "installs"),
    ("README.md", "make bootstrap", "account"),
    ("localaws/README.md", "npx aws-cdk@2 bootstrap", "cdk"),
    ("localaws/README.md", "npm install @aws-sdk/client-s3", "sdk"),
    ("docs/how-to/deliver.md", "aws iam create-open-id-connect-provider", "account"),
    ("docs/how-to/deliver.md", "gh api repos/OWNER/NAME", "account"),
    ("docs/how-to/deliver.md", "cdk synth --quiet", "account"),
    ("docs/how-to/deliver.md", "uv pip compile", "installs"),
    ("docs/how-to/deploy.md", "unset AWS_ENDPOINT_URL", "account"),
    ("docs/how-to/deploy.md", "npx aws-cdk@2 bootstrap", "account"),
    ("docs/how-to/deploy.md", "sluice deploy --account --env prod --dry-run", "account"),
    ("docs/how-to/deploy.md", "make smoke", "account"),
    ("docs/how-to/environment.md", "sluice adopt --env prod --account --dry-run", "deleted"),
    ("docs/how-to/environment.md", "sluice down", "another up"),
    ("docs/how-to/query.md", "pip install PyAthena", "pyathena"),
    ("docs/how-to/restore.md", "aws dynamodb restore-table-to-point-in-time", "moment"),
    ("docs/reference/projects.md", "uv build --wheel", "installs"),
    ("docs/tutorial.md", "python3 -m venv", "installs"),
}
ALL = [block for page in PAGES for block in blocks(page)]


def faults(block: Block) -> list[str]:
    """What is wrong with a block, whatever is in it."""
    found = []
    if block.not_run is not None and block.not_run not in REASONS:
        found.append(f"{block.not_run!r} is no reason")
    if block.title is None and block.language not in (*RUN, *SHOWN):
        found.append(f"{block.language!r} is no language of a block without a title")
    if block.language in SHOWN and block.title is None and COMMAND.search(block.text):
        found.append("it holds a command, and does not run")
    if block.title is not None and (Path(block.title).is_absolute() or ".." in Path(block.title).parts):
        found.append("it is a file outside of the project")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_block_is_run_written_or_shown(page: Path) -> None:
    assert [(str(block), faults(block)) for block in blocks(page) if faults(block)] == []


def test_what_does_not_run_is_listed_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    left = [(str(block.page.relative_to(ROOT)), block.first, block.not_run) for block in ALL if block.not_run]
    unlisted = [
        each
        for each in left
        if not any(each[::2] == listed[::2] and each[1].startswith(listed[1]) for listed in NOT_RUN)
    ]
    assert unlisted == []
    assert len(left) == len(NOT_RUN)
    counted = Counter(REASONS[reason] for *_, reason in left if reason)
    with capsys.disabled():
        done = Counter("run" if each.title is None else "written" for each in ALL if each.runs)
        told = [f"{len(ALL)} blocks: {done['run']} run, {done['written']} are files that the reader writes"]
        told += [f"{number} do not run: {reason}" for reason, number in counted.items()]
        sys.stdout.write("\n".join(("", *told, "")))


def test_a_file_that_a_reader_writes_is_named_before_it() -> None:
    """Where pages are read without the site, a block's title is not seen."""
    for block in (each for each in ALL if each.title is not None):
        before = "\n".join(block.page.read_text(encoding="utf-8").splitlines()[: block.line - 1])
        assert f"`{block.title}`" in before.rpartition("\n## ")[2], str(block)


def unknown(page: Path, source: str, known: set[str]) -> set[str]:
    """Return the variables of the shell that a page reads, and that it does not assign before, nor ``known`` has."""
    found, assigned = set(), set(known)
    for block in blocks(page, source):
        if block.runs and block.title is None and block.language in ("sh", "console"):
            for line in block.text.splitlines():
                assigned |= set(re.findall(r"(?:^|[;&(]|\$ |export |for )\s*([A-Za-z_]\w*)(?:=| in )", line))
                found |= set(re.findall(r"\$\{?([A-Za-z_]\w*)", line)) - assigned
    return found


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "how-to").glob("*.md")), ids=lambda page: page.stem)
def test_a_how_to_page_reads_no_variable_that_a_new_terminal_lacks(page: Path) -> None:
    """``local.env``, which the tutorial writes, is all that the reader's terminal has read."""
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    kept = set(re.findall(r'echo "export (\w+)=.*>> local\.env', tutorial))
    assert unknown(page, page.read_text(encoding="utf-8"), kept) == set()


def test_a_variable_of_another_terminal_is_found() -> None:
    source = (
        '```sh\na=1; for x in 1 2; do echo "$a ${x}$?"; done\necho $b\n```\n```console\n$ c=$(ls)\n$ echo "$c $d"\n```'
    )
    assert unknown(ROOT / "README.md", source, {"d"}) == {"b"}
    assert unknown(ROOT / "README.md", source, set()) == {"b", "d"}


@pytest.mark.parametrize(
    "source",
    [
        "```\nsluice up\n```",
        "    sluice up\n",
        "```text\n$ sluice up\n```",
        "```json\nsluice up\n```",
        "- item\n\n  ```bash\n  sluice up\n  ```",
        "> ```text\n> aws s3 ls\n> ```",
        "<!-- not run: busy -->\n```sh\nsluice up\n```",
        '```yaml title="../x.yaml"\na: 1\n```',
        "~~~\nmake x\n~~~",
    ],
)
def test_a_block_that_hides_a_command_is_found(source: str) -> None:
    (block,) = blocks(ROOT / "README.md", source)
    assert faults(block)


def test_a_mark_is_of_the_next_block_alone() -> None:
    mark = "<!-- not run: account -->\n"
    source = f"{mark}```sh\na\n```\n\n```sh\nb\n```\n\n{mark}\ntext\n\n```sh\nc\n```\n"
    assert [block.not_run for block in blocks(ROOT / "README.md", source)] == ["account", None, None]


def test_commands_and_their_output_are_told_apart() -> None:
    assert commands("$ a\nx\ny\n$ b \\\n> c\n$ d\nz\n") == [("a", "x\ny"), ("b \\\nc", None), ("d", "z")]
    with pytest.raises(ValueError, match="begins with a command"):
        commands("x\n$ a\n")


@pytest.mark.parametrize(
    ("shown", "said", "fits"),
    [
        ("a  b", "a  b   \n", True),
        ("a b", "a  b", True),
        ("a b", "ab", False),
        ("took … s", "took 1.5 s", True),
        ("took … s", "took 1.5 s\nmore", False),
        ("…\nlast", "one\ntwo\nlast\n", True),
        ("…\nlast", "last\n", True),
        ("first\n…", "first\none\ntwo\n", True),
        ("a\n…\nb", "a\nb\nc\n", False),
        ("a.c", "abc", False),
        ("a", "", False),
    ],
)
def test_what_is_said_is_compared_with_what_is_shown(shown: str, said: str, fits: bool) -> None:
    assert matches(shown, said) is fits


def test_each_command_of_a_block_is_run_by_itself() -> None:
    text = "# a comment\na=1\nfor x in 1 2; do\n  echo $x\ndone\n\ncat <<'EOF'\nsluice\nEOF\nb \\\n  c\nd \"\ne\"\n"
    assert one_by_one(text) == [
        "a=1", "for x in 1 2; do\n  echo $x\ndone", "cat <<'EOF'\nsluice\nEOF",
        "b \\\n  c", 'd "\ne"',
    ]  # fmt: skip
    with pytest.raises(PageFailed, match="cannot read"):
        one_by_one("if true\n")


def test_each_reason_is_used() -> None:
    assert {reason for *_, reason in NOT_RUN} == set(REASONS)
