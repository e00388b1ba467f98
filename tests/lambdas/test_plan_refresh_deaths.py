"""The planner and the workflow agree on what is a run that was killed, and a planner of another version is no harm."""

from __future__ import annotations

import re

from lambdas.plan_refresh.handler import DIED
from tests.folders import ROOT

WORKFLOW = (ROOT / "step_functions" / "refresh.yaml").read_text()


def test_the_planner_and_the_workflow_know_the_same_errors_of_killed_runs() -> None:
    counted = re.search(r"\$count\(\$states\.result\[error in \[(.*?)\]\]\)", WORKFLOW)
    assert counted
    assert set(re.findall(r"'([\w.]+)'", counted[1])) == DIED


def test_a_planner_that_tells_no_beginning_is_understood() -> None:
    assert "$exists($states.result.Payload.began) ? $states.result.Payload.began : 0" in WORKFLOW
