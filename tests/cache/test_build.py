"""From the configuration to a filled cache: every key reaches its upstream."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from recbole_poem.retrieval.objectives import parse_objectives
from toy_logs import random_log

from recbole_poem.cache import build
from recbole_poem.cache.build import objective_weights, request_cache
from recbole_poem.cache.request_cache import open_or_build
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import open_map
from recbole_poem.retrieval.item_to_item import ItemToItemRanker

LOG = random_log(1, n_users=16)
OBJECTIVES = {"together": {"history": 3}, "next": {"similarity": "transition", "history": 1}}


class Keys(dict):
    """A configuration, with what of it the user gave."""

    def __init__(self, values, **given):
        super().__init__(values, **given)
        self.is_given = given.__contains__


@pytest.fixture
def config(tmp_path):
    keys = {
        "upstream": "item_to_item",
        "objectives": OBJECTIVES,
        "objective_weights": [3, 1],
        "n_candidates": 5,
        "upstream_folds": 3,
        "upstream_neighbours": 4,
        "rank_kappa": 2.0,
        "rank_power": 0.5,
        "seed": 7,
        "request_cache_dir": None,
        "checkpoint_dir": str(tmp_path / "saved"),
        "show_progress": False,
        "data_path": str(tmp_path),
        "field_separator": "\t",
        "seq_separator": " ",
        "encoding": None,
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        "TIME_FIELD": "timestamp",
        "time_unit": "s",
    }
    return Keys(keys)


@pytest.fixture
def dataset():
    return SimpleNamespace(
        log=LOG,
        dataset_name="toy",
        uid_field="user_id",
        iid_field="item_id",
        time_field="timestamp",
        field2token_id={
            "user_id": {f"u{u}": u for u in range(1, LOG.n_users)},
            "item_id": {f"i{i}": i for i in range(1, LOG.n_items)},
        },
    )


def test_item_to_item_gets_every_key(config, dataset):
    cache = request_cache(config, dataset)
    ranker = ItemToItemRanker(
        LOG,
        parse_objectives(OBJECTIVES),
        n_candidates=5,
        n_folds=3,
        top_k=4,
        weights=np.array([0.75, 0.25]),
        kappa=2.0,
        power=0.5,
        seed=7,
    )
    items, scores = ranker.rank(np.arange(len(LOG)))
    assert items.any()
    np.testing.assert_array_equal(cache.items, items)
    np.testing.assert_array_equal(cache.scores, scores)
    assert cache.objectives == ("together", "next")
    assert cache.path.parent == Path(config["checkpoint_dir"]) / "request_cache" / "toy"


WHERE = {"one": {}, "threads": {"threads": 3}, "ray": {"ray": 2}}


@pytest.mark.parametrize("where", WHERE.values(), ids=WHERE)
def test_bit_for_bit_the_same_wherever_it_is_built(config, tmp_path, where, dataset):
    log = random_log(5, n_users=60, n_items=300, longest=40)
    dataset = SimpleNamespace(**{**vars(dataset), "log": log})
    config = {**config, "n_candidates": 30}
    here = request_cache(config, dataset)
    with open_map(**where) as parallel_map:
        ranker = build.UPSTREAMS["item_to_item"](config, dataset)
        for chunk in (1000, 37):
            there = open_or_build(
                tmp_path / str(chunk), log, ranker, chunk, parallel_map=parallel_map
            )
            for name in ("items.npy", "scores.npy"):
                assert (there.path / name).read_bytes() == (here.path / name).read_bytes()
    assert (here.items > 0).mean() > 0.2


def test_logged_reads_the_file_beside_the_data_set(config, dataset, tmp_path):
    header = "user_id:token|timestamp:float|item_id:token|click:float|like:float"
    user = f"u{LOG.user[-1]}"
    lines = [f"{user}|0|i1|1|3", f"{user}|0|i2|2|2", f"{user}|0|i3|3|1"]
    (tmp_path / "toy.cand").write_text("\n".join([header, *lines]))
    logged = {"upstream": "logged", "field_separator": "|", "n_candidates": 2}
    for weights, best in (([3, 1], [3, 2]), ([1, 3], [1, 2])):
        keys = Keys({**config, **logged, "objective_weights": weights})
        cache = request_cache(keys, dataset)
        assert cache.objectives == ("click", "like")
        first = LOG.first[-1]  # nothing of the list is consumed yet
        assert cache.items[first].tolist() == best
        assert cache.scores[first].tolist() == [[i, 4 - i] for i in best]


def test_logged_reads_the_objectives_that_the_user_names(config, dataset, tmp_path):
    header = "user_id:token\ttimestamp:float\titem_id:token\tclick:float\tlike:float"
    (tmp_path / "toy.cand").write_text(f"{header}\nu{LOG.user[-1]}\t0\ti1\t1\t3\n")
    keys = {**config, "upstream": "logged", "objective_weights": None}
    cache = request_cache(Keys(keys, objectives=["like"]), dataset)
    assert cache.objectives == ("like",)
    for wrong in (OBJECTIVES, "click", [], ["click", "click"], [1]):
        with pytest.raises(InputError, match=r"^objectives: with upstream logged, expected"):
            request_cache(Keys(keys, objectives=wrong), dataset)


def test_the_cache_lies_where_the_key_says(config, dataset, tmp_path):
    cache = request_cache({**config, "request_cache_dir": str(tmp_path / "here")}, dataset)
    assert cache.path.parent == tmp_path / "here" / "toy"


def test_an_unknown_upstream_is_named_with_the_known_ones(config, dataset):
    with pytest.raises(
        InputError, match=r"^upstream: there is no 'oracle'; known are item_to_item,"
    ):
        request_cache({**config, "upstream": "oracle"}, dataset)


def test_weights_are_scaled_to_sum_one():
    assert objective_weights({"objective_weights": [1, 3]}, 2) == [0.25, 0.75]
    assert objective_weights({"objective_weights": (0, 2.5)}, 2) == [0.0, 1.0]
    assert objective_weights({"objective_weights": None}, 4) == [0.25] * 4


@pytest.mark.parametrize(
    "weights",
    [
        [1],
        [1, 1, 1],
        [0, 0],
        [2, -1],
        "11",
        3,
        ["1", "2"],
        [1, None],
        [1, float("nan")],
        [1, float("inf")],
    ],
)
def test_weights_that_cannot_be_are_named(weights):
    with pytest.raises(InputError, match=r"^objective_weights: expected 2 numbers") as caught:
        objective_weights({"objective_weights": weights}, 2)
    assert repr(weights) in str(caught.value)
