"""CDK's own CLI takes a project that `sluice init` made the whole way: bootstrap, deploy, change, diff, destroy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.foreign import REGION, App, good
from tests.end_to_end.new_shop import Shop, take_layers

pytestmark = [pytest.mark.slow, pytest.mark.proof]

DEPLOY = ("deploy", "--all", "--require-approval", "never")
#: Takes what was synthesized last.
MADE = ("--app", "cdk.out")
STACKS = [f"shop-dev-{part}" for part in ("storage", "ingestion", "processing", "recovery", "serving")]
COUNTRY = """      - name: country
        logicalType: string
        physicalType: string
        description: Where from.
slaProperties:"""
HEAD = "visit_id,page,visited_at,seconds\n"
VISIT = "v1,/shop,2026-01-01T10:00:00Z,12\n"
LATER = f"{HEAD.strip()},country\nv2,/shop,2026-01-02T10:00:00Z,7,AT\n"


def unchanged(said: str) -> list[str]:
    return [name for name in STACKS if f"{name} (no changes)" in said]


def test_a_project_of_ones_own_goes_the_whole_way(endpoint: str, tmp_path: Path) -> None:
    Shop(tmp_path, {"AWS_REGION": REGION}).run("init", "shop")
    folder = tmp_path / "shop"
    take_layers(folder)
    given = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
    given["AWS_DEFAULT_REGION"] = REGION  # boto3 reads this one, the CDK CLI the other
    shop, app = Shop(folder, {**given, "AWS_ENDPOINT_URL": endpoint}), App(folder, endpoint)

    assert "bootstrapped" in good(app.cdk("bootstrap"))
    said = good(app.cdk(*DEPLOY))
    assert "WARNING" not in said
    assert unchanged(said) == []
    shop.deliver("dev", "first.csv", f"{HEAD}{VISIT}")
    assert [row["visits"] for row in shop.rows("dev", "gold.daily_visits")] == [1]
    assert unchanged(good(app.cdk(*DEPLOY, *MADE))) == STACKS

    contract = folder / "contracts" / "visits.yaml"
    contract.write_text(contract.read_text().replace("slaProperties:", COUNTRY))
    told = app.cdk("diff", "--fail")
    assert told.returncode == 1
    assert "[~] Custom::SluiceTables" in told.stdout + told.stderr
    good(app.cdk(*DEPLOY))
    shop.deliver("dev", "later.csv", LATER)
    assert {row["visit_id"]: row["country"] for row in shop.rows("dev", "bronze.visits")} == {"v1": None, "v2": "AT"}
    assert "Number of stacks with differences: 0" in good(app.cdk("diff", "--fail", *MADE))

    declared = folder / "environments.yaml"
    kept = declared.read_text()
    declared.write_text(kept.replace("keep_data: false", "keep_data: false\n    database_prefix: other_", 1))
    told = app.cdk("diff", "--fail")
    assert told.returncode == 1
    assert "[~] AWS::Glue::Database GoldDatabase GoldDatabase replace" in told.stdout + told.stderr
    declared.write_text(kept)

    _made_anew(app, shop)

    good(app.cdk("destroy", "--all", "--force", *MADE))
    assert shop.holding("dev") == {"buckets": [], "tables": [], "logs": [], "databases": []}
    stacks = app.client("cloudformation").describe_stacks()["Stacks"]
    assert [each["StackName"] for each in stacks] == ["CDKToolkit"]


def _made_anew(app: App, shop: Shop) -> None:
    """Delete the stack of data and deploy again: what reads from it takes its new names, its text being the same."""
    good(app.cdk("synth", "--quiet"))
    before = shop.run("outputs", "LakeBucketName")
    good(app.cdk("destroy", STACKS[0], "--exclusively", "--force", *MADE))
    assert unchanged(good(app.cdk(*DEPLOY, *MADE))) == []
    assert shop.run("outputs", "LakeBucketName") != before
    shop.deliver("dev", "again.csv", f"{HEAD}{VISIT}")
    assert [row["visits"] for row in shop.rows("dev", "gold.daily_visits")] == [1]
