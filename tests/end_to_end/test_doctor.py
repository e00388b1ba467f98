"""`sluice doctor` finds nothing wrong with the local AWS in which the project's stacks run."""

from __future__ import annotations

import json

from tests.end_to_end.running import CONTRACTS, Deployment, sluice


def test_all_is_well_where_the_stacks_run(deployed: Deployment) -> None:
    contracts = [option for folder in CONTRACTS for option in ("--contracts", str(folder))]
    done = sluice("doctor", "--account", "--port", "0", "--json", *contracts)
    found = {check["id"]: check for check in json.loads(done.stdout)["checks"]}
    assert {name: check["found"] for name, check in found.items() if check["status"] != "ok"} == {}
    assert (done.returncode, done.stderr) == (0, "")
    assert found["stacks"]["found"].startswith("0 new, ")
    assert found["kinesis"]["found"] == "no stream would be new", "names in templates are those in the stacks"
    assert found["leftovers"]["found"] == "none of 0 names that would be new is taken"
