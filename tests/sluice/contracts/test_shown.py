"""What people are shown of a contract is what it says, and where its dataset lands is its own place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import ContractError
from sluice.load import load_contracts
from tests.folders import SMALL

ORDERS = (SMALL / "contracts" / "orders.yaml").read_text()
BY_CUSTOMER = (SMALL / "contracts" / "gold" / "customer_orders.yaml").read_text()
UNSEEN = [
    "\x1b[2J", "\x1b]0;t\x07", "\x00", "\x08", "\x7f", "\x9b31m", "\u202e", "\u2066", "\u200b", "\u2028",
    "\r", "\n",
]  # fmt: skip


def refused(text: str, folder: Path) -> str:
    (folder / "it.yaml").write_text(text)
    with pytest.raises(ContractError) as caught:
        load_contracts([folder])
    return caught.value.what


def changed(text: str, change: dict[str, str], *at: str | int) -> str:
    document = yaml.safe_load(text)
    holder = document
    for step in at:
        holder = holder[step]
    holder.update(change)
    return yaml.safe_dump(document, sort_keys=False)


@pytest.mark.parametrize("mark", UNSEEN)
@pytest.mark.parametrize(
    ("text", "at", "key"),
    [(ORDERS, (), "name"), (ORDERS, (), "domain"), (ORDERS, ("schema", 0, "properties", 0), "businessName"),
     (BY_CUSTOMER, ("schema", 0, "quality", 0), "name"), (BY_CUSTOMER, (), "version")],
)  # fmt: skip
def test_a_name_holds_nothing_that_a_terminal_obeys(
    mark: str, text: str, at: tuple[str | int, ...], key: str, tmp_path: Path
) -> None:
    what = refused(changed(text, {key: f"all{mark}well"}, *at), tmp_path)
    assert f"{'.'.join(map(str, (*at, key)))}: it holds {mark[0]!a}" in what
    assert what.isprintable()


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=3))
def test_an_error_shows_a_field_without_obeying_it(odd: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert refused(yaml.safe_dump({f"a{odd}b": 1, "kind": "DataContract"}), Path(folder)).isprintable()


def test_a_description_may_have_lines_and_a_delimiter_may_be_a_tab(tmp_path: Path) -> None:
    (tmp_path / "it.yaml").write_text(changed(ORDERS, {"description": "one\n\ttwo"}, "schema", 0))
    load_contracts([tmp_path])
    refused(changed(ORDERS, {"description": "one\x1b[2J"}, "schema", 0), tmp_path)
    (tmp_path / "it.yaml").write_text(
        changed((SMALL / "contracts" / "order_lines.yaml").read_text(), {"delimiter": "\t"}, "servers", 0)
    )
    load_contracts([tmp_path])


def test_a_checks_name_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "it.yaml").write_text(changed(BY_CUSTOMER, {"name": "n" * 128}, "schema", 0, "quality", 0))
    load_contracts([tmp_path])
    what = refused(changed(BY_CUSTOMER, {"name": "n" * 129}, "schema", 0, "quality", 0), tmp_path)
    assert "schema.0.quality.0.name: it has 129 characters; at most 128 are allowed" in what


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/", "/etc/", "s3://other-bucket/orders/", "s3://landing/other/", "s3://landing/", "s3://landing",
        "s3://landing/orders/../other/", "s3://landing//orders/", "S3://landing/orders/", "s3a://landing/orders/",
        "s3://landing/orders/x", "s3://landing/orders//", "s3://landing/orders?x", "s3://landing/Orders/",
        "https://landing.s3.amazonaws.com/orders/", "", " s3://landing/orders/",
    ],
)  # fmt: skip
def test_a_dataset_lands_in_its_own_place_alone(location: str, tmp_path: Path) -> None:
    text = ORDERS.replace("location: s3://landing/orders/", f"location: {location!r}")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "location:" in each)
    what = refused(text, tmp_path)
    assert f"it.yaml:{line}: servers.0.location: {location!r} is not allowed" in what
    assert "s3://landing/orders/" in what


def test_a_stream_has_no_location(tmp_path: Path) -> None:
    text = (SMALL / "contracts" / "clicks.yaml").read_text()
    (tmp_path / "it.yaml").write_text(text)
    load_contracts([tmp_path])
    assert "servers.0.location" in refused(changed(text, {"location": "s3://x/"}, "servers", 0), tmp_path)
