"""The flat data set against RecBole's own, which it must equal in everything but memory."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
import recbole.config
import torch
from conftest import random_log
from recbole.data.dataset import SequentialDataset
from recbole.utils import init_seed

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.dataset import FlatSequentialDataset, POEMDataset
from recbole_poem.data.preparation import data_preparation
from recbole_poem.data.request_log import RequestLogMixin
from recbole_poem.data.rows import LogRows
from recbole_poem.training.config import Config

SPLITS = [
    {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full", "group_by": "user"},
    {"split": {"LS": "test_only"}, "order": "TO", "mode": "full", "group_by": "user"},
    {"split": {"LS": "valid_only"}, "order": "TO", "mode": "full", "group_by": "user"},
    {"split": {"RS": [0.7, 0.1, 0.2]}, "order": "TO", "mode": "full", "group_by": "user"},
    {"split": {"RS": [0.7, 0.1, 0.2]}, "order": "TO", "mode": "full", "group_by": "none"},
]

#: cuts at a moment, so that times which were replaced by ranks are cut elsewhere
IN_TIME = {"split": {"TS": [0.7, 0.1, 0.2]}, "order": "TO", "mode": "full", "group_by": "user"}


class RightOrder(SequentialDataset):
    """RecBole's data set with its fault mended in the plainest way: integer times, file order.

    The smallest whole numbers in the order of the times are exact in float32, so that RecBole's
    own sorts are right.
    """

    def _change_feat_format(self) -> None:
        times = self.inter_feat[self.time_field]
        self.inter_feat[self.time_field] = np.unique(times, return_inverse=True)[1].astype(float)
        super()._change_feat_format()


def build(dataset_class: type, keys: Dict[str, Any]) -> List[Any]:
    config = Config(model="SASRec", config_dict={**keys, "train_neg_sample_args": None})
    init_seed(config["seed"], True)
    return dataset_class(config).build()


def assert_same_rows(ours: Any, reference: Any, but: str = "timestamp") -> None:
    """Compare row by row all fields of the reference, windows included, in the same order."""
    assert len(ours) == len(reference)
    if not len(ours):
        return
    index = torch.arange(len(ours))
    ours, reference = ours[index], reference[index]
    for field in reference.columns:
        if but not in field:
            assert ours[field].dtype == reference[field].dtype, field
            assert torch.equal(ours[field], reference[field]), field


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: str(split["split"]) + split["group_by"])
@pytest.mark.parametrize("seed", range(4))
def test_rows_and_windows_equal_recbole(write_dataset: Any, split: Any, seed: int) -> None:
    keys = {**write_dataset(random_log(seed)), "eval_args": split, "MAX_ITEM_LIST_LENGTH": 5}
    for ours, reference in zip(build(FlatSequentialDataset, keys), build(RightOrder, keys)):
        assert_same_rows(ours, reference)


def test_rows_and_windows_equal_recbole_on_ml_100k() -> None:
    keys = {"dataset": "ml-100k", "state": "WARNING"}
    for ours, reference in zip(build(FlatSequentialDataset, keys), build(RightOrder, keys)):
        assert_same_rows(ours, reference)


def test_a_data_set_is_told_as_recboles(
    write_dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recbole_poem.data.dataset.ROWS_AT_ONCE", 7)
    keys = write_dataset(random_log(2))
    for ours, reference in zip(build(FlatSequentialDataset, keys), build(RightOrder, keys)):
        assert str(ours) == str(reference)


@pytest.mark.parametrize("split", [*SPLITS, IN_TIME], ids=lambda split: str(split["split"]))
def test_mixin_gives_recboles_data_set_the_same_rows(write_dataset: Any, split: Any) -> None:
    keys = {**write_dataset(random_log(5, n_users=40)), "eval_args": split}
    stock = type("Stock", (RequestLogMixin, SequentialDataset), {})
    for ours, reference in zip(build(FlatSequentialDataset, keys), build(stock, keys)):
        assert_same_rows(ours, reference, but="nothing")


def test_recbole_picks_wrong_last_items_and_we_do_not() -> None:
    """RecBole sorts float32 times: https://github.com/RUCAIBox/RecBole data/interaction.py:38."""
    keys = {"dataset": "ml-100k", "normalize_all": False, "state": "WARNING"}
    path = recbole.config.__path__[0] + "/../dataset_example/ml-100k/ml-100k.inter"
    log = pd.read_csv(path, sep="\t")
    log.columns = ["user", "item", "rating", "time"]
    last = log.sort_values("time", kind="stable").groupby("user")["item"].last()

    def wrong(dataset_class: type) -> int:
        test = build(dataset_class, keys)[2]
        user = test.id2token("user_id", test.inter_feat["user_id"]).astype(int)
        item = test.id2token("item_id", test.inter_feat["item_id"]).astype(int)
        return int((last.loc[user].to_numpy() != item).sum())

    assert wrong(FlatSequentialDataset) == 0
    assert wrong(SequentialDataset) > 100


