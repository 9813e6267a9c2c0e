"""Settings for the whole suite: hypothesis without deadlines, the same examples in every run."""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("JAX_PLATFORMS", "cpu")

settings.register_profile(
    "suite", deadline=None, derandomize=True, max_examples=8, database=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("search", deadline=None, max_examples=200, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
