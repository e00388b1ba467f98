"""A local AWS starts without the services that moto imports for others, and those can be imported afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each starts a local AWS in a process of its own, which knows nothing yet

_STARTED = """
import sys
from pathlib import Path
from localaws.server import LocalAws
running = LocalAws.start(scratch=Path(sys.argv[1]))
assert running.context.client("cloudformation").describe_stacks()["Stacks"] == []
loaded = {"moto.ec2", "moto.batch", "moto.apigateway", "moto.autoscaling", "moto.rds"} & set(sys.modules)
assert not loaded, loaded
"""


def ran(code: str, tmp_path: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_no_one_asked_for_is_not_imported_and_is_motos_own_as_soon_as_it_is_needed(tmp_path: Path) -> None:
    said = ran(
        _STARTED
        + """
ec2, batch = running.context.client("ec2"), running.context.client("batch")
assert ec2.describe_vpcs()["Vpcs"] and batch.describe_job_queues()["jobQueues"] == []
from moto.batch.models import JobStatus
from moto.batch.utils import JobStatus as again
from moto.cloudformation import models, parsing
assert JobStatus is again
from moto.ssm import models as ssm
from moto.ec2 import ec2_backends
assert ssm.ec2_backends["123456789012"] is ec2_backends["123456789012"]
made = models.ResourceMap("id", "name", {}, {}, "123456789012", "us-east-1", {"Resources": {}}, {})
print(type(made) is parsing.ResourceMap)
""",
        tmp_path,
    )
    assert said == "True\n"


def test_where_they_were_imported_before_they_are_the_same(tmp_path: Path) -> None:
    said = ran(
        """
import moto.batch.utils as utils
import moto.cloudformation.models as models
from moto.cloudformation.parsing import ResourceMap
from moto.ec2 import ec2_backends
from moto.ssm import models as ssm
from localaws import spared
spared.spare_stacks(); spared.spare_batch(); spared.spare_ec2()
import moto.batch.utils
made = models.ResourceMap("id", "name", {}, {}, "123456789012", "us-east-1", {"Resources": {}}, {})
same = ssm.ec2_backends["123456789012"] is ec2_backends["123456789012"]
print(type(made) is ResourceMap, moto.batch.utils is utils, same)
""",
        tmp_path,
    )
    assert said == "True True True\n"
