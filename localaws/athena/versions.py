"""The version of Athena's engine that is simulated: https://docs.aws.amazon.com/athena/latest/ug/engine-versions.html"""

from __future__ import annotations

from typing import Final

ENGINE: Final = "Athena engine version 3"
AUTO: Final = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": ENGINE}
EXACTLY: Final = {"SelectedEngineVersion": ENGINE, "EffectiveEngineVersion": ENGINE}
