"""What the converters write runs in RecBole, through the plugin and its presets."""

import numpy as np
import pytest
import torch
import worlds
import yaml

from recbole_poem.cli.verbs import main
from recbole_poem.data.convert import kuairand, kuairec
from recbole_poem.data.convert.columns import USER_COLUMNS
from recbole_poem.data.convert.items import DAILY_COLUMNS, STEADY_COLUMNS
from recbole_poem.data.convert.videos import STATISTIC_COLUMNS
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.training.properties import PROPERTIES
from recbole_poem.training.quick_start import run_recbole_poem


@pytest.fixture
def keys(tmp_path):
    return {
        "data_path": str(tmp_path),
        "checkpoint_dir": str(tmp_path / "saved"),
        "show_progress": False,
        "state": "ERROR",
        "use_gpu": False,
        "threads": 1,
        "topk": [5],
        "valid_metric": "NDCG@5",
        "epochs": 1,
    }


def build(dataset, keys):
    config = Config("POEM", dataset, config_dict=keys)
    return POEMDataset(config).build()[0]


def test_history_is_context_whose_unknown_feedback_is_not_positive(tmp_path, keys):
    source = worlds.kuairand(tmp_path / "raw")
    (source / "log_random_4_22_to_5_08_pure.csv").unlink()
    worlds.history(source)
    kuairand.convert(source, tmp_path / "kuairand-pure", history=True)
    log = build("kuairand-pure", keys).log
    history = log.values["is_history"] == 1
    assert np.isnan(log.values["is_click"][history]).all()
    assert not np.isnan(log.values["is_click"][~history]).any()
    assert list(log.values["long_view"][history]) == [1, 0, 1, 0]
    assert history[log.first[history]].all()
    for user in np.unique(log.user):  # times in milliseconds are exact, history before the log
        of_user = log.user == user
        assert np.diff(log.time[of_user]).min(initial=1_000) >= 1_000
        assert list(history[of_user]) == sorted(history[of_user], reverse=True)


def test_a_converter_writes_the_store_that_its_preset_maps(tmp_path, keys):
    source = worlds.kuairand(tmp_path / "raw")
    output = tmp_path / "kuairand-pure"
    asked = ["convert", "kuairand", "--source", str(source), "--output", str(output), "--flat"]
    assert main(asked) == 0
    file, store = (
        create_dataset(Config("POEM", "kuairand-pure", config_dict={**keys, "flat_store": way}))
        for way in ("never", "always")
    )
    for name in ("user_id", "video_id"):
        assert store.field2id_token[name].tolist() == file.field2id_token[name].tolist()
    ours, theirs = store.build()[0].log, file.build()[0].log
    assert np.array_equal(ours.item, theirs.item) and np.array_equal(ours.time, theirs.time)
    for name, values in theirs.values.items():
        assert np.array_equal(ours.values[name], values, equal_nan=True), name


@pytest.mark.parametrize("model", ["POEM", "Upstream", "SASRec"])
def test_the_presets_train(tmp_path, keys, model):
    rec = worlds.kuairec(tmp_path / "rec")
    worlds.write(worlds.kuairec_log(), rec / "big_matrix.csv")
    kuairec.convert(rec, tmp_path / "kuairec")
    kuairand.convert(worlds.kuairand(tmp_path / "rand"), tmp_path / "kuairand-pure")
    for dataset in ("kuairand-pure", "kuairec"):
        result = run_recbole_poem(model, dataset, config_dict=keys, saved=False)
        assert 0 <= result["test_result"]["ndcg@5"] <= 1


