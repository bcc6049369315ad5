"""The ranker as a model of its own: its features and losses, and whole runs on known worlds."""

from typing import Any, Dict

import numpy as np
import pytest
import torch
from toy_components import target_losses, targets_of
from toy_exposures import TARGETS, TINY, TINY_NETWORK, exposure_log, write_exposures

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import TASK_LABEL, UNEXPOSED_ITEM
from recbole_poem.rankers.multi_task_ranker import table_fields
from recbole_poem.rankers.ranking_requests import RankingRequests
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import load, run_recbole_poem

RESULT = ["gauc", "gauc click", "auc click", "gauc like", "auc like", "mae seconds", "xauc seconds"]


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {
        **write_exposures(write_dataset, exposure_log()),
        "model": "MultiTaskRanker",
        **TINY,
        "ranker": TINY_NETWORK,
    }


def test_the_targets_are_made_with_their_settings_in_their_order(keys: Dict[str, Any]) -> None:
    targets = assemble(Config(config_dict=keys)).model.targets
    assert [(t.name, t.settings) for t in targets] == [
        (t.name, t.settings) for t in targets_of(TARGETS)
    ]
    click, like, seconds = (target.settings for target in targets)
    assert (click.weight, click.positive_weight, like.positive_weight) == (1, 1, 2)
    assert (seconds.weight, seconds.huber_delta) == (0.5, 1)


def test_the_columns_of_the_tables_are_the_features(keys: Dict[str, Any]) -> None:
    dataset = assemble(Config(config_dict=keys)).dataset
    users = table_fields(dataset, "user_id", dataset.user_feat)
    items = table_fields(dataset, "item_id", dataset.item_feat)
    kinds = {field.name: field.kind for field in users}
    assert kinds == {"user_id": "token", "taste": "token", "height": "float"}
    kinds = {field.name: field.kind for field in items}  # not the vector, a float_seq
    assert kinds == {"item_id": "token", "tags": "token_seq", "length": "float"}
    for fields, id_field in ((users, "user_id"), (items, "item_id")):
        assert fields[0].values.tolist() == list(range(dataset.num(id_field)))
        assert {len(field.values) for field in fields} == {dataset.num(id_field)}
    of = dataset.token2id("user_id", "u7")
    taste = users[1].values[of]
    assert dataset.id2token("taste", int(taste)) == "t1"
    assert users[2].values[of] == 157
    tags = items[1].values[dataset.token2id("item_id", "i8")]
    assert set(dataset.id2token("tags", tags.numpy())) >= {"parity0", "third2"}
    assert items[2].values[dataset.token2id("item_id", "i8")] == 8


def test_without_tables_the_ids_are_all_there_is(keys: Dict[str, Any]) -> None:
    keys = {**keys, "load_col": {"inter": keys["load_col"]["inter"]}}
    experiment = assemble(Config(config_dict=keys))
    fields = table_fields(experiment.dataset, "user_id", experiment.dataset.user_feat)
    assert [field.name for field in fields] == ["user_id"]
    assert len(experiment.model.features.items.fields) == 1


def test_the_parts_of_the_loss_sum_to_the_average_of_the_targets(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config(config_dict={**keys, "unexposed_negatives": 0}))
    model, batch = experiment.model.eval(), next(iter(experiment.train_data))
    labels = batch[TASK_LABEL]
    assert labels.isnan().any()
    assert not labels.isnan().all()
    requests = RankingRequests(
        batch["user_id"], batch["item_id"][:, None], batch["recent_item"],
        batch["request_time"], batch["request_gap"], batch["recent_label"],
    )  # fmt: skip
    outputs = model.forward(requests)[:, 0]
    own_parts, losses = target_losses(outputs, labels, model.targets)
    parts = model.calculate_loss(batch)
    assert len(parts) == 3
    assert torch.equal(torch.stack(parts), own_parts)
    assert torch.allclose(torch.stack(parts), losses * torch.tensor([1, 1, 0.5]) / 2.5)
    # what is predicted are chances and seconds, of exposures as of candidates
    predicted = model.predict_targets(batch)
    odds = outputs[:, 1].exp() / 2  # of like, whose positives count twice
    expected = [outputs[:, 0].sigmoid(), odds / (1 + odds), outputs[:, 2].clamp(min=0).expm1()]
    assert torch.allclose(predicted, torch.stack(expected, dim=1), atol=1e-6)
    assert torch.equal(model.predict(batch), predicted[:, 0])
    assert torch.allclose(model.score(requests)[:, 0], predicted)


def test_a_ranker_with_losses_of_its_own_learns_by_them(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config(config_dict={**keys, "ranker": "ektm"}))
    model, batch = experiment.model.eval(), next(iter(experiment.train_data))
    parts = torch.stack(model.calculate_loss(batch))
    drafts, _ = target_losses(
        model.network.backbone(features_of(model, batch)), batch[TASK_LABEL], model.targets
    )
    assert torch.allclose(parts, drafts)  # nothing is transferred yet: drafts and outputs agree
    for parameter in model.network.transmitters[1].message[-1].parameters():
        torch.nn.init.ones_(parameter)
    moved = torch.stack(model.calculate_loss(batch))
    assert torch.equal(moved[:2], parts[:2])
    assert moved[2] != parts[2]


def features_of(model: Any, batch: Any) -> torch.Tensor:
    requests = RankingRequests(
        batch["user_id"], batch["item_id"][:, None], batch["recent_item"],
        batch["request_time"], batch["request_gap"], batch["recent_label"],
    )  # fmt: skip
    return model.features(requests)[:, 0]


