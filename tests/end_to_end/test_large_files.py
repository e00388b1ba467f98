"""Large files: read in the memory of a small function up to the stated size, refused by name above it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.ingestion.landing import Notice
from tests.end_to_end.running import Deployment, as_csv

pytestmark = pytest.mark.slow

_LIMIT = 100_000
_TWO_GB = 2_000_000_000


@pytest.fixture
def small_limit(deployed: Deployment) -> Iterator[None]:
    """The ingestor with a size limit that a test can afford to exceed."""
    client, function = deployed.client("lambda"), deployed.function("IngestFile")
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    limited = {**variables, "SLUICE_MAX_FILE_BYTES": str(_LIMIT)}
    client.update_function_configuration(FunctionName=function, Environment={"Variables": limited})
    yield
    client.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


@pytest.mark.usefixtures("small_limit")
def test_a_file_above_the_limit_is_refused_by_name_and_its_neighbour_arrives(deployed: Deployment) -> None:
    rows = as_csv((f"B{n}", 1, "x" * 50) for n in range(2_000))
    assert len(rows) > _LIMIT

    large = deployed.put("odd_parcels/too-large.csv", rows)
    small = deployed.put("odd_parcels/not-too-large.csv", rows[: rows.index(b"\n", _LIMIT // 2) + 1])
    ended = deployed.ended([large, small])

    refused = ended[large.delivery_id]
    assert (refused.status, refused.quarantined, refused.reasons) == ("rejected", None, {"file_too_large": 1})
    for text in (
        f"s3://{deployed.landing}/odd_parcels/too-large.csv",
        f"{len(rows):,} bytes",
        "100,000 at most",
        "split",
    ):
        assert text in refused.error
    assert deployed.rows("bronze.odd_parcels", "odd_parcels/too-large.csv") == []
    assert ended[small.delivery_id].status == "committed"


@pytest.mark.proof
def test_two_gigabytes_go_through_a_function_of_512_mb(deployed: Deployment, tmp_path: Path) -> None:
    configuration = deployed.client("lambda").get_function_configuration(FunctionName=deployed.function("IngestFile"))
    assert configuration["MemorySize"] == 512
    lines = [b"P%08d,%d,left at the door of number %d\n" % (n, n % 9_000 + 1, n) for n in range(400_000)]
    broken = [b"P%08d,heavy,\n" % n for n in range(8_000)]
    piece = b"".join(
        line for n, line in enumerate(lines) for line in ([line, broken[n // 50]] if n % 50 == 0 else [line])
    )
    times = -(-_TWO_GB // len(piece))
    file, key, began = tmp_path / "large.csv", "odd_parcels/two-gigabytes.csv", time.time()
    with file.open("wb") as out:
        out.write(b"parcel_id,grams,note\n")
        for _ in range(times):
            out.write(piece)

    deployed.client("s3").upload_file(str(file), deployed.landing, key)
    (notice,) = [n for n in deployed.versions(key) if n.key == key]
    entry = deployed.ended([notice], seconds=600)[notice.delivery_id]

    assert notice.size > _TWO_GB
    assert (entry.status, entry.accepted, entry.quarantined) == ("committed", 400_000 * times, 8_000 * times)
    assert _rows_of(deployed, notice) == 400_000 * times
    log = deployed.log_of(deployed.function("IngestFileAlone"), began)
    peaks = [int(peak) for peak in re.findall(r"Max Memory Used: (\d+) MB", log)]
    assert max(peaks) < 450, f"{max(peaks)} MB of 512 leave too little room"


def _rows_of(deployed: Deployment, notice: Notice) -> int:
    found = deployed.table("bronze.odd_parcels").scan(f"_delivery_id = '{notice.delivery_id}'", ("_position",))
    return sum(batch.num_rows for batch in found.to_arrow_batch_reader())
