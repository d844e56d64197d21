"""Settings of the runtime's tests: how deep hypothesis digs."""

from __future__ import annotations

import logging
import os

import pytest
from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    "derandomize": "DURABLE_HYPOTHESIS" not in os.environ,
}
settings.register_profile("runtime-ci", max_examples=25, **COMMON)
settings.register_profile(
    "runtime-deep", max_examples=int(os.environ.get("DURABLE_HYPOTHESIS_EXAMPLES", "2000")), **COMMON
)
settings.load_profile("runtime-deep" if os.environ.get("DURABLE_HYPOTHESIS") == "deep" else "runtime-ci")


@pytest.fixture(autouse=True)
def _quiet_logs():
    """Failed attempts log warnings with tracebacks; printing thousands of them is not what is tested."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def logs(caplog):
    """The log of a test that reads it."""
    logging.disable(logging.NOTSET)
    caplog.set_level(logging.DEBUG)
    return caplog
