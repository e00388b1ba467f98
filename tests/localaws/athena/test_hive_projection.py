"""Projected partitions: where they are read, and which of a table's properties are refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import work_group
from tests.localaws.athena.server import running


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "projected")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "projected")


def _projected(client: Client, keys: str, properties: dict[str, str], paths: list[str]) -> None:
    told = ", ".join(f"'{key}'='{value}'" for key, value in {"projection.enabled": "true", **properties}.items())
    for path in paths:
        key = f"{client.database}/t/{path}/a"
        client.ctx.client("s3").put_object(Bucket="projected", Key=key, Body=f"{path}\n".encode())
    client.rows(
        f"CREATE EXTERNAL TABLE t (v string) PARTITIONED BY ({keys}) LOCATION 's3://projected/{client.database}/t/' "
        f"TBLPROPERTIES ({told})"
    )


@pytest.mark.slow
def test_projected_partitions_are_enums_integers_and_dates(client: Client) -> None:
    day = {"type": "date", "range": "2024-01-01,2024-01-31", "format": "yyyy-MM-dd"}
    hour = {"type": "integer", "range": "0,23", "digits": "2", "interval": "6"}
    properties = {"projection.region.type": "enum", "projection.region.values": "eu,us"}
    properties |= {f"projection.day.{key}": value for key, value in day.items()}
    properties |= {f"projection.hour.{key}": value for key, value in hour.items()}
    inside = ["region=eu/day=2024-01-01/hour=06", "region=us/day=2024-01-31/hour=18"]
    outside = [
        "region=ap/day=2024-01-01/hour=06", "region=eu/day=2024-02-01/hour=06", "region=eu/day=2024-01-01/hour=6",
        "region=eu/day=2024-01-01/hour=07", "region=eu/day=2024-01-01/hour=24", "region=eu/day=2024-01-32/hour=06",
    ]  # fmt: skip
    _projected(client, "region string, day date, hour int", properties, inside + outside)
    assert client.rows("SELECT v, region, day, hour FROM t ORDER BY v") == [
        [inside[0], "eu", "2024-01-01", "6"], [inside[1], "us", "2024-01-31", "18"],
    ]  # fmt: skip
    assert client.rows("SELECT v FROM t WHERE hour = 18") == [[inside[1]]]


def test_a_template_says_where_projected_partitions_are(client: Client) -> None:
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in (0, 2, 40)] + [today + timedelta(days=2)]
    paths = [f"logs/{each:%Y/%m/%d}" for each in days]
    properties = {
        "projection.dt.type": "date", "projection.dt.range": "NOW-7DAYS,NOW", "projection.dt.format": "yyyy/MM/dd",
        "storage.location.template": f"s3://projected/{client.database}/t/logs/${{dt}}/",
    }  # fmt: skip
    _projected(client, "dt string", properties, paths)
    assert client.rows("SELECT dt FROM t ORDER BY dt DESC") == [[f"{each:%Y/%m/%d}"] for each in days[:2]]
    assert date.fromisoformat(str(client.rows("SELECT max(replace(dt, '/', '-')) FROM t")[0][0])) == today


def test_projected_values_stand_beside_each_other(client: Client) -> None:
    numbers = {"y": ("2000,2030", "4"), "m": ("1,12", "2"), "z": ("-99,99", "3"), "h": ("0,23", "")}
    properties = {
        "storage.location.template": f"s3://projected/{client.database}/t/{{}}/${{y}}${{m}}/${{z}}/${{y}}${{h}}"
    }
    for key, (bounds, digits) in numbers.items():
        properties |= {f"projection.{key}.type": "integer", f"projection.{key}.range": bounds}
        properties |= {f"projection.{key}.digits": digits} if digits else {}
    paths = ["{}/202401/-07/20247", "{}/202412/099/202423", "{}/202401/-07/20257"]  # the last says two years
    _projected(client, "y int, m int, z int, h int", properties, paths)
    assert client.rows("SELECT y, m, z, h FROM t ORDER BY m") == [
        ["2024", "1", "-7", "7"], ["2024", "12", "99", "23"],
    ]  # fmt: skip


def test_injected_values_come_from_the_query(client: Client) -> None:
    _projected(client, "device string", {"projection.device.type": "injected"}, ["device=a", "device=b"])
    assert client.rows("SELECT v FROM t WHERE device = 'b'") == [["device=b"]]
    assert client.rows("SELECT v FROM t WHERE device IN ('a', 'x')") == [["device=a"]]
    for query in ("SELECT v FROM t", "SELECT v FROM t WHERE device LIKE 'a%'", "SELECT v FROM t WHERE device = v"):
        assert "For the injected projected partition column device, the WHERE clause must contain" in client.fails(
            query
        )


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({}, "the following partition columns are missing projection configuration: [k]"),
        ({"projection.k.type": "enum"}, "Missing required property: projection.k.values"),
        ({"projection.k.type": "any"}, "projection.k.type is one of enum, integer, date, injected"),
        ({"projection.k.type": "integer", "projection.k.range": "1"}, "projection.k.range is two values"),
        (
            {"projection.k.type": "date", "projection.k.range": "x,NOW", "projection.k.format": "yyyy-MM-dd"},
            "'x' is not",
        ),
        (
            {"projection.k.type": "injected", "storage.location.template": "s3://projected/x/${other}"},
            "names the columns",
        ),
        ({"projection.k.type": "injected", "storage.location.template": "s3://${k}"}, "can be read in more ways"),
        ({"projection.k.type": "injected", "storage.location.template": "${k}"}, "is no location in S3"),
        *(
            ({"projection.k.type": "integer", "projection.k.range": bounds, "projection.k.interval": interval}, said)
            for bounds, interval, said in [
                ("0,9", "0", "projection.k.interval is a whole number above zero, not '0'"),
                ("0,9", "x", "projection.k.interval is a whole number above zero, not 'x'"),
                (f"0,{'9' * 30}", "1", "projection.k.range is two whole numbers"),
            ]
        ),
        *(
            (
                {"projection.k.type": "date", "projection.k.range": f"{first},NOW", "projection.k.format": "yyyy"}
                | {"projection.k.interval": "1", "projection.k.interval.unit": "years"},
                "is outside of the years",
            )
            for first in ("NOW-9999999999DAYS", "NOW-9999YEARS")
        ),
    ],
)
def test_wrong_projection_is_said(client: Client, properties: dict[str, str], said: str) -> None:
    _projected(client, "k string", properties, [])
    assert said in client.fails("SELECT v FROM t WHERE k = '1'")
