"""Archives are fetched once, whole, and only as pinned."""

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localaws.glue import maven
from localaws.glue.maven import Jar, JarError, Resolver

CONTENT = b"java archive"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCALAWS_CACHE", str(tmp_path))
    return tmp_path / "jars"


def resolver(name: str, content: bytes | None) -> Resolver:
    """A program that brings ``content``, or nothing and a reason."""
    write = f"pathlib.Path('deep').mkdir(); pathlib.Path('deep/{JAR.file_name}').write_bytes({content!r})"
    said = "print('....'); print('no route to host')"
    source = f"import pathlib; {said if content is None else write}"
    return Resolver(name, lambda jar, folder: [sys.executable, "-c", source])


def test_an_archive_is_fetched_once(cache: Path) -> None:
    said: list[str] = []
    (path,) = maven.fetch([JAR], [resolver("one", CONTENT)], said.append)
    assert path == cache / "thing-1.0.jar"
    assert path.read_bytes() == CONTENT
    assert said[0] == f"fetching 1 Java archives (0 MB) into {cache}, once"
    again: list[str] = []
    assert maven.fetch([JAR], [], again.append) == (path,)
    assert again == []
    assert [found.name for found in cache.iterdir()] == [path.name]


def test_the_next_resolver_is_asked_when_one_fails(cache: Path) -> None:
    maven.fetch([JAR], [resolver("one", None), resolver("two", CONTENT)], lambda line: None)
    assert (cache / JAR.file_name).read_bytes() == CONTENT


def test_another_archive_than_pinned_is_refused_and_deleted(cache: Path) -> None:
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(JarError, match=rf"thing-1.0.jar is not .*{found}, expected {JAR.sha256}.*Start the job again"):
        maven.fetch([JAR], [resolver("one", b"something else")], lambda line: None)
    assert list(cache.iterdir()) == []


def test_a_cached_archive_that_changed_is_refused_and_deleted(cache: Path) -> None:
    cache.mkdir()
    (cache / JAR.file_name).write_bytes(b"changed")
    with pytest.raises(JarError, match="is not the archive that was pinned"):
        maven.fetch([JAR], [], lambda line: None)
    assert not (cache / JAR.file_name).exists()


def test_what_cannot_be_fetched_is_named_with_the_reason_and_the_next_command(cache: Path) -> None:
    with pytest.raises(JarError) as error:
        maven.fetch([JAR], [resolver("one", None), resolver("two", None)], lambda line: None)
    for part in ("org.example:thing:1.0", "python -m localaws.glue.spark", "one: no route to host", str(cache)):
        assert part in str(error.value)


def test_fetching_at_once_leaves_one_whole_archive(cache: Path) -> None:
    """The threads stand for processes: each goes past the lock, into a folder of its own."""
    cache.mkdir()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: maven._fetch(JAR, cache, (resolver("one", CONTENT),), lambda line: None), range(4)))
    assert [(path.name, path.read_bytes()) for path in cache.iterdir()] == [(JAR.file_name, CONTENT)]
