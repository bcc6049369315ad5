"""The embedded ranking stage: its equation, and that no request is ranked with its own answer."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from toy_components import counts_of, objectives_of
from toy_logs import log_of, random_log, with_items

from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.retrieval import item_scores
from recbole_poem.retrieval.item_to_item import ItemToItemRanker

THREE = {
    "liked": {"feedback": {"rating": "[3,inf)"}, "history": 4, "decay": 0.8, "shrinkage": 1.0},
    "next": {"similarity": "transition", "steps": 2, "discount": 0.5, "history": 1},
    "near": {"similarity": "session", "steps": 4, "within": 9, "history": 30, "decay": 0.95},
}
SETTINGS = {
    "n_candidates": 6,
    "n_folds": 3,
    "top_k": 5,
    "seed": 0,
}
FUSION = {"weights": [0.5, 0.3, 0.2], "kappa": 1.0, "power": 1.5}


def ranker_of(log, objectives=THREE, **changes):
    """Make a ranker; changes are its arguments and settings of its fusion."""
    block = {**FUSION, **{name: changes.pop(name) for name in FUSION if name in changes}}
    chosen = SCORE_FUSIONS.choose({"name": "reciprocal_rank", **block}, "score_fusion")
    settings = {**SETTINGS, **changes, "fusion": chosen.make(len(objectives))}
    return ItemToItemRanker(log, objectives_of(objectives), **settings)


def rank_all(log, objectives=THREE, **changes):
    return ranker_of(log, objectives, **changes).rank(np.arange(len(log)))


def users_in_folds(log, **changes):
    """Return the folds, as a list of users each."""
    fold = ranker_of(log, **changes)._fold
    return [np.flatnonzero(fold == f) for f in range(fold.max() + 1)]


# -- the equation ----------------------------------------------------------------------------------


def slow_scores(log, objectives, fold, top_k):
    """Score every item at every request, (R, n_items, M), by loops over rows."""
    scores = np.zeros((len(log), log.n_items, len(objectives)))
    for m, choice in enumerate(objectives.values()):
        objective = choice.settings
        positive = np.ones(len(log), bool)
        if objective.feedback:
            positive = log.values["rating"] >= 3
        shrinkage = objective.shrinkage
        for f in range(fold.max() + 1):
            others = [
                row
                for row in range(len(log))
                if log.training[row] and positive[row] and fold[log.user[row]] != f
            ]
            counts = counts_of(choice.make(), log, np.array(others))
            n = counts.pairs.toarray()
            similarity = np.zeros(n.shape)
            for j in range(1, log.n_items):
                found = {
                    c: n[j, c] / (np.sqrt(counts.source[j] * counts.target[c]) + shrinkage)
                    for c in range(1, log.n_items)
                    if c != j and n[j, c] > 0
                }
                for c in sorted(found, key=lambda c, s=found: (-np.float32(s[c]), c))[:top_k]:
                    similarity[j, c] = found[c]
            for request in range(len(log)):
                if fold[log.user[request]] != f:
                    continue
                for age in range(objective.history):
                    row = request - 1 - age
                    if row >= 0 and log.user[row] == log.user[request] and positive[row]:
                        scores[request, :, m] += objective.decay**age * similarity[log.item[row]]
    for request in range(len(log)):
        for row in range(request):
            if log.user[row] == log.user[request]:
                scores[request, log.item[row]] = 0
    return scores


def test_columns_that_no_equation_reads_do_not_travel_to_workers():
    log = random_log(3)
    size = len(pickle.dumps(ranker_of(log).estimate(map)))
    many = {f"column {n}": np.arange(len(log)) for n in range(9)}
    wide = replace(log, tokens=many, values={**log.values, **many})
    assert len(pickle.dumps(ranker_of(wide).estimate(map))) == size


@pytest.mark.parametrize("seed", range(4))
def test_scores_equal_the_equation(seed):
    log = random_log(seed, n_users=14, n_items=16)
    ranker = ranker_of(log, seed=seed)
    items, scores = ranker.rank(np.arange(len(log)))
    expected = slow_scores(log, objectives_of(THREE), ranker._fold, SETTINGS["top_k"])
    assert items.shape == (len(log), 6)
    assert (items > 0).mean() > 0.4
    kept = np.take_along_axis(expected, items[..., None], axis=1)
    np.testing.assert_allclose(scores, kept, rtol=1e-5, atol=1e-7)
    assert (scores.max(axis=2) > 0)[items > 0].all()
    for row in items:
        assert len(set(row[row > 0])) == (row > 0).sum()


def test_candidates_are_the_best_of_the_fused_ranks_best_first():
    compared = 0
    for seed in range(8):
        log = random_log(seed, n_users=14, n_items=16)
        ranker = ranker_of(log)
        items, _ = ranker.rank(np.arange(len(log)))
        expected = slow_scores(log, objectives_of(THREE), ranker._fold, SETTINGS["top_k"])
        for request, scores in enumerate(expected):
            fused, tied = np.zeros(log.n_items), False
            for m, weight in enumerate(FUSION["weights"]):
                best = [c for c in np.argsort(-scores[:, m]) if scores[c, m] > 0]
                tied |= len(best) > 1 and np.diff(scores[best, m]).max() > -1e-6
                for rank, c in enumerate(best[: SETTINGS["n_candidates"]], start=1):
                    fused[c] += weight * (FUSION["kappa"] + rank) ** -FUSION["power"]
            best = [c for c in np.argsort(-fused) if fused[c] > 0]
            tied |= len(best) > 1 and np.diff(fused[best]).max() > -1e-6
            if best and not tied:
                compared += 1
                found = items[request][items[request] > 0]
                assert found.tolist() == best[: SETTINGS["n_candidates"]]
    assert compared > 50


def test_every_item_with_a_score_is_a_candidate_if_there_is_room():
    log = random_log(5, n_users=14, n_items=16)
    ranker = ranker_of(log, n_candidates=100)
    items, _ = ranker.rank(np.arange(len(log)))
    assert items.shape[1] == 15  # the catalogue without the padding
    expected = slow_scores(log, objectives_of(THREE), ranker._fold, SETTINGS["top_k"])
    for row, scores in zip(items, expected):
        assert set(row[row > 0]) == set(np.flatnonzero(scores.max(axis=1) > 0))
        assert (row[(row > 0).sum() :] == 0).all()


def test_consumed_items_are_no_candidates_and_the_first_request_has_none():
    log = random_log(3, n_users=30)
    items, scores = rank_all(log, n_candidates=14)
    for request, row in enumerate(items):
        consumed = log.item[log.first[request] : request]
        assert not set(row) & set(consumed)
        assert (scores[request, row == 0] == 0).all()
    assert (items[log.position == 0] == 0).all()
    assert (items[log.position == 3] > 0).any()


def test_a_log_may_be_shorter_than_the_histories_that_are_looked_at():
    log = log_of([[1, 2, 3], [2, 3, 4]], n_items=5)
    long = {"long": {"history": 50, "shrinkage": 0.0}}
    items, scores = rank_all(log, long, n_folds=2, weights=[1])
    assert items[0, 0] == 0
    assert items[2].tolist()[:2] == [3, 4]  # the other user: 2 goes with 3 and 4
    assert np.isfinite(scores).all()


def test_a_large_power_leaves_candidates():
    # (60 + rank) ** -30 is 0 in single precision
    log = random_log(3)
    items, _ = rank_all(log, kappa=60, power=30)
    reference, _ = rank_all(log, kappa=60, power=1)
    assert ((items > 0).any(axis=1) == (reference > 0).any(axis=1)).all()
    assert (items > 0).any()


# -- a world with a known answer -------------------------------------------------------------------

WALK = {"next": {"similarity": "transition", "history": 1}}
N_STOPS = 12


def walkers(n_users=40, length=6):
    """After item i comes item i + 1, round and round."""
    starts = np.random.default_rng(0).integers(0, N_STOPS, n_users)
    return log_of(
        [[(start + step) % N_STOPS + 1 for step in range(length)] for start in starts],
        n_items=N_STOPS + 1,
    )


def test_walkers_are_offered_the_next_stop():
    log = walkers()
    items, _ = rank_all(log, WALK, weights=[1], n_candidates=3)
    after_first = log.position > 0
    assert (items[after_first, 0] == log.item[after_first]).all()
    assert (items[after_first, 1:] == 0).all()  # nothing else ever followed


def test_the_weights_decide_which_objective_nominates():
    forth_and_back = {
        "next": {"similarity": "transition", "history": 1},
        "before": {"similarity": "session", "steps": 30, "history": 30},
    }
    log = walkers()
    middle = np.flatnonzero(log.position == 4)
    only_next, _ = rank_all(log, forth_and_back, weights=[1.0, 0.0])
    only_before, _ = rank_all(log, forth_and_back, weights=[0.0, 1.0])
    assert ((only_next[middle] > 0).sum(axis=1) == 1).all()
    assert ((only_before[middle] > 0).sum(axis=1) > 1).all()


def test_rows_that_miss_the_feedback_are_neither_evidence_nor_history():
    # many like 1 and 2, more like 1 and dislike 3; of the last two users one dislikes 1 itself
    histories = [[1, 2]] * 8 + [[1, 3]] * 12 + [[1, 5], [1, 5]]
    rating = [5, 5] * 8 + [5, 1] * 12 + [5, 5] + [1, 5]
    log = log_of(histories, n_items=6, rating=rating)
    objectives = {"liked": {"feedback": {"rating": "[4,inf)"}}}
    items, _ = rank_all(log, objectives, weights=[1], n_candidates=4)
    assert items[-3, 0] == 2  # after the liked 1
    assert 3 not in items[-3]
    assert items[-1].tolist() == [0] * 4  # after the disliked 1


# -- nothing of the answer -------------------------------------------------------------------------


def test_rows_of_fold_mates_do_not_move_a_users_rankings():
    log = random_log(11, n_users=18, longest=10)
    folds = users_in_folds(log)
    before = rank_all(log)
    for f, members in enumerate(folds):
        mates = members[members > 0]
        user = mates[np.argmax([(log.user == mate).sum() for mate in mates])]
        altered = np.flatnonzero(np.isin(log.user, mates[mates != user]) & log.training)
        assert len(altered)
        rng = np.random.default_rng(f)
        changed = with_items(log, altered, rng.integers(1, log.n_items, len(altered)))
        ratings = log.values["rating"].copy()
        ratings[altered] = rng.integers(1, 6, len(altered))
        after = rank_all(replace(changed, values={"rating": ratings}))
        own, foreign = log.user == user, ~np.isin(log.user, mates)
        for old, new in zip(before, after):
            np.testing.assert_array_equal(old[own], new[own])
            assert (old[foreign] != new[foreign]).any()


def test_held_out_rows_reach_no_earlier_request_and_no_other_user():
    log = random_log(4, n_users=16, longest=10)
    before = rank_all(log)
    seen_later = 0
    for row in np.flatnonzero(~log.training):
        after = rank_all(with_items(log, row, log.item[row] % (log.n_items - 1) + 1))
        later = (log.user == log.user[row]) & (np.arange(len(log)) > row)
        for old, new in zip(before, after):
            np.testing.assert_array_equal(old[~later], new[~later])
        seen_later += (before[0][later] != after[0][later]).any()
    assert seen_later > 3  # as history they do count


def test_a_requests_own_target_does_not_move_its_ranking():
    log = random_log(6, n_users=8, longest=10)
    before = rank_all(log)
    for request in np.flatnonzero(log.position > 0):
        changed = with_items(log, request, log.item[request] % (log.n_items - 1) + 1)
        for old, new in zip(before, ranker_of(changed).rank(np.array([request]))):
            np.testing.assert_array_equal(old[request], new[0])


def test_every_user_has_a_fold_and_the_folds_are_even():
    log = random_log(0, n_users=23)
    sizes = [len(users) for users in users_in_folds(log, n_folds=5)]
    assert sum(sizes) == 24  # with the padding
    assert len(sizes) == 5
    assert max(sizes) - min(sizes) <= 1


# -- repeatable ------------------------------------------------------------------------------------


def test_same_seed_same_rankings_and_another_seed_other_folds():
    log = random_log(8, n_users=20)
    first, again, other = (rank_all(log, seed=seed) for seed in (5, 5, 6))
    for one, same, different in zip(first, again, other):
        np.testing.assert_array_equal(one, same)
        assert (one != different).any()


@pytest.mark.parametrize("size", [1, 7])
def test_ranking_in_pieces_changes_nothing(size):
    log = random_log(9)
    whole = rank_all(log)
    ranker = ranker_of(log)
    pieces = [
        ranker.rank(np.arange(begin, min(begin + size, len(log))))
        for begin in range(0, len(log), size)
    ]
    for together, apart in zip(whole, zip(*pieces)):
        np.testing.assert_array_equal(together, np.concatenate(apart))


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    # many more items than a block reaches: every block has columns of its own
    log = random_log(2, n_users=40, n_items=900, longest=40)
    whole = rank_all(log, n_candidates=20)
    assert (whole[0] > 0).any(axis=1).mean() > 0.5
    monkeypatch.setattr(item_scores, "_CELLS", 0)
    for together, apart in zip(whole, rank_all(log, n_candidates=20)):
        np.testing.assert_array_equal(together, apart)


def test_ties_go_to_the_lower_item():
    # after item 5 came 1, 2, 3 and 4, once each: four equal scores
    log = log_of([[5, 4], [5, 2], [5, 1], [5, 3], [5, 5], [5, 5]], n_items=6)
    items, _ = rank_all(log, WALK, weights=[1], n_candidates=3, n_folds=7)  # a fold per user
    asked = np.flatnonzero((log.position == 1) & (log.item == 5))
    assert items[asked].tolist() == [[1, 2, 3]] * 2


def test_objectives_that_ask_the_same_share_a_similarity():
    log = random_log(3)
    parts = {"history": {"history": 4}, "last": {"history": 1}, "next": WALK["next"]}
    together = ranker_of(log, parts).estimate(map)
    assert together.which.tolist() == [0, 0, 1]
    assert together.similarities[0].shape == (2 * log.n_items, log.n_items)
    _, scores = rank_all(log, parts, n_candidates=14)
    items, alone = rank_all(log, {"last": parts["last"]}, weights=[1], n_candidates=14)
    rows = ranker_of(log, parts, n_candidates=14).rank(np.arange(len(log)))[0]
    for request in range(len(log)):
        last = dict(zip(rows[request], scores[request, :, 1]))
        for item, score in zip(items[request], alone[request, :, 0]):
            assert item == 0 or last.get(item, score) == score


@pytest.mark.parametrize(
    "change",
    [
        {"n_candidates": 7},
        {"n_folds": 4},
        {"top_k": 4},
        {"weights": [0.5, 0.2, 0.3]},
        {"kappa": 2.0},
        {"power": 1.0},
        {"seed": 1},
        {"max_items_per_user": 3},
        {"max_users_per_item": 3},
        {"objectives": {**THREE, "next": {"similarity": "transition", "steps": 3}}},
        {"objectives": {**THREE, "liked": {"feedback": {"rating": "[2,inf)"}}}},
        {"objectives": dict(reversed(THREE.items()))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_is_part_of_what_the_cache_depends_on(change):
    log = random_log(0)
    settings = json.dumps(ranker_of(log).depends_on(), sort_keys=True)
    assert settings == json.dumps(ranker_of(log).depends_on(), sort_keys=True)
    assert settings != json.dumps(ranker_of(log, **change).depends_on(), sort_keys=True)
