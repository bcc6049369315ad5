"""Re-rankers one after the other, and a new one in one class."""

from dataclasses import dataclass
from typing import Any, Iterator

import pytest
import torch
from conftest import random_log

from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import RERANKERS
from recbole_poem.rerankers import Context, Feedback, Placed
from recbole_poem.rerankers.chain import Chain, chain_of
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble


class Backwards:
    """Turns the head of the list round."""

    reads_states = False

    @dataclass(frozen=True)
    class Settings:
        pool: int = setting(3, at_least(1), "items that are turned round")

    def __init__(self, settings: Any, config: Any, dataset: Any) -> None:
        self.pool = settings.pool

    def rerank(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> Placed:
        order = torch.arange(item.shape[1]).flip(0).expand_as(item)
        return Placed(order, score)


@pytest.fixture
def registered() -> Iterator[None]:
    RERANKERS.components()
    RERANKERS.register("backwards")(Backwards)
    yield
    del RERANKERS._components["backwards"]


def backwards(pool: int) -> Backwards:
    return Backwards(Backwards.Settings(pool), None, None)


SCORES = torch.tensor(
    [[-torch.inf, 5.0, 4.0, 3.0, 2.0, 1.0], [-torch.inf, 1.0, 2.0, 3.0, 4.0, 5.0]]
)


def test_each_reads_the_list_that_the_one_before_it_made() -> None:
    chain = Chain([backwards(2), backwards(4)])
    assert chain.pool == 4
    item = torch.tensor([[1, 2, 3, 4]])
    columns = chain.placed(Context(), item, torch.tensor([[5.0, 4.0, 3.0, 2.0]]))
    assert columns.tolist() == [[3, 2, 0, 1]]  # 2 1 3 4, then turned round as a whole
    other = Chain([backwards(4), backwards(2)])
    columns = other.placed(Context(), item, torch.tensor([[5.0, 4.0, 3.0, 2.0]]))
    assert columns.tolist() == [[2, 3, 1, 0]]


def test_the_head_gets_its_scores_anew_and_the_rest_keeps_its_place() -> None:
    found = Chain([backwards(3)]).head(Context(), SCORES).over(SCORES)
    assert found[:, 1:].tolist() == [[3, 4, 5, 2, 1], [1, 2, 5, 4, 3]]


class Listener(Backwards):
    """Keeps what it is told."""

    n_shown, slot_hours = 2, 1.0

    def observe(self, feedback: Feedback) -> None:
        self.told = feedback


def test_who_learns_is_told_of_the_items_that_it_changes_alone() -> None:
    """Of others it predicts nothing: the pool of another re-ranker is not its own."""
    listener = Listener(Backwards.Settings(2), None, None)
    item, score = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[5.0, 4.0, 3.0, 2.0]])
    none = torch.zeros(1, 0, dtype=torch.int64)
    Chain([listener, backwards(4)]).observe(Feedback(Context(), item, score, none, none))
    assert listener.told.item.tolist() == [[1, 2]]
    assert listener.told.score.tolist() == [[5.0, 4.0]]


def test_no_reranker_is_no_chain() -> None:
    assert not Chain([]) and Chain([]).pool == 0
    assert Chain([backwards(1)])


@pytest.mark.parametrize("model", ["SASRec", "BPR", "POEM"])
def test_a_new_component_is_one_class_for_every_model(
    registered: None, write_dataset: Any, model: str
) -> None:
    keys = {
        **write_dataset(random_log(5, n_users=30, n_items=20)), "topk": [3], "metrics": ["MRR"],
        "valid_metric": "MRR@3", "MAX_ITEM_LIST_LENGTH": 6,
        "metric_decimal_place": 12,
    }  # fmt: skip
    experiment = assemble(Config(model, config_dict={**keys, "rerankers": "backwards"}))
    assert chain_of(experiment.config, experiment.dataset).pool == 3
    plain = assemble(Config(model, config_dict={**keys, "topk": [1, 2, 3], "metrics": ["Hit"],
                                                "valid_metric": "Hit@3"}))  # fmt: skip
    plain.model.load_state_dict(experiment.model.state_dict())
    hits = plain.evaluate()
    at = [hits["hit@1"], hits["hit@2"] - hits["hit@1"], hits["hit@3"] - hits["hit@2"]]
    expected = at[0] / 3 + at[1] / 2 + at[2]  # the third is the first now
    assert experiment.evaluate()["mrr@3"] == pytest.approx(expected)
    assert hits["hit@3"] > hits["hit@1"]
