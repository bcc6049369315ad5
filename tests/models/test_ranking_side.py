"""How POEM learns to read rankings on top of the history, and what controls leave of them."""

from typing import Any, Dict

import numpy as np
import pytest
import torch
from conftest import random_log
from toy_poem import SMALL, make, rows, wake

from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, REQUEST_ID
from recbole_poem.models.ranking_side import Read
from recbole_poem.training.experiment import Experiment


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL}


def read(experiment: Experiment, batch: Any) -> Read:
    """Read the rankings of prediction rows."""
    model = experiment.model.eval()
    found: Read = model.ranking_side.of_rows(model.item_embedding.weight, batch)
    return found


def drawn(experiment: Experiment, batch: Any) -> torch.Tensor:
    """Draw the candidates of prediction rows whose places in the ranking are read."""
    ranking = read(experiment, batch).ranking
    index: torch.Tensor = experiment.model.ranking_side.reader.drawn(ranking, batch[REQUEST_ID])[1]
    return index


def test_a_stacked_model_learns_to_read_rankings_without_moving_what_reads_none(
    keys: Dict[str, Any],
) -> None:
    """Its loss has two kinds of parts, and no weight is moved by both."""
    experiment, plain = make(keys), make(keys, ranking_reader="none")
    model = experiment.model.eval()
    wake(model)
    plain.model.load_state_dict(model.state_dict(), strict=False)
    batch = next(iter(experiment.train_data))
    below, *on_top = model.calculate_loss(batch)
    names = [name for name, _ in model.named_parameters()]
    reads = [name.startswith(("ranking_side", "logit_terms.candidate_head")) for name in names]
    for loss, moved in ((below, [not r for r in reads]), (sum(on_top), reads)):
        model.zero_grad()
        loss.backward(retain_graph=True)
        grads = [parameter.grad for parameter in model.parameters()]
        assert [grad is not None and bool(grad.any()) for grad in grads] == moved
    assert len(on_top) == 3  # all terms act on the user state that evaluation uses
    expected, *_ = plain.model.eval().calculate_loss(batch)
    torch.testing.assert_close(below, expected)  # what it learns below is the plain model's


def test_what_learns_on_top_meets_the_history_without_dropout(keys: Dict[str, Any]) -> None:
    """As evaluation does: of two passes over a batch only the parts below differ."""
    experiment = make(keys, **{"logit_terms.popularity_trend": {"hours": [0.004], "step": 0.002}})
    model = experiment.model.train()
    wake(model)
    model.ranking_side.eval()
    batch = next(iter(experiment.train_data))
    (below, *on_top), (below_again, *on_top_again) = (model.calculate_loss(batch) for _ in range(2))
    assert not torch.equal(below, below_again)
    assert len(on_top) == 3 and all(map(torch.equal, on_top, on_top_again))
    assert model.history_encoder.training


def test_upstream_ranks_cached_candidates_by_fused_score(keys: Dict[str, Any]) -> None:
    experiment = make(keys, model="Upstream", request_lag=0)
    batch = rows(experiment)
    scores = experiment.model.full_sort_predict(batch)
    assert scores.sum(1) == pytest.approx(np.ones(len(batch)), abs=1e-5)
    cached = torch.zeros_like(scores).scatter_(1, batch[CACHE_ITEM], 1.0)
    cached[:, 0] = 0
    assert torch.equal(scores > 0, cached > 0)
    assert torch.equal(
        scores.gather(1, batch["item_id"].unsqueeze(1))[:, 0], experiment.model.predict(batch)
    )


def test_shuffled_scores_keep_their_candidates_and_lose_their_order(keys: Dict[str, Any]) -> None:
    """In the order of the cache the groups follow the scores; shuffled, they are a lottery."""
    plain, shuffled = make(keys), make(keys, shuffle_scores=True)
    shuffled.model.load_state_dict(plain.model.state_dict())
    batch = rows(plain)
    one, two, again = (read(e, batch) for e in (plain, shuffled, shuffled))
    assert not torch.equal(one.state, two.state)
    assert not torch.equal(drawn(plain, batch), drawn(shuffled, batch))
    assert torch.equal(one.ranking.items, two.ranking.items)
    assert torch.equal(two.state, again.state)


def test_without_features_only_the_order_of_the_scores_counts(keys: Dict[str, Any]) -> None:
    experiment = make({**keys, "ranking_reader.features": False, "grouping.n_groups": 1})
    batch = rows(experiment)
    turned = rows(experiment)
    turned[CACHE_SCORE] = turned[CACHE_SCORE].flip(1)
    torch.testing.assert_close(read(experiment, batch).state, read(experiment, turned).state)
    with_features = make({**keys, "grouping.n_groups": 1})
    states = [read(with_features, ranked).state for ranked in (batch, turned)]
    assert not torch.allclose(*states)
    # the tokens alone lose it: the head goes on reading the ranks
    of_tokens, of_all = (read(each, batch).ranking for each in (experiment, with_features))
    assert torch.equal(of_tokens.features, of_all.features)
