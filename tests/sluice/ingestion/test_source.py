from __future__ import annotations

import gzip
import tracemalloc

import pytest

from sluice.errors import UnreadableFile
from tests.sluice.ingestion.reading import source


def test_a_broken_compressed_file_leaves_no_memory_behind() -> None:
    cut = gzip.compress(b"x" * 1000)[:-9]

    def read(times: int) -> None:
        for _ in range(times):
            with pytest.raises(UnreadableFile, match="truncated"):
                list(source(cut).chunks())

    read(3)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        read(30)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1 << 20
