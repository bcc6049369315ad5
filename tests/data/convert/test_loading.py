"""What the converters write runs in RecBole, through the plugin and its presets."""

import numpy as np
import pytest
import worlds

from recbole_poem.config import Config
from recbole_poem.data.convert import kuairand, kuairec
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.quick_start import run_recbole_poem


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


@pytest.mark.parametrize("model", ["POEM", "SASRec"])
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
