"""What came of the current rankings, as the loss of a score fusion is given it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from recbole_poem.core.fields import LISTED_LABEL, LISTED_SCORE
from recbole_poem.core.stages import LOSSES, SCORE_FUSIONS


def test_the_fusion_is_asked_for_the_loss_of_the_requests_that_there_are() -> None:
    label = torch.tensor([[[[1], [0], [-1]], [[-1], [-1], [-1]]]]).to(torch.int8)
    batch = {LISTED_SCORE: torch.rand(1, 2, 3, 2), LISTED_LABEL: label}
    asked = []

    def loss(lists: Any) -> torch.Tensor:
        asked.append(lists)
        return torch.tensor(3.0)

    learnt = SimpleNamespace(
        batch=batch,
        asks=torch.tensor([[True, False]]),
        context=torch.ones(1, 4),
        n_processes=1,
        score_fusion=SimpleNamespace(loss=loss),
        target=torch.tensor([5]),
    )
    term = LOSSES.of_one().choose({"name": "fusion", "weight": 0.5}, "losses").make()
    assert term.positives(learnt).shape == (1, 0)
    assert term(learnt, torch.zeros(1, 0)).item() == pytest.approx(1.5)
    (lists,) = asked
    assert torch.equal(lists.scores, batch[LISTED_SCORE][:, 0])
    assert lists.valid.tolist() == [[True, True, False]]
    assert lists.labels.tolist() == [[[True], [False], [False]]]
    assert torch.equal(lists.context, learnt.context)


def test_the_rows_that_count_are_training_rows_by_the_condition_of_each_label() -> None:
    log = SimpleNamespace(
        values={"rating": np.array([5.0, 4.0, 1.0, 5.0])},
        training=np.array([True, True, True, False]),
        watch_time=None,
    )
    log = type("Log", (SimpleNamespace,), {"__len__": lambda self: 4})(**vars(log))
    labels = {"usual": {}, "loved": {"rating": "[5,5]"}}
    fusion = SCORE_FUSIONS.choose({"name": "umre", "labels": labels}, "score_fusion")

    class Config(dict):  # type: ignore[type-arg]
        def component(self, key: str) -> Any:
            return {"score_fusion": fusion}[key]

    asked = []
    dataset = SimpleNamespace(
        scores_of_rankings=lambda rows: ("scores", rows.tolist()),
        outcomes_of_rankings=lambda rows, meets: asked.append((rows.tolist(), meets)),
    )
    config = Config(positive_feedback={"rating": "[4,inf)"})
    data = SimpleNamespace(config=config, log=log, dataset=dataset)
    made = LOSSES.component("fusion", "losses").fields(None, data)
    assert list(made) == [LISTED_SCORE, LISTED_LABEL]
    requests = torch.tensor([[2, -1]])
    assert made[LISTED_SCORE](requests, requests, None) == ("scores", [[2, -1]])
    made[LISTED_LABEL](requests, requests, None)
    ((rows, meets),) = asked
    assert rows == [[2, -1]]
    assert meets.tolist() == [[True, True, False, False], [True, False, False, False]]
