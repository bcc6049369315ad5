"""Nominators of the world: slow regressions, a deadlock that ends, and lives apart by user."""

from pathlib import Path
from typing import List, Type

import numpy as np
import pytest
from toy_world import small_world

from recbole_poem.retrieval.posterior import Posterior
from recbole_poem.world.ab import run_test
from recbole_poem.world.arms import WORDS, arm_of
from recbole_poem.world.cascade import Cascade, Mean, RankingStage, WorldRanker, of_world
from recbole_poem.world.history import NONE
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.nominator import Features, Nominator, NominatorSettings
from recbole_poem.world.retrieval import Asked, Beside
from recbole_poem.world.served import Served
from recbole_poem.world.synchronised import Said, SynchronisedNominator
from recbole_poem.world.world import World

SETTINGS = NominatorSettings(candidates=5)


class Dismissive(WorldRanker):
    """The world's ranker, but that it holds all of category 0 for bad."""

    def score(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        scores = super().score(asked, items)
        return scores - 9.0 * (self.world.catalogue.category[items] == 0)[..., None]


def live(nominator: Nominator, world: World, users: np.ndarray, requests: int) -> List[Served]:
    lives = Lives(world, users)
    return list(lives.go(Beside(nominator, world.sources()), Until(requests=requests)))


def test_features_are_known_numbers_and_values_their_products() -> None:
    world = small_world(catalogue__turnover=0.2)
    features, catalogue = Features(world.catalogue, new_days=2.0), world.catalogue
    items = np.array([[0, 7, 59]])
    x = features.of(items, catalogue.arrival[items] + 2 * 86_400)[0]
    assert x.shape == (3, features.n) == (3, 10)
    assert x[:, 0].tolist() == [1, 1, 1]
    assert x[:, 1:7].argmax(axis=1).tolist() == [0, 1, 5] and x[:, 1:7].sum() == 3
    assert x[:, 8] == pytest.approx(0.5)
    assert x[:, 9] == pytest.approx(catalogue.quality[items[0]] / 2)
    every = np.arange(60)[None, :]
    length = features.of(every, np.zeros((1, 1)))[0, :, 7]
    assert (length.mean(), length.std()) == (pytest.approx(0), pytest.approx(1))
    weights, time = np.random.default_rng(0).normal(size=(3, 10)), np.array([0.0, 3e4, 9e6])
    products = np.einsum("bnd,bd->bn", features.of(np.repeat(every, 3, 0), time[:, None]), weights)
    assert features.values(weights, time) == pytest.approx(products)


def test_what_is_always_there_is_not_new() -> None:
    features = Features(small_world().catalogue, new_days=1.0)
    x = features.of(np.arange(60)[None, :], np.zeros((1, 1)))[0]
    assert (x[:, 8] == 0).all() and (x[:, 9] == small_world().catalogue.quality).all()


@pytest.mark.parametrize("of", [Nominator, SynchronisedNominator])
def test_only_what_can_be_shown_is_nominated_each_once(of: Type[Nominator]) -> None:
    world = small_world(catalogue__turnover=0.2, catalogue__days=3.0)

    class Watched(of):  # type: ignore[misc, valid-type]
        def candidates(self, asked: Asked) -> np.ndarray:
            sent = super().candidates(asked)
            real, row = np.maximum(sent, 0), np.arange(len(sent))[:, None]
            there = world.catalogue.there(real, asked.time[:, None]) & ~asked.taken[row, real]
            assert there[sent != NONE].all()
            n_left = (~asked.taken & world.catalogue.there(np.arange(60), asked.time[:, None])).sum(
                1
            )
            assert ((sent != NONE).sum(axis=1) == np.minimum(n_left, 5)).all()
            assert all(len(set(ids[ids != NONE])) == (ids != NONE).sum() for ids in sent)
            return sent

    live(Watched(world, SETTINGS), world, np.arange(40), 5)


def test_a_naive_nominator_believes_what_a_slow_regression_finds() -> None:
    world = small_world()
    nominator = Nominator(world, SETTINGS)
    rounds = live(nominator, world, np.arange(40), 4)
    features = Features(world.catalogue, SETTINGS.new_days)
    for user in (0, 17, 39):
        shown = [(r.shown[user, n], r.reactions["long_view"][user, n])
                 for r in rounds[:-1] for n in range(4) if r.seen[user, n]]  # fmt: skip
        items, reward = (np.array(column) for column in zip(*shown))
        x = features.of(items[None], np.zeros((1, 1)))[0]
        penalty = (0.45 / np.r_[0.5, np.full(9, 0.15)]) ** 2
        inverse = np.linalg.inv(x.T @ x + np.diag(penalty))
        assert nominator.beliefs.mean[user] == pytest.approx(inverse @ x.T @ reward)
        assert nominator.beliefs.covariance[user] == pytest.approx(0.45**2 * inverse)


def test_a_synchronised_nominator_takes_the_rankers_word_one_nomination_after_the_other() -> None:
    world = small_world(catalogue__items=200)
    nominator = SynchronisedNominator(world, SETTINGS)
    sent: List[np.ndarray] = []

    class Kept:
        def candidates(self, asked: Asked) -> np.ndarray:
            sent.append(nominator.candidates(asked))
            return sent[-1]

    lives = Lives(world, np.arange(40))
    first, _ = lives.go(Beside(Kept(), world.sources()), Until(requests=2))
    features, n_unranked = Features(world.catalogue, SETTINGS.new_days), 0
    for user in (0, 17, 39):

        def x_of(item: int) -> np.ndarray:
            return features.of(np.array([[item]]), np.zeros((1, 1)))

        raw = first.scores[user].mean(axis=1)
        score = dict(zip(first.ranked[user], (raw - raw.mean()) / raw.std()))
        own = Posterior.prior(1, np.r_[0.5, np.full(9, 0.15)])
        ranker = Posterior.prior(1, np.array([0.5, 0.15]))
        for place in np.flatnonzero(first.seen[user]):
            item = first.shown[user, place]
            reward = np.array([[float(first.reactions["long_view"][user, place])]])
            told = reward, np.ones((1, 1), dtype=bool), SETTINGS.noise
            own = own.observed(x_of(item), *told)
            ranker = ranker.observed(np.array([[[1.0, score[item]]]]), *told)
        for item in sent[0][user]:
            by = np.array([[[1.0, score.get(item, min(score.values()))]]])
            mean, variance = ranker.value(by)[0], ranker.variance(by)[0]
            n_unranked += item not in score
            if item in score or own.value(x_of(item))[0, 0] > mean[0]:
                own = own.synchronised(x_of(item)[:, 0], mean, variance)
        assert nominator.beliefs.mean[user] == pytest.approx(own.mean[0])
        assert nominator.beliefs.covariance[user] == pytest.approx(own.covariance[0])
    assert 0 < n_unranked < 15


def test_a_rankers_word_is_standardised_and_looked_up() -> None:
    asked = Asked(*([np.zeros(2)] * 8))._replace(
        ranked=np.array([[4, 2, 9], [NONE, NONE, NONE]]),
        scores=np.array([[[1.0, 5.0], [2.0, 0.0], [0.0, -4.0]], np.zeros((3, 2))]),
    )
    said = Said.of(asked)
    raw = np.array([3.0, 1.0, -2.0])
    assert said.score[0] == pytest.approx((raw - raw.mean()) / raw.std())
    assert said.lowest == pytest.approx([said.score[0, 2], 0.0])
    assert said.anything.tolist() == [True, False]
    score, ranked = said.about(np.array([[9, NONE, 4, 5]] * 2))
    assert score[0] == pytest.approx([said.score[0, 2], 0, said.score[0, 0], 0])
    assert ranked.tolist() == [[True, False, True, False], [False] * 4]


def shares_of_overrated(of: Type[Nominator]) -> List[float]:
    """Return the share of category 0 among what is nominated at each request.

    It is overrated, and the ranker shows none of it.
    """
    world = small_world(catalogue__items=600, sources__candidates=60)
    believed = np.zeros(10)
    believed[1] = 1.5
    nominator, shares = of(world, SETTINGS, believed), []

    class Counted:
        def candidates(self, asked: Asked) -> np.ndarray:
            sent = nominator.candidates(asked)
            shares.append(float((world.catalogue.category[sent] == 0).mean()))
            return sent

    lives = Lives(world, np.arange(40)).twin(RankingStage(Dismissive(world), Mean()))
    list(lives.go(Beside(Counted(), world.sources()), Until(requests=14)))
    return shares


def test_a_naive_nominator_is_stuck_with_what_is_never_shown_and_a_synchronised_one_is_not() -> (
    None
):
    assert shares_of_overrated(Nominator) == [1.0] * 14
    shares = shares_of_overrated(SynchronisedNominator)
    assert shares[0] == 1.0 and shares[-1] < 0.75


@pytest.mark.parametrize("of", [Nominator, SynchronisedNominator])
def test_users_learn_apart_so_blocks_are_the_same_bits(of: Type[Nominator]) -> None:
    world = small_world()
    whole = live(of(world, SETTINGS), world, np.arange(40), 4)
    parts = [live(of(world, SETTINGS), world, users, 4) for users in np.split(np.arange(40), [7])]
    for number, served in enumerate(whole):
        for name in ("candidates", "shown", "seconds"):
            apart = np.concatenate([getattr(part[number], name) for part in parts])
            assert np.array_equal(getattr(served, name), apart)


def test_nominators_are_words_that_stand_beside_the_sources() -> None:
    world = small_world(catalogue__items=400)
    arms = {
        name: arm_of(name, Path("w"), 9, alone=True) for name in ("nominator", "naive_nominator")
    }
    for name, of in (("nominator", SynchronisedNominator), ("naive_nominator", Nominator)):
        cascade = WORDS[name](world)
        assert isinstance(cascade, Cascade) and isinstance(cascade.retrieval, Beside)
        assert type(cascade.retrieval.retrieval) is of
        assert cascade.stage == cascade.stage._replace(ranker=of_world(world).ranker)
    tested = run_test(world, {**arms, "own": WORDS["own"]}, 3, 3).outcomes
    sent = {name: tested[name].sent.sum() for name in arms}
    assert all(n > 0 for n in sent.values()) and sent["nominator"] != sent["naive_nominator"]