def test_ids_may_be_no_features(keys: Dict[str, Any]) -> None:
    def names(**more: Any) -> Dict[str, int]:
        model = assemble(Config(config_dict={**keys, **more})).model
        return {of: len(getattr(model.features, of).fields) for of in ("users", "items")}

    assert names() == {"users": 3, "items": 3}
    assert names(id_features=False) == {"users": 2, "items": 2}
    without_tables = {"load_col": {"inter": keys["load_col"]["inter"]}}
    assert names(id_features=False, **without_tables) == {"users": 1, "items": 1}


def test_no_history_is_read_where_its_length_is_0(keys: Dict[str, Any]) -> None:
    for pooling in ("attention", "mean"):
        given = {**keys, "MAX_ITEM_LIST_LENGTH": 0, "pooling": pooling, "epochs": 1}
        result = run_recbole_poem(config_dict=given)
        assert list(result["test_result"]) == RESULT
        experiment = load(result["model_file"])
        batch = next(iter(experiment.test_data))
        assert batch["recent_item"].shape[1] == 0
        interest = features_of(experiment.model, batch)[:, 2 * TINY["hidden_size"] :]
        assert (interest[:, : TINY["hidden_size"]] == 0).all()


def test_an_unexposed_item_came_to_nothing_where_the_exposure_is_known(
    keys: Dict[str, Any],
) -> None:
    experiment = assemble(Config(config_dict={**keys, "unexposed_negatives": 3}))
    model, batch = experiment.model.eval(), next(iter(experiment.train_data))
    labels = batch[TASK_LABEL]
    candidates = torch.cat([batch["item_id"][:, None], batch[UNEXPOSED_ITEM]], dim=1)
    requests = RankingRequests(
        batch["user_id"], candidates, batch["recent_item"],
        batch["request_time"], batch["request_gap"], batch["recent_label"],
    )  # fmt: skip
    outputs, parts = model.forward(requests), model.calculate_loss(batch)
    for m, (target, weight) in enumerate(zip(model.targets, (1, 1, 0.5))):
        known = ~labels[:, m].isnan()
        expected = torch.zeros(int(known.sum()), 4)
        expected[:, 0] = labels[known, m]
        losses = target.loss(outputs[known, :, m].flatten(), expected.flatten())
        assert torch.allclose(parts[m], losses.mean() * weight / 2.5)


def test_a_run_reports_every_target_saves_and_loads(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "epochs": 2})
    assert list(result["test_result"]) == RESULT
    assert result["best_valid_score"] == result["best_valid_result"]["gauc"]
    assert all(np.isfinite(value) for value in result["test_result"].values())
    torch.load(result["model_file"], weights_only=True)
    loaded = load(result["model_file"])
    assert loaded.evaluate("test") == result["test_result"]
    assert loaded.evaluate("valid") == result["best_valid_result"]
    again = run_recbole_poem(config_dict={**keys, "epochs": 2}, saved=False)
    assert again["best_valid_result"] == result["best_valid_result"]


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_it_learns_who_clicks_what(write_dataset: Any, pooling: str) -> None:
    """A click is a matter of the user's taste and the item's tag; likes are noise."""
    log = exposure_log(n_users=60, n_items=30, length=30, planted=True)
    keys = {**write_exposures(write_dataset, log), "model": "MultiTaskRanker", "pooling": pooling}
    keys["unexposed_negatives"] = 0
    keys.update(embedding_size=8, hidden_size=8)
    keys["ranker"] = {"name": "mmoe", "n_experts": 2, "expert_sizes": [16], "tower_sizes": []}
    result = run_recbole_poem(
        config_dict={**keys, "learning_rate": 0.02, "train_batch_size": 128, "epochs": 8}
    )["test_result"]
    assert result["gauc click"] > 0.97
    assert result["auc click"] > 0.97
    assert 0.3 < result["gauc like"] < 0.7
    # clicked 4 to 6 seconds, else 1 to 3: who knows the click misses by 2/3, who does not by 3/2
    assert result["mae seconds"] < 1.2
    assert result["xauc seconds"] > 0.7
    weaker = run_recbole_poem(config_dict={**keys, "epochs": 0})["test_result"]
    assert weaker["gauc click"] < 0.7


def test_two_processes_judge_by_all_exposures(keys: Dict[str, Any]) -> None:
    """Were each to judge by its own half, they would not stop at the same epoch."""
    result = run_recbole_poem(config_dict={**keys, "epochs": 2, "nproc": 2})
    loaded = load(result["model_file"])
    for part, phase in (("best_valid_result", "valid"), ("test_result", "test")):
        assert result[part] == pytest.approx(loaded.evaluate(phase), abs=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": None}, r"^targets: a ranker needs at least one, such as"),
        ({"pooling": "max"}, r"^pooling: expected one of attention, mean, actions, not 'max'"),
        ({"ranker.expert_sizes": []}, r"^ranker\.expert_sizes: expected a list of whole numbers"),
        ({"ranker.n_experts": 0}, r"^ranker\.n_experts: expected a whole number from 1, not"),
        ({"utc_offset": 90_000}, r"^utc_offset: expected seconds of less than a day"),
        (
            {"metrics": ["NDCG"], "valid_metric": "NDCG@10"},
            r"^valid_metric: expected GAUC, what its evaluation returns, not 'NDCG@10'",
        ),
        (
            {"eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "labeled"}},
            r"^targets: no user has evaluated exposures of both answers for a yes/no target",
        ),
    ],
)
def test_bad_input_ends_in_one_sentence(
    keys: Dict[str, Any], change: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        run_recbole_poem(config_dict={**keys, "epochs": 1, **change})
    assert "\n" not in str(caught.value)
