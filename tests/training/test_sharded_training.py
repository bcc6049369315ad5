"""A training whose item rows are shared out: what it learns, ranks, keeps and continues."""

import shutil
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from conftest import random_log
from toy_training import killed_after

from recbole_poem.benchmark.evaluation import recommend
from recbole_poem.core.errors import InputError
from recbole_poem.encoders.tables.dense import Dense
from recbole_poem.encoders.tables.sharded import Sharded
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training import checkpoint, item_parts
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble
from recbole_poem.training.quick_start import load, run_recbole_poem
from recbole_poem.training.registry import get_trainer
from recbole_poem.training.words import n_parameters

SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "inner_size": 8,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader": {"name": "partial_order", "group_samples": 2},
    "requests_per_window": 3,
    "train_batch_size": 48,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 8,
    "epochs": 3,
    "item_table": "sharded",
    "full_softmax_limit": 0,
    "sampled_negatives": 20,
}
NO_DROPOUT = {
    "hidden_dropout_prob": 0.0,
    "attn_dropout_prob": 0.0,
    "history_encoder": {"name": "mixture", "item_dropout": 0.0},
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL}


def rows_of(file: str, kind: str = "last") -> torch.Tensor:
    return item_parts.gathered(file, item_parts.named(checkpoint.read(file), kind))


def fitted(experiment: Experiment) -> Any:
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    trainer.fit(experiment.train_data, experiment.valid_data, saved=False)
    return trainer


def test_one_process_learns_what_a_dense_table_does_where_each_step_touches_all(
    keys: Dict[str, Any],
) -> None:
    """Every item is among so many negatives; the two Adams differ by where epsilon stands."""
    keys = {**keys, **NO_DROPOUT, "sampled_negatives": 2000}
    shared = assemble(Config(config_dict=keys))
    dense = assemble(Config(config_dict={**keys, "item_table": "dense"}))
    weights = shared.model.state_dict()
    begun = shared.model.item_embedding.rows.clone()
    dense.model.load_state_dict({**weights, "item_embedding.weight": begun})
    fitted(shared), fitted(dense)
    learned = dense.model.state_dict()
    rows = learned.pop("item_embedding.weight")
    assert (rows - begun).abs().max() > 0.01
    torch.testing.assert_close(shared.model.item_embedding.rows, rows, rtol=0, atol=2e-4)
    for name, weight in shared.model.state_dict().items():
        torch.testing.assert_close(weight, learned[name], rtol=0, atol=2e-4, msg=name)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"mask_seen": True, "metrics": ["NDCG", "ItemCoverage"]},
        {"losses": ["gbce", "setrank"], "ranking_reader": "none", "ema_decay": 0},
        {"n_rankings": 2, "shuffle_scores": True, "losses": ["feedback", "system_order"]},
        {"losses": ["feedback", "noise_robustness", "fusion"], "score_fusion": "umre",
         "score_fusion.labels": {"all": {}, "liked": {"rating": "[4,inf)"}},
         "ranking_source.raw_scores": True},
        {"logit_terms": "popularity_trend", "time_unit": "s", "ranking_reader": "ridge"},
    ],
)  # fmt: skip
def test_what_the_shards_rank_is_what_the_gathered_rows_rank(
    keys: Dict[str, Any], more: Dict[str, Any]
) -> None:
    """The same metrics by the ranks of shards, in blocks of a score, and by all scores at once."""
    block = {"name": "sharded", "scores_at_once": 100}
    result = run_recbole_poem(config_dict={**keys, "epochs": 2, **more, "item_table": block})
    loaded = load(result["model_file"])
    assert isinstance(loaded.model.item_embedding, Dense)
    for phase, found in (("test", "test_result"), ("valid", "best_valid_result")):
        assert loaded.evaluate(phase) == pytest.approx(dict(result[found]), abs=1e-6)
    assert torch.equal(loaded.model.item_embedding.weight, rows_of(result["model_file"], "best"))


