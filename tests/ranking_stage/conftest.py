"""Fixtures of the tests of the neural ranking stage."""

from typing import Any, Dict

import pytest
from toy_exposures import TINY_POEM, exposure_log, write_exposures
from toy_stage import Counted


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_exposures(write_dataset, exposure_log()), **TINY_POEM, "model": "POEM"}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)
