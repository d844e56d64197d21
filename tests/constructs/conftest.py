from __future__ import annotations

import pytest

from constructs_durable.testing import template_snapshot
from tests.constructs.support import FRESH_FLAGS, app_flags

__all__ = ["either_flags", "template_snapshot"]


@pytest.fixture(params=[{}, FRESH_FLAGS], ids=["bare-app", "fresh-cdk-json"])
def either_flags(request):
    """Run the test in a bare app and in one with the feature flags of a fresh `cdk.json`."""
    with app_flags(request.param):
        yield