def test_what_is_kept_is_the_average(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "epochs": 1})
    state = checkpoint.read(result["model_file"])
    parts = item_parts.named(state, "last").file(result["model_file"], 0)
    last = torch.load(parts)
    assert last["n_steps"] == last["n_averaged"] == state["average"]["n_steps"] > 3
    best = rows_of(result["model_file"], "best")
    assert torch.equal(best, last["average"])
    assert not torch.equal(best, last["rows"])
    assert (best[0] == 0).all()


def test_a_resumed_run_is_an_uninterrupted_one(keys: Dict[str, Any]) -> None:
    keys = {**keys, "epochs": 4}
    whole = run_recbole_poem(config_dict=keys)
    resumed = run_recbole_poem(config_dict={"resume": killed_after(1, keys)})
    assert resumed["test_result"] == whole["test_result"]
    for kind in ("best", "last"):
        ours, theirs = (rows_of(each["model_file"], kind) for each in (whole, resumed))
        assert torch.equal(ours, theirs), kind
    files = sorted(path.name for path in item_parts.folder_of(whole["model_file"]).iterdir())
    assert len(files) == 2
    assert "last-3-0-of-1.pth" in files


def test_two_processes_learn_what_one_does_and_one_goes_on(keys: Dict[str, Any]) -> None:
    keys = {**keys, **NO_DROPOUT, "epochs": 2}
    one, two = (run_recbole_poem(config_dict={**keys, "nproc": n}) for n in (1, 2))
    for kind in ("last", "best"):
        rows = [rows_of(each["model_file"], kind) for each in (one, two)]
        torch.testing.assert_close(*rows, rtol=0, atol=1e-4)
    weights = [checkpoint.read(each["model_file"])["last_state_dict"] for each in (one, two)]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], rtol=0, atol=1e-4, msg=name)
    on = [
        run_recbole_poem(config_dict={"resume": each["model_file"], "epochs": 3, "nproc": 1})
        for each in (one, two)
    ]
    rows = [rows_of(each["model_file"]) for each in on]
    torch.testing.assert_close(*rows, rtol=0, atol=1e-4)
    assert on[0]["test_result"] == pytest.approx(dict(on[1]["test_result"]), abs=1e-6)


@pytest.mark.parametrize("more", [{}, {"item_table.scores_at_once": 100}])
def test_a_checkpoint_answers_with_all_its_rows(keys: Dict[str, Any], more: Any) -> None:
    """Whatever was set of the table that it was trained with."""
    file = run_recbole_poem(config_dict={**keys, "epochs": 1, **more})["model_file"]
    found = Recommender.load(file).recommend([["i1", "i2"]], k=3, filter_seen=False)
    experiment = load(file)
    assert found["item"].nunique() == 3
    assert set(found["item"]) <= set(experiment.dataset.field2id_token["item_id"][1:])


def test_a_checkpoint_without_its_rows_is_told(keys: Dict[str, Any]) -> None:
    file = run_recbole_poem(config_dict={**keys, "epochs": 1})["model_file"]
    item_parts.folder_of(file).rename("elsewhere")
    for opening in (load, Recommender.load):
        with pytest.raises(InputError, match=r"its item rows are missing .* copy the folder"):
            opening(file)


def test_rows_of_another_training_are_refused(keys: Dict[str, Any]) -> None:
    """They fit by name, epoch and shape."""
    file, other = (killed_after(0, {**keys, "seed": seed}) for seed in (1, 2))
    shutil.rmtree(item_parts.folder_of(file))
    shutil.copytree(item_parts.folder_of(other), item_parts.folder_of(file))
    openings = [load, Recommender.load, lambda path: run_recbole_poem(config_dict={"resume": path})]
    for opening in openings:
        with pytest.raises(InputError, match=r"were not written with .* but by another training"):
            opening(file)