def test_the_preset_of_the_published_split_is_an_iterative_core(tmp_path, keys):
    # user 0 has five rows, one of a video that nobody else saw: without it there are too few
    rows = [(user, video) for user in range(1, 7) for video in range(5)]
    rows += [(0, video) for video in (0, 1, 2, 3, 8)]
    log = worlds.kuairand_log(len(rows))
    log["user_id"], log["video_id"] = zip(*rows)
    (tmp_path / "raw").mkdir()
    worlds.write(log, tmp_path / "raw" / "log_standard_4_08_to_4_21_pure.csv")
    name = "kuairand-pure-4.08-4.21"
    kuairand.convert(tmp_path / "raw", tmp_path / name, logs=["log_standard_4_08"])
    dataset = build(name, {**keys, "expected_counts": None})
    assert (dataset.user_num - 1, dataset.item_num - 1, len(dataset.log)) == (6, 5, 30)


def preset(name):
    return yaml.safe_load((PROPERTIES / "dataset" / f"{name}.yaml").read_text())


def write_source(name, source, output):
    if name == "kuairec":
        worlds.kuairec(source)
        worlds.write(worlds.kuairec_log(), source / "big_matrix.csv")
        kuairec.convert(source, output)
    else:
        kuairand.convert(worlds.kuairand(source), output)


@pytest.mark.parametrize("name", ["kuairand-pure", "kuairand-pure-4.08-4.21", "kuairec"])
def test_the_presets_name_columns_that_are_there_and_know_no_future(tmp_path, name):
    write_source(name, tmp_path / "raw", tmp_path / name)
    load_col = preset(name)["load_col"]
    means = {*STATISTIC_COLUMNS, *DAILY_COLUMNS} - {*STEADY_COLUMNS, "video_id", "date"}
    for kind, columns in load_col.items():
        there = set(worlds.types(tmp_path / name, kind))
        assert set(columns) - {"is_history"} <= there  # which only --history writes
        assert len(set(columns)) == len(columns)
    exact = {column for column, what in USER_COLUMNS.items() if what.type == "float"}
    assert set(load_col["user"]) == set(USER_COLUMNS) - exact
    assert {"author_id", "upload_type"} < set(load_col["item"])
    assert not (means | {"visible_status", "item_play_duration"}) & set(load_col["item"])


@pytest.mark.parametrize("model", ["POEM", "SASRec"])
@pytest.mark.parametrize("name", ["kuairand-pure", "kuairec"])
def test_features_of_the_presets_change_no_row(tmp_path, keys, name, model):
    write_source(name, tmp_path / "raw", tmp_path / name)
    wanted = preset(name)["load_col"]
    wanted["inter"] = [column for column in wanted["inter"] if column != "is_history"]
    splits = {}
    for load_col in ({"inter": wanted["inter"]}, wanted):
        given = {**keys, "load_col": load_col, "train_neg_sample_args": None}
        dataset = create_dataset(Config(model, name, config_dict=given))
        parts = dataset.build()
        rows = [part[torch.arange(len(part))] for part in parts]
        splits[len(load_col)] = dataset, rows
    (plain, before), (dataset, after) = splits[1], splits[3]
    for field in ("user_id", "video_id"):
        assert list(plain.field2id_token[field]) == list(dataset.field2id_token[field])
    for one, two in zip(before, after):
        assert len(one) > 0
        for field in one.columns:
            assert torch.equal(one[field], two[field]), field
    assert list(dataset.user_feat.interaction) == wanted["user"]
    assert set(dataset.item_feat.interaction) == set(wanted["item"])
    features = {*wanted["user"], *wanted["item"]} - {"user_id", "video_id"}
    joined = features & set(after[0].columns)
    assert joined == (features if model == "SASRec" else set())  # POEM reads none
    tag = "feat" if name == "kuairec" else "tag"
    assert dataset.item_feat[tag].shape == (dataset.item_num, 2)


def test_a_log_without_users_and_videos_is_loaded_and_says_so(tmp_path, keys, caplog):
    source = worlds.kuairand(tmp_path / "raw")
    for path in [*source.glob("user_*"), *source.glob("video_*")]:
        path.unlink()
    kuairand.convert(source, tmp_path / "kuairand-pure")
    dataset = build("kuairand-pure", keys)
    assert dataset.user_feat is None and dataset.item_feat is None
    assert len(dataset.log) == 80
    assert caplog.text.count("load_col: there is no file") == 2
