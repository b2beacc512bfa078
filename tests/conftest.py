"""Example counts: fixed for CI, multiplied by CROSSMARGIN_FUZZ in the long run."""

import os

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("CROSSMARGIN_FUZZ", "1"))
COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("fixed", max_examples=60, derandomize=True, **COMMON)
settings.register_profile("long", max_examples=60 * FACTOR, derandomize=False, **COMMON)
settings.load_profile("fixed" if FACTOR == 1 else "long")