def test_ties_keep_the_order_of_the_file(write_dataset: Any) -> None:
    log = pd.DataFrame(
        {
            "user_id": ["u"] * 4,
            "item_id": ["c", "a", "b", "d"],
            "timestamp": [1.6e9 + 1, 1.6e9, 1.6e9, 1.6e9 + 1],
        }
    )
    dataset = build(FlatSequentialDataset, write_dataset(log))[0]
    items = dataset.id2token("item_id", dataset.flat["item_id"])
    assert items.tolist() == ["a", "b", "c", "d"]


def test_deduplication_keeps_the_order_of_the_file(write_dataset: Any) -> None:
    rng = np.random.default_rng(0)
    log = pd.DataFrame(
        {"user_id": "u", "item_id": [f"i{i}" for i in rng.permutation(40)], "timestamp": 1.6e9}
    )
    dataset = build(FlatSequentialDataset, {**write_dataset(log), "rm_dup_inter": "first"})[0]
    items = dataset.id2token("item_id", dataset.flat["item_id"])
    assert items.tolist() == log["item_id"].tolist()


def test_the_log_is_kept_once() -> None:
    """No field of the data set is larger than one number per interaction."""
    datasets = build(FlatSequentialDataset, {"dataset": "ml-100k", "state": "WARNING"})
    for dataset in datasets:
        assert dataset.flat is datasets[0].flat
        assert all(column.dim() == 1 for column in dataset.flat.interaction.values())
        assert isinstance(dataset.inter_feat, LogRows)
        assert dataset.inter_feat["timestamp"].dtype == torch.float32
        assert not dataset.inter_feat.interaction.own


def test_a_batch_reads_its_own_rows_alone(write_dataset: Any) -> None:
    class Guarded(LogRows):
        def __getitem__(self, index: Any) -> Any:
            assert not isinstance(index, str), f"gathered {index} of the whole data set"
            return super().__getitem__(index)

    dataset = build(FlatSequentialDataset, write_dataset(random_log(0)))[0]
    dataset.inter_feat.__class__ = Guarded
    whole = dataset[slice(0, 5)]
    for field in whole:
        assert torch.equal(dataset[np.arange(5)][field], whole[field])
        assert torch.equal(dataset[2][field], whole[field][2])


def test_rows_that_miss_positive_feedback_are_context_never_targets(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(3, ties=False)), "positive_feedback": {"rating": "[4,inf)"}}
    everything = {**keys, "positive_feedback": None}
    log = build(FlatSequentialDataset, everything)[0].log

    def windows(splits: List[Any]) -> Dict[int, List[int]]:
        """Map the request ids of all splits to their windows."""
        found: Dict[int, List[int]] = {}
        for split in splits:
            if len(split):
                batch = split[torch.arange(len(split))]
                found.update(zip(batch[REQUEST_ID].tolist(), batch["item_id_list"].tolist()))
        return found

    stock = type("Stock", (RequestLogMixin, SequentialDataset), {})
    for dataset_class in (FlatSequentialDataset, stock):
        kept, full = windows(build(dataset_class, keys)), windows(build(dataset_class, everything))
        positive = [row for row in full if log.values["rating"][row] >= 4]
        assert 10 < len(positive) < len(full)
        assert sorted(kept) == sorted(positive)
        # the windows still show the rows in between
        assert all(kept[row] == full[row] for row in kept)


@pytest.mark.parametrize("value_field", [None, "rating"])
@pytest.mark.parametrize("max_length", [1, 5])
def test_matrices_and_counters_equal_recboles(
    write_dataset: Any, max_length: int, value_field: Any
) -> None:
    keys = {**write_dataset(random_log(2)), "MAX_ITEM_LIST_LENGTH": max_length}
    for ours, reference in zip(build(FlatSequentialDataset, keys), build(RightOrder, keys)):
        matrix, wanted = (d.inter_matrix(value_field=value_field) for d in (ours, reference))
        for part in ("row", "col", "data"):
            assert np.array_equal(getattr(matrix, part), getattr(wanted, part))
        assert (ours.inter_matrix("csr") != reference.inter_matrix("csr")).nnz == 0
        for name in ("user_counter", "item_counter", "avg_actions_of_users", "inter_num"):
            assert getattr(ours, name) == getattr(reference, name)
        assert str(ours) == str(reference)


def test_unused_columns_are_dropped_as_by_recbole(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(2)), "unused_col": {"inter": ["timestamp", "rating"]}}
    for ours, reference in zip(build(FlatSequentialDataset, keys), build(RightOrder, keys)):
        assert_same_rows(ours, reference)
        assert set(ours[[0]].columns) == {*reference[[0]].columns, REQUEST_ID}


