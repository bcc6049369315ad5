"""A checkpoint on data that have changed: what still holds, and what is refused in which words."""

import hashlib
from pathlib import Path
from typing import Any, Callable, Dict

import pandas as pd
import pytest
import torch
from conftest import random_log

from recbole_poem import Recommender
from recbole_poem.core.errors import InputError
from recbole_poem.training import checkpoint
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble, create_dataset
from recbole_poem.training.quick_start import load, run_recbole_poem
from recbole_poem.training.registry import get_trainer
from recbole_poem.training.restoring import data_of

SMALL = {
    "epochs": 1,
    "train_batch_size": 64,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 8,
}
OF_POEM = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "inner_size": 8,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "requests_per_window": 3,
}
LOG = random_log(1, n_users=40, n_items=25, longest=20, ties=False)
SHUFFLED = LOG.sample(frac=1, random_state=5)
NEW_USERS = pd.concat([LOG[LOG["user_id"] == "u5"].assign(user_id=name) for name in ("ann", "bob")])
MORE = pd.concat([NEW_USERS, LOG])  # before the others, so that RecBole numbers them first
FEWER = LOG[~LOG["user_id"].isin(["u5", "u6"])]


@pytest.fixture
def trained(write_dataset: Any) -> Callable[..., Dict[str, Any]]:
    """Return a function that trains a model on the log and returns the result."""

    def train(model: str, **more: Any) -> Dict[str, Any]:
        own = OF_POEM if model == "POEM" else {}
        keys = {**write_dataset(LOG), **SMALL, **own, "model": model, **more}
        return run_recbole_poem(config_dict=keys)

    return train


