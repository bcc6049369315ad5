"""A model whose groups are the stages of a cascade, from the file of rankings to its answers."""

from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from toy_traffic import SMALL_POEM, logged_rankings

from recbole_poem import Ranking, Recommender, load, run_recbole_poem
from recbole_poem.cache.reading import read_rankings
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, CACHE_STAGE, REQUEST_ID
from recbole_poem.fusion.cascade_stages import STAGES
from recbole_poem.serving.replay.play import open_experiment, play
from recbole_poem.serving.replay.traffic import last_hours
from recbole_poem.serving.stores.store import MemoryStore
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble

BY_STAGE = {
    **{key: value for key, value in SMALL_POEM.items() if not key.startswith("grouping")},
    "model": "POEM",
    "ranking_source": {"name": "logged", "n_candidates": 8},
    "grouping": "by_stage",
}


@pytest.fixture
def log() -> pd.DataFrame:
    return random_log(3, n_users=30, n_items=25, longest=14)


@pytest.fixture
def keys(write_dataset: Any, log: pd.DataFrame) -> Dict[str, Any]:
    """Write rankings whose candidates come to the stages in turn."""
    head, *lines = logged_rankings(log).splitlines()
    told = [f"{line}\t{STAGES[number % 7]}" for number, line in enumerate(lines)]
    cand = "\n".join([f"{head}\tstage:token", *told]) + "\n"
    return {**write_dataset(log, cand=cand), **BY_STAGE}


def make(keys: Dict[str, Any], **more: Any) -> Experiment:
    return assemble(Config(config_dict={**keys, **more}))


def rows_of(experiment: Experiment) -> Any:
    """Return the test rows that read a ranking of some length."""
    split = experiment.test_data._dataset
    batch = split[torch.arange(len(split))]
    return batch[(batch[CACHE_ITEM] > 0).sum(dim=1) > 5]


def state_of(experiment: Experiment, *ranked: torch.Tensor) -> torch.Tensor:
    """Return the ranking states of rankings: items, scores, draws and stages."""
    model = experiment.model.eval()
    with torch.no_grad():
        items, scores, draws, stages = ranked
        table, told = model.item_embedding.weight, [items, scores, stages]
        state: torch.Tensor = model.ranking_side(table, told, draws).state
    return state


def test_batches_carry_the_stages_of_the_file(keys: Dict[str, Any], log: pd.DataFrame) -> None:
    experiment = make(keys)
    dataset = experiment.train_data._dataset
    file = [line.split("\t") for line in logged_rankings(log).splitlines()[1:]]
    stage = {(u, float(t), i): n % 7 for n, (u, t, i, *_) in enumerate(file)}
    found = 0
    for batch in experiment.train_data:
        for b, r in (batch[REQUEST_ID] >= 0).nonzero().tolist():
            row = int(batch[REQUEST_ID][b, r])
            user = dataset.id2token("user_id", dataset.log.user[row])
            earlier = {t for u, t, _ in stage if u == user and t <= dataset.log.time[row]}
            before = sorted(earlier)[-2:-1]  # the one before that of the row
            for item, place in zip(batch[CACHE_ITEM][b, r], batch[CACHE_STAGE][b, r].tolist()):
                if item > 0:
                    token = dataset.id2token("item_id", int(item))
                    assert place == stage[user, before[0], token]
                    found += 1
    assert found > 100


def test_the_order_inside_a_stage_is_not_read_and_the_stage_is(keys: Dict[str, Any]) -> None:
    experiment = make(keys, **{"ranking_reader.features": False})
    batch = rows_of(experiment)
    items, scores, draws = (batch[name] for name in (CACHE_ITEM, CACHE_SCORE, REQUEST_ID))
    stages = torch.where(items > 0, items % 3, 0)
    as_it_is = state_of(experiment, items, scores, draws, stages)
    # each candidate takes the scores of the next one of its stage
    key = stages + 10 * (items == 0)
    order = key.argsort(dim=1, stable=True)
    group = key.gather(1, order)
    following = torch.where(
        torch.nn.functional.pad(group[:, 1:] == group[:, :-1], (0, 1)),
        torch.arange(1, items.shape[1] + 1),
        (group.unsqueeze(1) == group.unsqueeze(2)).long().argmax(dim=2),
    )
    giver = torch.empty_like(order).scatter_(1, order, order.gather(1, following))
    moved = scores.gather(1, giver.unsqueeze(-1).expand_as(scores))
    assert not torch.equal(moved, scores)
    torch.testing.assert_close(state_of(experiment, items, moved, draws, stages), as_it_is)
    # the slots of a stage change places
    slots = order.flip(1)
    permuted = [values.gather(1, slots) for values in (items, stages)]
    wide = slots.unsqueeze(-1).expand_as(scores)
    state = state_of(experiment, permuted[0], scores.gather(1, wide), draws, permuted[1])
    torch.testing.assert_close(state, as_it_is)
    other = state_of(experiment, items, scores, draws, torch.where(items > 0, (stages + 1) % 3, 0))
    assert not torch.allclose(other, as_it_is)