def test_missing_ratings_stay_missing_in_the_log(write_dataset: Any) -> None:
    log = random_log(2)
    log.loc[::3, "rating"] = np.nan
    dataset = build(FlatSequentialDataset, {**write_dataset(log), "normalize_all": True})[0]
    assert np.isnan(dataset.log.values["rating"]).sum() == log["rating"].isna().sum()
    assert not dataset.flat["rating"].isnan().any()


def test_numerical_features_equal_recboles(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(2)), "numerical_features": ["rating"]}
    for ours, reference in zip(build(FlatSequentialDataset, keys), build(RightOrder, keys)):
        assert_same_rows(ours, reference)


def test_user_and_item_fields_survive() -> None:
    keys = {"dataset": "ml-100k", "load_col": None, "state": "WARNING"}
    ours, reference = (build(c, keys)[2] for c in (FlatSequentialDataset, RightOrder))
    for field in ("gender", "occupation", "release_year", "class"):
        assert torch.equal(ours[torch.arange(20)][field], reference[torch.arange(20)][field])


def test_training_part_of_the_log_stops_before_every_held_out_row(write_dataset: Any) -> None:
    for split in SPLITS:
        keys = {**write_dataset(random_log(7, n_users=30)), "eval_args": split}
        train, valid, test = build(POEMDataset, keys)
        log = train.log
        assert log.training[train.inter_feat[REQUEST_ID]].all()
        for held_out in (valid, test):
            if len(held_out):
                assert not log.training[held_out.inter_feat[REQUEST_ID]].any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda log: log.drop(columns="timestamp"), "toy.inter: column 'timestamp' is missing"),
        (lambda log: log.iloc[:0], "toy.inter: the file has no interactions"),
        (
            lambda log: log.assign(timestamp=[np.nan, *log["timestamp"][1:]]),
            r"empty in 1 rows \(line 2\)",
        ),
        (
            lambda log: log.assign(timestamp=[-5, *log["timestamp"][1:]]),
            r"toy.inter: column 'timestamp' has times before 1970 \(line 2\); give them as 0 or",
        ),
        (lambda log: log.drop_duplicates("user_id"), "no row is left to predict"),
    ],
)
def test_bad_logs_end_in_one_sentence(write_dataset: Any, change: Any, words: str) -> None:
    keys = write_dataset(change(random_log(0)))
    with pytest.raises(InputError, match=words) as caught:
        build(POEMDataset, keys)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (1, []),
        (
            1000,
            [
                "timestamp: they lie after 2100, read as s, and look like milliseconds; say "
                "time_unit: ms"
            ],
        ),
        (0, ["timestamp: all rows have the same time, so their order is that of the file"]),
    ],
)
def test_times_of_another_unit_are_told(
    write_dataset: Any, caplog: pytest.LogCaptureFixture, scale: float, words: Any
) -> None:
    log = random_log(0)
    build(POEMDataset, write_dataset(log.assign(timestamp=log["timestamp"] * scale)))
    assert [record for record in caplog.messages if record.startswith("timestamp: ")] == words


def test_a_target_of_no_column_is_refused_though_nothing_reads_it(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(0)), "targets": {"x": {"feedback": {"zz": "[1,1]"}}}}
    config = Config("POEM", config_dict=keys)
    words = r"^targets.x.feedback: the .inter file has no float column 'zz' among those loaded"
    with pytest.raises(InputError, match=words):
        data_preparation(config, POEMDataset(config))


def test_an_objective_that_no_row_meets_is_told(
    write_dataset: Any, caplog: pytest.LogCaptureFixture
) -> None:
    objective = {"similarity": "cosine", "feedback": {"rating": "[40,inf)"}}
    keys = {**write_dataset(random_log(0, n_users=30)), "objectives.x": objective}
    config = Config("POEM", config_dict={**keys, "ranking_source.n_candidates": 5})
    data_preparation(config, POEMDataset(config))
    assert (
        "objectives.x.feedback: no row meets {'rating': '[40,inf)'}, so it says nothing; mend it, "
        "or write objectives.x: none"
    ) in caplog.messages


def test_a_time_that_is_declared_as_a_token_is_named(write_dataset: Any) -> None:
    keys = write_dataset(random_log(0))
    file = Path(keys["data_path"]) / "toy" / "toy.inter"
    file.write_text(file.read_text().replace("timestamp:float", "timestamp:token"))
    with pytest.raises(InputError, match="declared as token; write timestamp:float"):
        build(POEMDataset, keys)


def test_columns_are_loaded_without_being_named(write_dataset: Any) -> None:
    """RecBole's default load_col is users and items alone; time and ratings come by themselves."""
    keys = write_dataset(random_log(0))
    del keys["load_col"]
    assert {"timestamp", "rating"} <= set(build(POEMDataset, keys)[0].flat.columns)


def test_benchmark_files_are_refused(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(0)), "benchmark_filename": ["train", "valid", "test"]}
    with pytest.raises(InputError, match="benchmark_filename"):
        build(POEMDataset, keys)