@pytest.mark.parametrize("model", ["POEM", "SASRec", "BPR"])
def test_rows_are_hashed_in_parts_as_if_they_were_whole(
    write_dataset: Any, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    config = Config(model, config_dict={**write_dataset(LOG), **SMALL, "ranking_reader": "none"})
    train = create_dataset(config).build()[0]
    whole = hashlib.blake2b(digest_size=16)
    for field in sorted(field for field in train.inter_feat if not field.endswith("_list")):
        whole.update(train.inter_feat[field].numpy().tobytes())
    for rows_at_once in (7, 1000):
        monkeypatch.setattr("recbole_poem.training.restoring.ROWS_AT_ONCE", rows_at_once)
        assert data_of(train)["row_hash"] == whole.hexdigest()


@pytest.mark.parametrize("model", ["POEM", "SASRec", "BPR", "ItemKNN", "MultiVAE"])
def test_a_file_in_another_order_changes_nothing(
    trained: Any, write_dataset: Any, model: str
) -> None:
    result = trained(model)
    for log in (SHUFFLED, LOG.sort_values("timestamp")):
        write_dataset(log)
        experiment = load(result["model_file"])
        assert experiment.evaluate("test") == result["test_result"]
        assert experiment.evaluate("valid") == result["best_valid_result"]


@pytest.mark.parametrize("model", ["POEM", "SASRec", "Pop", "MultiVAE"])
def test_new_users_are_new_rows_to_a_model_without_weights_for_users(
    trained: Any, write_dataset: Any, model: str
) -> None:
    result = trained(model)
    before = load(result["model_file"])
    write_dataset(MORE)
    experiment = load(result["model_file"])
    assert experiment.dataset.user_num == before.dataset.user_num + 2
    assert len(experiment.test_data._dataset) == len(before.test_data._dataset) + 2
    assert experiment.evaluate("test").keys() == result["test_result"].keys()
    for name, weight in before.model.state_dict().items():
        assert torch.equal(weight, experiment.model.state_dict()[name]), name


@pytest.mark.parametrize("model", ["BPR", "ItemKNN", "EASE", "FPMC", "CDAE"])
def test_new_users_are_refused_where_the_model_has_weights_for_each(
    trained: Any, write_dataset: Any, model: str
) -> None:
    file = trained(model)["model_file"]
    write_dataset(MORE)
    words = (
        rf"\.pth: {model} has weights for each user_id of the training, and in .*toy 2 users are "
        "new: ann, bob; leave their rows out, or train again"
    )
    with pytest.raises(InputError, match=words):
        load(file)


def test_keys_are_not_taken_for_new_users(trained: Any, write_dataset: Any) -> None:
    file = trained("SASRec")["model_file"]
    write_dataset(MORE)
    with pytest.raises(InputError, match="its weights do not fit the SASRec"):
        load(file, {"hidden_size": 16})


def test_another_model_is_named_even_where_the_sizes_agree(trained: Any) -> None:
    file = trained("LightGCN")["model_file"]
    words = r"\.pth: holds weights of LightGCN, not of SGL; leave the key model out"
    for opened in (
        lambda: load(file, {"model": "SGL"}),
        lambda: run_recbole_poem(config_dict={"resume": file, "model": "SGL"}),
    ):
        with pytest.raises(InputError, match=words):
            opened()


def test_all_columns_are_named_where_one_table_holds_their_weights(write_dataset: Any) -> None:
    def write(log: pd.DataFrame, ages: str) -> Dict[str, Any]:
        users = "".join(f"{user}\t{len(user)}\n" for user in sorted(set(log["user_id"])))
        keys = write_dataset(log, user="user_id:token\tage:token\n" + users.replace("\t2\n", ages))
        return {**keys, "load_col": {**keys["load_col"], "user": ["user_id", "age"]}}

    labels = {"threshold": {"rating": 4}, "metrics": ["AUC"], "valid_metric": "AUC"}
    given = {**SMALL, **write(LOG, "\t2\n"), **labels, "model": "FM"}
    file = run_recbole_poem(config_dict=given)["model_file"]
    write(MORE, "\t90\n")
    with pytest.raises(InputError) as caught:
        load(file)
    assert "2 users are new: ann, bob, 1 token of 'age' is new: 90" in str(caught.value)


@pytest.mark.parametrize("model", ["POEM", "BPR", "EASE", "Caser"])
def test_users_without_a_row_are_kept_in_mind(trained: Any, write_dataset: Any, model: str) -> None:
    result = trained(model)
    before = load(result["model_file"])
    write_dataset(FEWER)
    experiment = load(result["model_file"])
    assert experiment.dataset.user_num == before.dataset.user_num
    assert len(experiment.test_data._dataset) == len(before.test_data._dataset) - 2
    assert 0 <= experiment.evaluate("test")["hit@5"] <= 1


@pytest.mark.parametrize("log", [SHUFFLED, MORE, FEWER])
def test_a_recommender_answers_beside_a_log_that_changed(
    trained: Any, write_dataset: Any, log: pd.DataFrame
) -> None:
    file = trained("SASRec")["model_file"]
    histories = [["i3", "i7"], ["i1"]]
    expected = Recommender.load(file).recommend(histories, k=5)
    write_dataset(log)
    pd.testing.assert_frame_equal(Recommender.load(file).recommend(histories, k=5), expected)


def test_a_successor_numbers_the_data_set_anew_only_if_its_training_did(
    trained: Any, write_dataset: Any
) -> None:
    first, second = trained("SASRec")["model_file"], trained("SASRec")["model_file"]
    keys = {**write_dataset(SHUFFLED), **SMALL, "model": "SASRec"}
    third = run_recbole_poem(config_dict=keys)["model_file"]  # on the file as it is now
    recommender = Recommender.load(first)
    assert recommender.successor(second)._dataset is recommender._dataset
    successor = recommender.successor(third)
    assert successor._dataset is not recommender._dataset
    expected = Recommender.load(third).recommend([["i3", "i7"]], k=5)
    pd.testing.assert_frame_equal(successor.recommend([["i3", "i7"]], k=5), expected)


def test_other_items_are_refused_wherever_a_checkpoint_is_opened(
    trained: Any, write_dataset: Any
) -> None:
    file = trained("SASRec")["model_file"]
    recommender = Recommender.load(file)
    write_dataset(LOG.replace({"item_id": {"i3": "brand new"}}))
    words = (
        r"\.pth: in .*toy 1 item is missing: i3, and 1 item is unknown to the model: brand new; "
        "give the files that have the missing ones and leave the rows of the unknown ones out, or"
    )
    for opened in (
        lambda: load(file),
        lambda: Recommender.load(file),
        lambda: recommender.successor(file),
        lambda: run_recbole_poem(config_dict={"resume": file}),
    ):
        with pytest.raises(InputError, match=words) as caught:
            opened()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", ["POEM", "BPR"])
def test_a_training_goes_on_with_a_file_in_another_order(
    trained: Any, write_dataset: Any, model: str
) -> None:
    whole = trained(model, epochs=3)
    file = trained(model)["model_file"]
    write_dataset(SHUFFLED)
    resumed = run_recbole_poem(config_dict={"resume": file, "epochs": 3})
    assert resumed["test_result"] == whole["test_result"]
    ours, theirs = (checkpoint.read(result["model_file"]) for result in (whole, resumed))
    for name, weight in ours["last_state_dict"].items():
        assert torch.equal(weight, theirs["last_state_dict"][name]), name


def _turned(log: pd.DataFrame) -> pd.DataFrame:
    """Turn one user's items round: the same tokens, and as many rows."""
    one = log["user_id"] == "u5"
    items = log["item_id"].to_numpy(copy=True)
    items[one] = items[one][::-1]
    return log.assign(item_id=items)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (MORE, "2 users are new: ann, bob; give the same data and keys, or train again"),
        (FEWER, "2 users are missing: u., u.; give"),
        (
            pd.concat([LOG, LOG[LOG["user_id"] == "u5"].assign(timestamp=2e9)]),
            r"there are \d+ training rows, and there were \d+; give",
        ),
        (
            _turned(LOG),
            "the training rows have other users, items, times or values, or ties in",
        ),
    ],
)
@pytest.mark.parametrize("model", ["POEM", "BPR"])
def test_a_training_goes_on_with_its_own_data_alone(
    trained: Any, write_dataset: Any, model: str, log: pd.DataFrame, words: str
) -> None:
    file = trained(model)["model_file"]
    content = Path(file).read_bytes()
    write_dataset(log)
    words = r"\.pth: resume goes on with the data of the training alone, but in .*toy " + words
    with pytest.raises(InputError, match=words):
        run_recbole_poem(config_dict={"resume": file, "epochs": 2})
    assert Path(file).read_bytes() == content


def test_a_trainer_takes_no_weights_of_other_ids(trained: Any, write_dataset: Any) -> None:
    """Its data set was numbered as its own file has it, not as the checkpoint does."""
    result = trained("SASRec")
    config = Config(config_dict={**write_dataset(SHUFFLED), **SMALL, "model": "SASRec"})
    experiment = assemble(config)
    trainer = get_trainer(config)(config, experiment.model)
    words = r"its ids stand for other tokens than those of .*toy.* open it with recbole_poem.load"
    with pytest.raises(InputError, match=words):
        trainer.evaluate(experiment.test_data, model_file=result["model_file"])
    opened = load(result["model_file"])
    trainer = get_trainer(opened.config)(opened.config, opened.model)
    found = trainer.evaluate(opened.test_data, model_file=result["model_file"])
    assert found == result["test_result"]
