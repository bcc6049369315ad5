"""Data shared by trials: the same results, bit for bit, from one preparation."""

import os
from pathlib import Path
from typing import Any, Dict, List

import pytest
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.training import experiment
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import begin, trainer_of
from recbole_poem.tune import sharing
from recbole_poem.tune.sharing import SharedPreparation

SMALL = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "inner_size": 8,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "requests_per_window": 3,
    "train_batch_size": 64,
    "epochs": 2,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 12,
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    return {**write_dataset(log), **SMALL, "model": "POEM"}


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """Collect what is really prepared."""
    made = []

    def prepare(config: Any) -> Any:
        made.append(experiment.prepare(config))
        return made[-1]

    monkeypatch.setattr(sharing, "prepare", prepare)
    return made


def run(keys: Dict[str, Any], preparation: Any = experiment.prepare) -> Any:
    """Train, validate and test as the command does."""
    made = begin(Config(config_dict=keys), preparation)
    trainer = trainer_of(made)
    valid = trainer.fit(made.train_data, made.valid_data, saved=False)
    return valid, trainer.evaluate(made.test_data, load_best_model=False)


SAMPLED = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni5"}


@pytest.mark.parametrize(
    ("model", "more", "changes"),
    [
        ("POEM", {}, {"learning_rate": [0.01, 0.03, 0.01], "grouping.n_groups": [2, 3, 2]}),
        ("POEM", {"full_softmax_limit": 5}, {"ranking_reader.group_samples": [1, 2, 1]}),
        # what is tuned by default beside them
        ("POEM", {}, {"losses.system.weight": [0.1, 0.3, 0.1], "request_weight": [1, 3, 1]}),
        ("POEM", {}, {"losses.margin.weight": [0.1, 0.3, 0.1]}),
        ("SASRec", {"mask_seen": True}, {"learning_rate": [0.01, 0.03, 0.01]}),
        ("SASRec", {"lazy_sequences": True}, {"n_layers": [1, 2, 1]}),
        # its loader writes keys into the configuration, which the model reads
        ("BERT4Rec", {}, {"hidden_dropout_prob": [0.1, 0.3, 0.1]}),
        ("FEARec", {}, {"lmd": [0.1, 0.3, 0.1]}),
        ("BPR", {"eval_args": SAMPLED, "worker": 1}, {"learning_rate": [0.01, 0.03, 0.01]}),
    ],
)
def test_a_run_on_shared_data_equals_one_on_its_own(
    keys: Dict[str, Any],
    prepared: List[Any],
    model: str,
    more: Dict[str, Any],
    changes: Dict[str, List[Any]],
) -> None:
    shared = SharedPreparation()
    for number in range(3):
        values = {key: choice[number] for key, choice in changes.items()}
        given = {**keys, **more, **values, "model": model}
        alone = run(given)
        assert run(given, shared) == alone
    assert len(prepared) == 1


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("MAX_ITEM_LIST_LENGTH", [6, 4]),
        ("ranking_source.n_candidates", [8, 5]),
        ("seed", [1, 2]),
        ("losses.margin.negatives.neighbours", [50, 2]),
        ("losses.margin.negatives", ["graph", "uniform"]),
        ("losses.margin", [{}, "none"]),
        ("losses.system.n_positives", [3, 1]),
        ("score_fusion.kappa", [0, 60]),
        ("train_batch_size", [64, 32]),
        ("request_lag", [1, 0]),  # read when a batch is made
        ("model", ["POEM", "SASRec"]),
        ("topk", [[5], [5, 1000]]),
    ],
)
def test_data_are_prepared_again_where_a_key_that_shapes_them_changes(
    keys: Dict[str, Any], prepared: List[Any], key: str, values: List[Any]
) -> None:
    shared = SharedPreparation()
    first, second = ({**keys, key: value} for value in values)
    run(first, shared)
    if key == "topk":
        with pytest.raises(experiment.InputError, match="asks for more than 25 items"):
            run(second, shared)
        return
    found = run(second, shared)
    assert len(prepared) == 2
    assert found == run(second)


def test_data_are_prepared_again_where_the_files_changed(
    keys: Dict[str, Any], prepared: List[Any], write_dataset: Any
) -> None:
    shared = SharedPreparation()
    run(keys, shared)
    write_dataset(random_log(2, n_users=40, n_items=25, longest=20))
    (file,) = Path(keys["data_path"], "toy").iterdir()
    os.utime(file, ns=(1, 1))  # two writes may fall into one tick of the clock
    found = run(keys, shared)
    assert len(prepared) == 2
    assert found == run(keys)


def test_a_trial_that_fails_in_the_middle_of_an_epoch_leaves_the_data_as_they_were(
    keys: Dict[str, Any], prepared: List[Any]
) -> None:
    shared = SharedPreparation()
    given = {**keys, "model": "SASRec"}
    with pytest.raises(InputError, match="loss is not a number"):
        run({**given, "learning_rate": 1e30}, shared)
    found = run(given, shared)
    assert len(prepared) == 1
    assert found == run(given)


def test_loaders_with_a_state_of_their_own_are_not_shared(
    keys: Dict[str, Any], prepared: List[Any]
) -> None:
    shared = SharedPreparation()
    for _ in range(2):
        given = {**keys, "model": "MultiVAE"}
        run(given, shared)
    assert len(prepared) == 2
