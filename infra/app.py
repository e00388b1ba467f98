"""``cdk synth``, ``cdk deploy`` and ``sluice up`` begin here: contracts → project → stacks.

Context: ``env`` (an environment of environments.yaml), ``contracts`` (folders, separated by commas).
"""

import sys

from .synthesis import synthesize

if __name__ == "__main__":
    sys.exit(synthesize())