def test_shuffled_scores_take_the_stages_with_them(keys: Dict[str, Any]) -> None:
    experiment = make(keys, shuffle_scores=True)
    batch = rows_of(experiment)
    model = experiment.model.eval()
    found = model.ranking_side.of_rows(model.item_embedding.weight, batch).ranking
    there = found.valid
    assert found.stages[there].tolist() != batch[CACHE_STAGE][there].tolist()
    for mine, theirs, valid in zip(found.stages, batch[CACHE_STAGE], there):
        assert sorted(mine[valid].tolist()) == sorted(theirs[valid].tolist())


def test_it_trains_answers_and_is_replayed_as_it_is_evaluated(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict=keys)
    path = result["model_file"]
    recommender = Recommender.load(path)
    ranking = Ranking.of(["i1", "i2"], ["like", "click"], [[1, 2], [3, 4]], ["rank_rest", "shown"])
    turned = Ranking.of(["i1", "i2"], ["like", "click"], [[1, 2], [3, 4]], ["shown", "rank_rest"])
    answers = [
        recommender.recommend([["i3", "i4"]], k=9, rankings=[one], draws=[1])["score"].tolist()
        for one in (ranking, turned, None)
    ]
    assert answers[0] != answers[1] != answers[2]

    experiment = open_experiment(path)
    traffic = last_hours(experiment, 1e9, "test")
    held: List[Ranking] = []

    class Told(MemoryStore):
        def write(self, user: str, ranking: Ranking) -> None:
            held.append(ranking)
            super().write(user, ranking)

    found = play(experiment, traffic, Told())
    assert all(ranking.stages is not None for ranking in held)
    hits = float(((found["rank"] > 0) & (found["rank"] <= 5)).mean())
    assert hits == pytest.approx(result["test_result"]["hit@5"], abs=1e-4)


def test_users_by_name_are_read_with_their_stages(keys: Dict[str, Any], log: pd.DataFrame) -> None:
    path = run_recbole_poem(config_dict=keys)["model_file"]
    recommender = Recommender.load(path)
    dataset = load(path).train_data._dataset
    last = np.flatnonzero(np.r_[dataset.log.user[1:] != dataset.log.user[:-1], True])
    own = read_rankings(dataset.cache, dataset.log, last, lag=0)
    users = dataset.id2token("user_id", dataset.log.user[last]).tolist()
    batch = recommender.known_users.rankings(recommender.known_users.places(users))
    left = (own.items > 0) & (own.items != dataset.log.item[last][:, None])
    assert left.sum() > 50
    assert np.array_equal(batch.items.numpy()[:, 0], own.items * left)
    assert np.array_equal(batch.stages.numpy()[:, 0][left], own.stages[left])


def test_rankings_without_stages_are_refused(
    keys: Dict[str, Any], write_dataset: Any, log: pd.DataFrame
) -> None:
    path = run_recbole_poem(config_dict=keys)["model_file"]
    recommender = Recommender.load(path)
    bare = Ranking.of(["i1"], ["click", "like"], [[1, 2]])
    words = r"^rankings: the stages are missing, by which the model groups candidates"
    with pytest.raises(InputError, match=words):
        recommender.recommend([["i3"]], k=2, rankings=[bare])
    write_dataset(log, name="without", cand=logged_rankings(log))
    words = (
        r"^grouping: by_stage needs the stage of each candidate, and the ranking_source {} tells "
        r"none; take one with a token column 'stage' in \.cand, or another grouping$"
    )
    with pytest.raises(InputError, match=words.format("logged")):
        make(keys, dataset="without")
    with pytest.raises(InputError, match=words.format("item_to_item")):
        make({**keys, "ranking_source": {"name": "item_to_item", "n_candidates": 8}})
    # what reads no ranking groups none
    history = {key: keys[key] for key in keys if not key.startswith("ranking_reader")}
    make({**history, "dataset": "without", "ranking_reader": "none", "losses.margin": "none"})
