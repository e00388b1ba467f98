"""Sluice: a serverless lakehouse for AWS, declared in data contracts and PySpark functions."""

import os

_HERE = os.path.dirname(os.path.abspath(__file__))
_BESIDE = os.path.dirname(_HERE)
# The wheel carries `infra` inside of this package. A clone of the repository has it beside, where `sluice.infra` is
# found all the same, so that a project's infra/app.py says one thing: docs/decisions/0024-the-project-is-no-package.md.
if not os.path.isdir(os.path.join(_HERE, "infra")) and os.path.isfile(os.path.join(_BESIDE, "infra", "synthesis.py")):
    __path__.append(_BESIDE)
