"""The input rar: attention between sets against a slow reference, and rankers that read it."""

from typing import Any, Dict, Tuple

import numpy as np
import pytest
import torch
from toy_exposures import TINY, TINY_NETWORK, exposure_log, write_exposures

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import RECENT_ITEM, RECENT_LABEL, REQUEST_GAP, REQUEST_TIME
from recbole_poem.rankers.inputs.rar import SetToSet
from recbole_poem.rankers.ranking_requests import RankingRequests
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import load, run_recbole_poem

Sets = Tuple[torch.Tensor, ...]


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    ranker = {"model": "MultiTaskRanker", **TINY, "ranker": TINY_NETWORK, "ranker_input": "rar"}
    return {**write_exposures(write_dataset, exposure_log()), **ranker}


def sets(n_history: int = 4, n_others: int = 5) -> Sets:
    """Make three requests of two candidates; the second has no history, the third no others."""
    candidates, history = torch.randn(3, 2, 6), torch.randn(3, n_history, 6)
    others = torch.randn(3, n_others, 6)
    in_history, present = torch.rand(3, n_history) < 0.7, torch.rand(3, n_others) < 0.7
    in_history[1], present[2], present[:2, :1] = False, False, True
    return candidates, history, in_history, others, present


# -- attention between sets ------------------------------------------------------------------------


def test_it_is_full_attention_between_the_two_sets() -> None:
    attention, given = SetToSet(6), sets()
    for weight in attention.parameters():
        torch.nn.init.normal_(weight)
    found = attention(*given)
    for r, (candidates, history, in_history, others, present) in enumerate(zip(*given)):
        for n, candidate in enumerate(candidates):
            own = torch.cat([history[in_history], candidate[None]])  # the candidate is the last
            theirs = others[present]
            expected = torch.zeros(18)
            if len(theirs):
                read = (own @ attention.read(theirs).T / 6**0.5).softmax(dim=1) @ theirs
                back = (attention.read_back(theirs) @ own.T / 6**0.5).softmax(dim=1) @ own
                of_history = read[:-1].sum(dim=0) / max(len(own) - 1, 1)
                parts = [read[-1] + of_history, read[-1] * candidate, back.mean(dim=0)]
                expected = torch.cat(parts)
            assert torch.allclose(found[r, n], expected, atol=1e-5)


def test_the_order_of_a_set_says_nothing() -> None:
    attention, (candidates, history, in_history, others, present) = SetToSet(6), sets()
    found = attention(candidates, history, in_history, others, present)
    order = torch.tensor([3, 0, 4, 1, 2])
    moved = attention(candidates, history, in_history, others[:, order], present[:, order])
    assert torch.allclose(moved, found, atol=1e-6)
    order = order[order < 4]
    moved = attention(candidates, history[:, order], in_history[:, order], others, present)
    assert torch.allclose(moved, found, atol=1e-6)
    moved = attention(candidates.flip(1), history, in_history, others, present)
    assert torch.allclose(moved, found.flip(1), atol=1e-6)
    assert not torch.allclose(moved, found, atol=1e-3)


@pytest.mark.parametrize("n_history", [0, 4])
def test_gradients_are_finite_where_sets_are_empty(n_history: int) -> None:
    attention, given = SetToSet(6), sets(n_history)
    found = attention(*given)
    assert not found[2].any()  # nobody beside it
    assert found[:2].any(dim=-1).all()
    found.sum().backward()
    assert all(layer.grad is not None and layer.grad.isfinite().all() for layer in
               attention.parameters())  # fmt: skip


# -- a ranker that reads it ------------------------------------------------------------------------


def requests_of(batch: Any) -> RankingRequests:
    return RankingRequests(
        batch["user_id"], batch["item_id"][:, None], batch[RECENT_ITEM], batch[REQUEST_TIME],
        batch[REQUEST_GAP], batch[RECENT_LABEL],
    )  # fmt: skip


def test_its_features_stand_behind_the_others(keys: Dict[str, Any]) -> None:
    with_it = assemble(Config(config_dict=keys))
    without = assemble(Config(config_dict={**keys, "ranker_input": "none"}))
    features, plain = with_it.model.features, without.model.features
    assert features.output_size == plain.output_size + 6 * TINY["hidden_size"]
    plain.load_state_dict(features.state_dict(), strict=False)
    requests = requests_of(next(iter(with_it.train_data)))
    found = features(requests)
    assert found.shape[-1] == features.output_size
    own = found[..., : plain.output_size]
    assert torch.allclose(own, plain(requests), atol=1e-6)
    assert (found[..., plain.output_size :].abs().sum(dim=-1) > 0).float().mean() > 0.8
    # before the first row nobody is known, and it adds nothing
    early = requests._replace(time=torch.zeros_like(requests.time))
    assert not features(early)[..., plain.output_size :].any()


