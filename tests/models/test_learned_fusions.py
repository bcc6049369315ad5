"""Score fusions that learn inside POEM: by their own loss, kept, resumed, and in the service."""

from typing import Any, Dict

import numpy as np
import pytest
import torch
from conftest import random_log
from toy_poem import SMALL, make, rows
from toy_training import killed_after

from recbole_poem import Ranking, Recommender, run_recbole_poem
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, LISTED_LABEL, LISTED_SCORE
from recbole_poem.training import checkpoint
from recbole_poem.training.baselines import beside
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import train

LEARNED = ("umre", "harmonrank")


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL}


@pytest.mark.parametrize("training", ["stacked", "joint"])
@pytest.mark.parametrize("name", LEARNED)
def test_its_own_loss_moves_the_fusion_and_nothing_else(
    keys: Dict[str, Any], name: str, training: str
) -> None:
    experiment = make(keys, preset=name, ranking_training=training)
    model, batch = experiment.model, next(iter(experiment.train_data))
    for parameter in model.ranking_side.score_fusion.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # what begins at zero hides what it multiplies
    assert (batch[LISTED_LABEL] == 1).any()
    *others, own = model.calculate_loss(batch)
    assert model.loss_names[-1] == "fusion"
    of_fusion = [n.startswith("ranking_side.score_fusion") for n, _ in model.named_parameters()]
    for loss, moves in ((own, True), (sum(others), False)):
        model.zero_grad()
        loss.backward(retain_graph=True)
        moved = [p.grad is not None and bool(p.grad.any()) for p in model.parameters()]
        assert [m for m, is_it in zip(moved, of_fusion) if is_it is not moves] == [False] * (
            of_fusion.count(not moves)
        )
        assert any(moved)


@pytest.mark.parametrize("name", LEARNED)
def test_the_batch_holds_the_current_ranking_and_what_was_consumed_from_it(
    keys: Dict[str, Any], name: str
) -> None:
    experiment = make(keys, preset=name)
    batch, dataset = next(iter(experiment.train_data)), experiment.train_data._dataset
    asks = batch["request_id"] >= 0
    request = batch["request_id"][asks].numpy()
    found = dataset.cache.read(request)
    label = batch[LISTED_LABEL][asks][..., 0].numpy()
    np.testing.assert_array_equal(label >= 0, found.items > 0)
    target = dataset.log.item[request]
    np.testing.assert_array_equal(label == 1, found.items == target[:, None])
    np.testing.assert_array_equal(batch[LISTED_SCORE][asks].numpy(), found.scores)


def test_a_label_that_no_training_row_has_is_refused(keys: Dict[str, Any]) -> None:
    labels = {"all": {}, "loved": {"rating": "[70,70]"}}
    words = r"^score_fusion\.labels\.loved: no training row meets .*rating.*, so it teaches nothing"
    for model in ("POEM", "Upstream"):
        with pytest.raises(InputError, match=words):
            train(model, config_dict={**keys, "preset": "umre", "score_fusion.labels": labels})


@pytest.mark.parametrize("name", LEARNED)
def test_a_resumed_run_equals_an_uninterrupted_one(keys: Dict[str, Any], name: str) -> None:
    labels = {"all": {}, "liked": {"rating": "[4,inf)"}}
    keys = {**keys, "preset": name, "train_batch_size": 64, "epochs": 4, "stopping_step": 9}
    keys["score_fusion.labels"] = labels
    whole = run_recbole_poem(config_dict=keys)
    resumed = run_recbole_poem(config_dict={"resume": killed_after(1, keys)})
    assert resumed["best_valid_result"] == whole["best_valid_result"]
    ours, theirs = (checkpoint.read(result["model_file"]) for result in (whole, resumed))
    for weight, value in ours["last_state_dict"].items():
        assert torch.equal(value, theirs["last_state_dict"][weight]), weight
    if name == "umre":
        weight = ours["last_state_dict"]["ranking_side.score_fusion.label_weight"]
        assert weight.sum().item() == pytest.approx(2)
        assert (weight != 1).all()  # the steps of three epochs


