"""Two environments in one account and region; one is deleted with its data, the other comes back with its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.end_to_end.new_shop import ACCEPTED, LATER, Shop, running_shop

pytestmark = [pytest.mark.slow, pytest.mark.proof]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The project with the same file delivered to both of its environments."""
    with running_shop(tmp_path_factory.mktemp("deleted")) as found:
        found.run("deploy", "--env", "prod")
        sample = (found.folder / "samples" / "visits.csv").read_text()
        for env in ("dev", "prod"):
            found.deliver(env, "one.csv", sample)
        yield found


def test_two_environments_stand_side_by_side_and_one_that_keeps_nothing_goes_with_its_data(shop: Shop) -> None:
    for env in ("dev", "prod"):
        assert len(shop.rows(env, "bronze.visits")) == ACCEPTED
    assert all(shop.holding("dev").values())
    before, gold = shop.holding("prod"), shop.rows("prod", "gold.daily_visits")
    shop.delete("dev")
    assert shop.holding("dev") == {"buckets": [], "tables": [], "logs": [], "databases": []}
    assert shop.holding("prod") == before
    assert shop.rows("prod", "gold.daily_visits") == gold


def test_that_data_would_no_longer_be_kept_is_a_loss(shop: Shop) -> None:
    file = shop.folder / "environments.yaml"
    before = file.read_text()
    file.write_text(before.replace("keep_data: true", "keep_data: false"))
    try:
        losses = json.loads(shop.run("deploy", "--env", "prod", "--dry-run", "--json"))["losses"]
        refused = shop.run("deploy", "--env", "prod", status=1)
    finally:
        file.write_text(before)
    kinds = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::Glue::Database")
    assert [kind for kind in kinds if not any(f"({kind}) would go with its stack" in each for each in losses)] == []
    assert "would go with its stack" in refused


def test_one_that_keeps_its_data_is_taken_up_again_and_goes_on(shop: Shop) -> None:
    before, bronze, gold = (
        shop.holding("prod"),
        shop.rows("prod", "bronze.visits"),
        shop.rows("prod", "gold.daily_visits"),
    )
    cloudformation, storage = shop.client("cloudformation"), "shop-prod-storage"
    cloudformation.update_termination_protection(StackName=storage, EnableTerminationProtection=False)
    shop.delete("prod")
    assert shop.holding("prod") == before

    # Without it the next deployment finds its names taken, and is rolled back: that is no way out of it, and no harm.
    assert "already exists" in shop.run("deploy", "--env", "prod", status=1)
    told = json.loads(shop.run("adopt", "--env", "prod", "--dry-run", "--json"))
    assert told["adopted"] is False
    names = {each["type"] for stack in told["stacks"] for each in stack["resources"]}
    assert names == {
        "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::Glue::Database", "AWS::Logs::LogGroup",
    }  # fmt: skip
    assert json.loads(shop.run("adopt", "--env", "prod", "--json")) == {**told, "adopted": True}
    assert "Nothing to take up" in shop.run("adopt", "--env", "prod")
    shop.run("deploy", "--env", "prod")
    after = shop.holding("prod")
    # Buckets of the deployment that failed stay beside: they hold nothing, and nobody made their names.
    assert [name for kind, names in before.items() for name in names if name not in after[kind]] == []
    assert {**after, "buckets": []} == {**before, "buckets": []}
    assert shop.rows("prod", "bronze.visits") == bronze
    assert shop.rows("prod", "gold.daily_visits") == gold
    shop.deliver("prod", "two.csv", LATER)
    assert len(shop.rows("prod", "bronze.visits")) == ACCEPTED + 1
    delivered = json.loads(shop.run("status", "--json", "--env", "prod"))["delivered"]
    assert delivered == 2, "the ledger goes on where it was"
