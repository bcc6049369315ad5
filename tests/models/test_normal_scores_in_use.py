"""Normal scores in the whole cascade: the ranking stage alone, POEM, and what answers requests."""

from typing import Any, Dict

import pytest
import torch
from conftest import random_log
from toy_poem import SMALL, make, rows

from recbole_poem import Ranking, Recommender, run_recbole_poem
from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE
from recbole_poem.serving.interest import Interests


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    return {**write_dataset(log), **SMALL, "score_fusion": "normal_scores"}


def test_the_ranking_stage_alone_puts_every_candidate_above_the_others(
    keys: Dict[str, Any],
) -> None:
    experiment = make(keys, model="Upstream", request_lag=0)
    batch = rows(experiment)
    scores = experiment.model.full_sort_predict(batch)
    fused = experiment.model.score_fusion(batch[CACHE_SCORE], batch[CACHE_ITEM] > 0).score
    assert (fused < 0).any()
    for row, items in enumerate(batch[CACHE_ITEM]):
        candidates = items[items > 0]
        others = torch.ones(scores.shape[1], dtype=torch.bool)
        others[candidates] = False
        assert torch.equal(scores[row, candidates], fused[row, items > 0])
        if len(candidates):
            assert scores[row, candidates].min() > scores[row, others].max()


def test_it_trains_answers_and_is_recorded(keys: Dict[str, Any]) -> None:
    found = run_recbole_poem(config_dict={**keys, "epochs": 1})
    recommender = Recommender.load(found["model_file"])
    model, tokens = recommender.model, recommender.item_tokens[1:4].tolist()
    scores = [[5.0] * len(recommender.objectives), [1.0] * len(recommender.objectives)]
    ranking = Ranking.of(tokens[:2], recommender.objectives, scores)
    other = Ranking.of(tokens[:2], recommender.objectives, scores[::-1])
    told = recommender.recommend([tokens[2:]] * 2, k=5, rankings=[ranking, other])
    first, second = (part["score"].tolist() for _, part in told.groupby("request"))
    assert first != second
    batch = rows(make(keys))
    interests = Interests(model, batch[:2])
    assert isinstance(interests._recorded, torch.jit.ScriptModule)
    with torch.no_grad():
        expected = model(batch[:7])
    torch.testing.assert_close(interests(batch[:7]).state, expected.state, atol=1e-5, rtol=1e-5)


def test_without_a_history_every_candidate_stands_above_popularity(keys: Dict[str, Any]) -> None:
    found = run_recbole_poem(config_dict={**keys, "epochs": 1})
    recommender = Recommender.load(found["model_file"])
    items = recommender.item_tokens[[9, 4, 7]].tolist()
    scores = [[value] * len(recommender.objectives) for value in (3.0, 2.0, 1.0)]
    ranking = Ranking.of(items, recommender.objectives, scores)
    answer = recommender.recommend([[]], k=4, rankings=[ranking], filter_seen=False)
    assert answer["item"].tolist()[:3] == items
    assert answer["score"].tolist()[2] == pytest.approx(1.0)
    assert answer["score"].tolist()[3] < 1
