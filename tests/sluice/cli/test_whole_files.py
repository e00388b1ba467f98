"""A file is written whole in its own place, and never in that of what is read."""

from __future__ import annotations

import io
import os
import socket
import stat
from pathlib import Path

import pytest
from rich.console import Console

from sluice.cli.drafting import in_words as drafted_in_words
from sluice.cli.profile_output import in_words, page, print_profile, refuse_source
from sluice.cli.whole_files import refuse_place, write_whole
from sluice.errors import WrongArgument
from sluice.profiling.profiles import profile_files
from sluice.profiling.suspicions import Suspicion
from tests.sluice.profiling.drafting import drafted


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    link = tmp_path / "link.txt"
    link.symlink_to(outside)
    write_whole(link, "page")
    assert (outside.read_text(), link.read_text(), link.is_symlink()) == ("mine", "page", False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.txt", "outside.txt"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WrongArgument, match="is a folder"):
        write_whole(tmp_path, "page")


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_replaced_by_none(tmp_path: Path, kind: str, linked: bool) -> None:
    odd = tmp_path / "odd"
    with socket.socket(socket.AF_UNIX) as made:
        if kind == "pipe":
            os.mkfifo(odd)
        else:
            made.bind(str(odd))
        given = tmp_path / "link" if linked else odd
        if linked:
            given.symlink_to(odd)
        before = given.lstat()
        with pytest.raises(WrongArgument, match="a pipe, a device") as told:
            write_whole(given, "page")
        assert told.value.file == str(given)
        with pytest.raises(WrongArgument, match="a pipe, a device"):
            refuse_source("bronze.orders", given)
        assert (given.lstat().st_ino, given.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert len(list(tmp_path.iterdir())) == 1 + linked


@pytest.mark.parametrize("place", ["/dev/page.html", "/dev/stdout", "/dev/null", "/dev/fd/1", "/proc/self/fd/1"])
def test_nothing_in_a_folder_of_the_system_is_replaced(place: str) -> None:
    with pytest.raises(WrongArgument, match=r"of the system|a pipe, a device|is a folder"):
        refuse_place(Path(place))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    page_of = tmp_path / "p.html"
    page_of.write_text("old")
    page_of.chmod(mode)
    write_whole(page_of, "new")
    assert (page_of.read_text(), stat.S_IMODE(page_of.stat().st_mode)) == ("new", mode)
    link = tmp_path / "link.html"
    link.symlink_to(page_of)
    fresh = tmp_path / "fresh.html"
    for path in (link, fresh):
        write_whole(path, "new")
    assert stat.S_IMODE(link.lstat().st_mode) == stat.S_IMODE(fresh.stat().st_mode)


def test_a_page_takes_the_place_of_nothing_that_is_profiled(tmp_path: Path) -> None:
    source = tmp_path / "in" / "a.csv"
    source.parent.mkdir()
    source.write_text("a\n1\n")
    link = tmp_path / "link.csv"
    link.symlink_to(source)
    for of, html in ((source, source), (source, link), (link, source), (source.parent, source.parent / "p.html")):
        with pytest.raises(WrongArgument, match="of what is profiled"):
            refuse_source(str(of), html)
    refuse_source(str(source), tmp_path / "p.html")
    refuse_source("bronze.orders", tmp_path / "p.html")


def test_no_escape_of_the_data_reaches_the_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in in_words(Suspicion("odd", 2, ("'\x1b]0;taken\x07", '"\x1b[2J')))
    (tmp_path / "p.csv").write_text("a,b\n" + "'\x1b]0;taken\x07,1\n" * 9)
    assert "\x1b" not in page(profile_files(tmp_path / "p.csv"))
    (tmp_path / "p.csv").write_text("\x1b[2Ja,b\n" + "1,2\n" * 9 + "x,3\n")
    print_profile(profile_files(tmp_path / "p.csv"), Console(file=(out := io.StringIO()), width=200))
    assert "\\x1b[2Ja" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    found = drafted(tmp_path, "a,b\n1,2\n")
    assert "\x1b" not in drafted_in_words(tmp_path / "\x1b[2J.yaml", found)