def test_a_dense_checkpoint_is_not_resumed_with_shards(keys: Dict[str, Any]) -> None:
    file = killed_after(0, {**keys, "item_table": "dense"})
    with pytest.raises(InputError, match="was trained with item_table dense; leave the key out"):
        run_recbole_poem(config_dict={"resume": file, "item_table": "sharded"})


def test_a_sharded_checkpoint_is_not_resumed_with_a_dense_table(keys: Dict[str, Any]) -> None:
    file = killed_after(0, keys)
    with pytest.raises(InputError, match="was trained with item_table sharded; leave the key out"):
        run_recbole_poem(config_dict={"resume": file, "item_table": "dense"})


def test_a_dense_table_is_read_as_it_is(keys: Dict[str, Any]) -> None:
    """The batch itself, and the weight of the model under its old name; no parts on disk."""
    keys = {**keys, "item_table": "dense", "epochs": 1}
    experiment = assemble(Config(config_dict=keys))
    batch, weight, ids = experiment.model.opened(next(iter(experiment.train_data)))
    assert weight is dict(experiment.model.named_parameters())["item_embedding.weight"]
    assert ids is None
    assert "item_ids" not in batch
    file = run_recbole_poem(config_dict=keys)["model_file"]
    assert "item_table" not in checkpoint.read(file)
    assert not item_parts.folder_of(file).exists()


def test_rows_count_as_parameters(keys: Dict[str, Any]) -> None:
    dense, shared = (
        assemble(Config(config_dict={**keys, "item_table": name})).model
        for name in ("dense", "sharded")
    )
    assert isinstance(shared.item_embedding, Sharded)
    assert n_parameters(dense) == n_parameters(shared)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"full_softmax_limit": 50}, "full_softmax_limit: up to 50 items losses.feedback is the"),
        ({"learner": "sgd"}, "learner: with item_table sharded it is adam"),
        ({"weight_decay": 0.1}, "weight_decay: with item_table sharded it is 0"),
        ({"clip_grad_norm": {"max_norm": 5}}, "clip_grad_norm: with item_table sharded it is None"),
        ({"eval_args": {"mode": "uni5"}}, "eval_args: item_table sharded ranks a target among all"),
        ({"metrics": ["GAUC"], "valid_metric": "GAUC"}, "metrics: item_table sharded knows the"),
        ({"metrics": "GAUC", "valid_metric": "GAUC"}, "metrics: item_table sharded knows the"),
        (
            {"history_encoder": "gimirec", "row_features": "time"},
            "history_encoder: gimirec mixes the rows of all items",
        ),
        ({"logit_terms": ["item_bias"]}, "logit_terms.item_bias: it has a weight for each item"),
        ({"losses": "sqn"}, "losses.sqn: it reads more of items than the rows"),
        ({"losses": ["sampled_softmax"]}, "losses.sampled_softmax: it reads more of items than"),
        ({"losses": ["next_item_contrast"]}, "losses.next_item_contrast: it reads more of items"),
        ({"losses": ["feedback", "preference"]}, "losses.preference: it reads more of items than"),
        ({"rerankers": ["reloop2"]}, "rerankers.reloop2: it reads the scores of all items"),
    ],
)
def test_what_needs_all_items_is_refused_before_rankings_are_made(
    keys: Dict[str, Any], more: Dict[str, Any], words: str, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(InputError) as error:
        run_recbole_poem(config_dict={**keys, "request_cache_dir": str(cache), **more})
    assert not cache.exists()
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)
    assert not list(Path(keys["checkpoint_dir"]).glob("*.pth*"))


def test_a_benchmark_which_reads_all_scores_is_refused(keys: Dict[str, Any]) -> None:
    experiment = assemble(Config(config_dict=keys))
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    with pytest.raises(InputError, match="item_table: sharded makes no list of all scores"):
        recommend(trainer, experiment.test_data, 5)
