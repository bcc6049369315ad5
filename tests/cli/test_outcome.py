"""What the end of a training proposes next."""

from types import SimpleNamespace
from typing import Any

import pytest
from recbole.utils import ModelType

from recbole_poem.cli.outcome import _lines
from recbole_poem.training.baselines import Targets


@pytest.mark.parametrize(("n_seen", "offers_seen"), [(0, False), (5, False), (6, True)])
def test_seen_items_are_offered_where_people_come_back_to_them(
    n_seen: int, offers_seen: bool
) -> None:
    dataset = SimpleNamespace(
        inter_feat={"user": [3, 4, 5]},
        uid_field="user",
        id2token=lambda field, ids: [f"u{one}" for one in ids],
    )
    experiment: Any = SimpleNamespace(
        config={"MODEL_TYPE": ModelType.SEQUENTIAL}, test_data=SimpleNamespace(_dataset=dataset)
    )
    lines = _lines({"model_file": "saved/a.pth"}, experiment, Targets(100, 50, n_seen))
    command = "recbole-poem recommend --checkpoint=saved/a.pth --users=u3,u4"
    assert lines[-1].endswith(f"{command} --keep_seen" if offers_seen else command)
    assert f"{n_seen}.0% of the targets" in lines[0]
