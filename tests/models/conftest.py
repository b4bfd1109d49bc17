from __future__ import annotations

import pytest

from tests.models.recording import Recorded, record


@pytest.fixture
def recorded(request) -> Recorded:
    """Shared between tests: leave it as it is."""
    return record(request.param)