def test_it_reads_training_rows_that_came_to_something_for_the_first_target(
    keys: Dict[str, Any],
) -> None:
    experiment = assemble(Config(config_dict=keys))
    log, alike = experiment.dataset.log, experiment.model.features.inputs["rar"].look_alikes
    assert not log.training.all()
    clicked = log.training & (log.values["click"] == 1)
    pairs = torch.stack([alike.users, alike.items], dim=1)[alike.items > 0]
    assert pairs.tolist() == np.stack([log.user, log.item], axis=1)[clicked].tolist()


def test_what_was_watched_to_the_end_was_liked(keys: Dict[str, Any]) -> None:
    """Labels of ``cwm`` are below 0 there, and a yes is what the target says it is."""
    experiment = assemble(Config(config_dict={**keys, "targets": {"unending": {"target": "cwm"}}}))
    log, alike = experiment.dataset.log, experiment.model.features.inputs["rar"].look_alikes
    play = log.values["play"]
    long = np.quantile(np.minimum(play, 5000)[log.training & (play >= 0)], 0.7)
    liked = log.training & ((play >= 5000) | (play > long))
    assert 0 < liked.sum() < (log.training & (play >= 0)).sum()
    pairs = torch.stack([alike.users, alike.items], dim=1)[alike.items > 0]
    assert pairs.tolist() == np.stack([log.user, log.item], axis=1)[liked].tolist()


def test_what_it_finds_lies_before_the_request_and_is_of_others(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config(config_dict=keys))
    log, requests = experiment.dataset.log, requests_of(next(iter(experiment.train_data)))
    found = experiment.model.features.inputs["rar"].find(requests)
    assert found.users.shape == (len(requests.user), 8)
    assert found.items.shape == (len(requests.user), 16)
    clicked = log.training & (log.values["click"] == 1)
    for user, time, users, items in zip(requests.user, requests.time, *found):
        assert user not in users
        for other, of_other in zip(users, items.view(8, 2)):
            rows = clicked & (log.user == other.item()) & (log.time < time.item())
            latest = log.item[rows][::-1][:2].tolist()
            assert of_other.tolist() == [*latest, 0, 0][:2]


def test_a_run_saves_and_loads(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "epochs": 1})
    loaded = load(result["model_file"])
    assert type(loaded.model.features.inputs["rar"]).__name__ == "RecallAugmented"
    assert loaded.evaluate("test") == result["test_result"]


def test_two_processes_train_it_as_well(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "epochs": 1, "nproc": 2})
    loaded = load(result["model_file"])
    assert result["test_result"] == pytest.approx(loaded.evaluate("test"), abs=1e-6)


def test_users_alike_tell_what_a_user_without_features_will_click(write_dataset: Any) -> None:
    """Even users click even items; the ranker knows neither their ids nor their history."""
    log = exposure_log(n_users=60, n_items=30, length=30, planted=True)
    keys = {**write_exposures(write_dataset, log), "model": "MultiTaskRanker"}
    keys["load_col"] = {"inter": keys["load_col"]["inter"], "user": ["user_id", "height"]}
    keys.update(embedding_size=8, hidden_size=8, MAX_ITEM_LIST_LENGTH=0, id_features=False)
    keys["ranker"] = {"name": "mmoe", "n_experts": 2, "expert_sizes": [16], "tower_sizes": []}
    keys.update(targets={"click": keys["targets"]["click"]}, learning_rate=0.02, epochs=8)
    keys["train_batch_size"] = 128
    found = {
        name: run_recbole_poem(config_dict={**keys, "ranker_input": name}, saved=False)
        for name in ("none", "rar")
    }
    assert found["none"]["test_result"]["auc click"] < 0.6
    assert found["rar"]["test_result"]["auc click"] > 0.9


def test_bad_settings_end_in_one_sentence(keys: Dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=r"^ranker_input\.rar\.tables: expected 4, 8 or 16, not 5$"
    ):
        Config(config_dict={**keys, "ranker_input": {"name": "rar", "tables": 5}})
    with pytest.raises(
        InputError, match=r"^ranker_input\.rar\.users: expected a whole number from 1"
    ):
        Config(config_dict={**keys, "ranker_input": {"name": "rar", "users": 0}})