@pytest.mark.parametrize("reader", ["ridge", "partial_order"])
@pytest.mark.parametrize("name", LEARNED)
def test_the_service_answers_by_what_was_learned(
    keys: Dict[str, Any], name: str, reader: str
) -> None:
    finished = train(
        "POEM", config_dict=laid(keys, {"ranking_reader": reader, "preset": name, "epochs": 2})
    )
    experiment, path = finished.experiment, finished.result["model_file"]
    recommender = Recommender.load(path, {"show_progress": False})
    tokens = [str(t) for t in recommender._vocabulary.tokens[1:8]]
    scores = np.random.default_rng(0).random((7, len(recommender.objectives)))
    ranking = Ranking.of(tokens, recommender.objectives, scores)
    fusion = experiment.model.ranking_side.score_fusion
    table = torch.tensor(scores[None], dtype=torch.float32)
    fused = fusion(table, torch.ones(1, 7).bool()).score[0]
    # without a history the candidates come first, in the order of the fusion
    found = recommender.recommend([[]], k=7, rankings=[ranking])
    assert list(found["item"]) == [tokens[i] for i in fused.argsort(descending=True)]


@pytest.mark.parametrize("name", LEARNED)
def test_the_ranking_beside_a_model_is_in_the_order_of_its_fusion(
    keys: Dict[str, Any], name: str
) -> None:
    finished = train("POEM", config_dict={**keys, "preset": name, "epochs": 1})
    model, split = finished.experiment.model, finished.experiment.test_data._dataset
    batch = rows(finished.experiment)
    found = beside(finished.trainer, finished.experiment)["previous ranking"]
    fusion = model.ranking_side.score_fusion
    score = fusion(batch[CACHE_SCORE], batch[CACHE_ITEM] > 0).score
    is_target = batch[CACHE_ITEM] == batch[split.iid_field].unsqueeze(1)
    above = (score > (score * is_target).sum(dim=1, keepdim=True)).sum(dim=1)
    hit = (is_target.any(dim=1) & (above < 1)).float().mean()
    assert found["hit@1"] == pytest.approx(hit.item(), abs=1e-4)


@pytest.mark.parametrize("name", LEARNED)
def test_the_ranking_stage_alone_trains_its_fusion(keys: Dict[str, Any], name: str) -> None:
    given = {**keys, "model": "Upstream", "score_fusion": name, "ranking_source.raw_scores": True}
    model = make(given).model
    before = {n: p.clone() for n, p in model.named_parameters()}
    trained = train("Upstream", config_dict={**given, "epochs": 3, "learning_rate": 0.01})
    after = dict(trained.experiment.model.named_parameters())
    assert any(not torch.equal(after[n], p) for n, p in before.items())
    assert torch.equal(
        trained.experiment.model.score_fusion.places.knots, model.score_fusion.places.knots
    )


def test_the_scale_of_the_scores_is_that_of_training_rankings(keys: Dict[str, Any]) -> None:
    experiment = make(keys, preset="umre")
    knots = experiment.model.ranking_side.score_fusion.places.knots
    dataset = experiment.train_data._dataset
    training = np.flatnonzero(dataset.log.training)
    found = dataset.cache.read(training)
    scores = found.scores[found.items > 0]
    np.testing.assert_allclose(knots[:, 0], scores.min(axis=0))
    np.testing.assert_allclose(knots[:, -1], scores.max(axis=0))


def test_two_fusions_share_a_cache_whose_candidates_they_choose_alike(
    keys: Dict[str, Any],
) -> None:
    paths = {
        make(keys, preset=name, **more).train_data._dataset.cache.path
        for name in LEARNED
        for more in ({}, {"score_fusion.candidates.kappa": 60})
    }
    assert len(paths) == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"losses.fusion": False}, r"^losses: the score_fusion umre learns by the loss 'fusion'"),
        ({"losses.fusion.weight": 0}, r"^losses\.fusion\.weight: with 0 the score_fusion umre le"),
        ({"n_rankings": 2}, r"^n_rankings: the score_fusion umre learns who asks"),
        ({"score_fusion": "reciprocal_rank"}, r"^losses\.fusion: with the score_fusion recip"),
        ({"ranking_reader": "none"}, r"^losses\.fusion: with no ranking_reader there is no fu"),
    ],
)
def test_a_fusion_and_its_loss_go_together(
    keys: Dict[str, Any], more: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Config(config_dict=laid({**keys, "preset": "umre"}, more))


def test_it_is_not_given_ranks_for_scores(keys: Dict[str, Any]) -> None:
    words = r"^ranking_source\.raw_scores: the score_fusion umre reads more than the order of"
    with pytest.raises(InputError, match=words):
        make(keys, preset="umre", **{"ranking_source.raw_scores": False})
