"""``cdk synth``, ``cdk deploy`` and ``sluice up`` begin here: contracts → project → stacks.

Context: ``env`` (an environment of environments.yaml), ``contracts`` (folders, as a JSON list or separated by commas).
"""

import sys
from pathlib import Path

from .synthesis import synthesize

if __name__ == "__main__":
    # This project's, from whatever folder it is called.
    sys.exit(synthesize(root=Path(__file__).resolve().parents[1]))
