"""The component that CONTRIBUTING shows is a whole one: it registers, and it works."""

import re
import sys
from pathlib import Path
from typing import Iterator

import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import STATE_FUSIONS

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"


@pytest.fixture
def dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Import the example as a file of its own."""
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    (tmp_path / "example_of_contributing.py").write_text(example, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("example_of_contributing")
    yield
    del STATE_FUSIONS._components["sum"], sys.modules["example_of_contributing"]


def test_the_example_is_a_component(dropped: None) -> None:
    fusion = STATE_FUSIONS.choose({"name": "sum", "weight": 0.1}, "state_fusion").make(2)
    history, known = torch.ones(2, 1, 2), torch.tensor([[True], [False]])
    found = fusion(history, torch.tensor([[10.0, 20.0], [10.0, 20.0]]), known)
    assert found.tolist() == [[[2.0, 3.0]], [[1.0, 1.0]]]
    assert torch.equal(fusion.without_ranking(history), history)


def test_the_example_refuses_a_wrong_value(dropped: None) -> None:
    with pytest.raises(InputError, match=r"state_fusion\.weight: expected a number from 0, not -1"):
        STATE_FUSIONS.choose({"name": "sum", "weight": -1}, "state_fusion")
