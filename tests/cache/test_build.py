"""From the configuration to a filled cache: every key reaches its source."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn
from toy_caches import padded
from toy_components import objectives_of
from toy_logs import random_log

from recbole_poem.cache.build import existing_cache, request_cache
from recbole_poem.cache.opening import Building, open_or_build
from recbole_poem.cache.sources import SourceContext
from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.core.workers import open_map
from recbole_poem.fusion.scores import Fused
from recbole_poem.retrieval.item_to_item import ItemToItemRanker
from recbole_poem.training.config import Config

LOG = random_log(1, n_users=16)
OBJECTIVES = {"together": {"history": 3}, "next": {"similarity": "transition", "history": 1}}
SOURCE = {
    "name": "item_to_item", "n_candidates": 5, "folds": 3, "neighbours": 4, "raw_scores": True,
}  # fmt: skip


@pytest.fixture
def given(tmp_path):
    (tmp_path / "toy").mkdir()
    return {
        "ranking_source": SOURCE,
        "objectives": OBJECTIVES,
        "score_fusion.weights": [3, 1],
        "score_fusion.kappa": 2.0,
        "score_fusion.power": 0.5,
        "seed": 7,
        "checkpoint_dir": str(tmp_path / "saved"),
        "show_progress": False,
        "data_path": str(tmp_path),
        "use_gpu": False,
    }


def config_of(given, **keys):
    return Config("POEM", "toy", config_dict={**given, **keys})


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


def test_item_to_item_gets_every_key(given, dataset):
    config = config_of(given)
    cache = request_cache(config, dataset)
    ranker = ItemToItemRanker(
        LOG,
        objectives_of(OBJECTIVES),
        n_candidates=5,
        n_folds=3,
        top_k=4,
        fusion=SCORE_FUSIONS.choose(
            {"name": "reciprocal_rank", "weights": [3, 1], "kappa": 2.0, "power": 0.5},
            "score_fusion",
        ).make(2),
        seed=7,
    )
    items, scores = ranker.rank(np.arange(len(LOG)))
    assert items.any()
    found, found_scores = padded(cache)
    np.testing.assert_array_equal(found, items)
    np.testing.assert_array_equal(found_scores, scores)
    assert cache.objectives == ("together", "next")
    assert cache.path.parent == Path(given["checkpoint_dir"]) / "request_cache" / "toy"


WHERE = {"one": {}, "threads": {"threads": 3}, "ray": {"ray": 2}}


@pytest.mark.parametrize("where", WHERE.values(), ids=WHERE)
def test_bit_for_bit_the_same_wherever_it_is_built(given, tmp_path, where, dataset):
    log = random_log(5, n_users=60, n_items=300, longest=40)
    dataset = SimpleNamespace(**{**vars(dataset), "log": log})
    config = config_of(given, **{"ranking_source.n_candidates": 30})
    here = request_cache(config, dataset)
    with open_map(**where) as parallel_map:
        context = SourceContext(config, dataset, tmp_path)
        ranker = config.component("ranking_source").make(context)
        for chunk in (1000, 37):
            how = Building(chunk, part_size=300, parallel_map=parallel_map)
            there = open_or_build(tmp_path / str(chunk), log, ranker, None, True, how)
            assert len(there.parts) == 4
            for found, expected in zip(padded(there), padded(here)):
                np.testing.assert_array_equal(found, expected)
        some = open_or_build(
            tmp_path / "some", log, ranker, None, True, how, lambda start: start % 3 == 1
        )
    rows = np.flatnonzero(some.made)
    assert np.array_equal(rows, np.arange(1, len(log), 3))
    for found, expected in zip(some.read(rows), here.read(rows)):
        np.testing.assert_array_equal(found, expected)
    assert (padded(here)[0] > 0).mean() > 0.2


def test_logged_reads_the_file_beside_the_data_set(given, dataset, tmp_path):
    header = "user_id:token|timestamp:float|item_id:token|click:float|like:float"
    user = f"u{LOG.user[-1]}"
    lines = [f"{user}|0|i1|1|3", f"{user}|0|i2|2|2", f"{user}|0|i3|3|1"]
    (tmp_path / "toy" / "toy.cand").write_text("\n".join([header, *lines]))
    source = {"name": "logged", "n_candidates": 2, "raw_scores": True}
    logged = {"ranking_source": source, "field_separator": "|"}
    for weights, best in (([3, 1], [3, 2]), ([1, 3], [1, 2])):
        cache = request_cache(
            config_of(given, **logged, **{"score_fusion.weights": weights}), dataset
        )
        assert cache.objectives == ("click", "like")
        items, scores = padded(cache)
        assert items[-1].tolist() == best
        assert scores[-1].tolist() == [[i, 4 - i] for i in best]


def test_logged_reads_the_columns_that_the_user_names_whatever_the_objectives_are(
    given, dataset, tmp_path
):
    header = "user_id:token\ttimestamp:float\titem_id:token\tclick:float\tlike:float"
    (tmp_path / "toy" / "toy.cand").write_text(f"{header}\nu{LOG.user[-1]}\t0\ti1\t1\t3\n")
    keys = {"ranking_source": "logged", "score_fusion.weights": None}
    assert request_cache(config_of(given, **keys), dataset).objectives == ("click", "like")
    columns = "ranking_source.columns"
    cache = request_cache(config_of(given, **keys, **{columns: ["like"]}), dataset)
    assert cache.objectives == ("like",)
    for wrong in (OBJECTIVES, "click", [], ["click", "click"], [1]):
        with pytest.raises(InputError, match=r"^ranking_source\.columns: expected a list of float"):
            config_of(given, **keys, **{columns: wrong})


def test_logged_lies_silently_over_the_objectives_of_a_data_set():
    for name in ("ml-100k", "kuairand-pure"):
        config = Config("POEM", name, config_dict={"ranking_source": "logged"})
        usual = {"n_candidates": 100, "raw_scores": False, "only_read": False, "columns": None}
        assert config["ranking_source"] == {"name": "logged", **usual}
        assert len(config["objectives"]) == 5


def test_the_cache_lies_where_the_key_says(given, dataset, tmp_path):
    config = config_of(given, request_cache_dir=str(tmp_path / "here"))
    assert request_cache(config, dataset).path.parent == tmp_path / "here" / "toy"


def test_an_unknown_source_is_named_with_the_known_ones(given):
    words = r"^ranking_source: there is no 'oracle'; known are item_to_item, logged, time_blocks$"
    with pytest.raises(InputError, match=words):
        config_of(given, ranking_source="oracle")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_candidates", 6),
        ("folds", 4),
        ("neighbours", 5),
        ("raw_scores", False),
        ("max_items_per_user", 3),
        ("max_users_per_item", 3),
    ],
)
def test_every_setting_of_the_source_is_part_of_what_a_cache_depends_on(
    given, dataset, name, value
):
    paths = {request_cache(config_of(given), dataset).path for _ in range(2)}
    changed = config_of(given, **{f"ranking_source.{name}": value})
    paths.add(request_cache(changed, dataset).path)
    assert len(paths) == 2


class Sum(nn.Module):
    """Adds the scores up."""

    n_features, reads_ranks_alone, gives_weights = 2, False, False

    @dataclass(frozen=True)
    class Settings:
        pass

    def __init__(self, settings, n_objectives, context_size=0):
        super().__init__()

    @classmethod
    def of_cache(cls, settings, n_objectives):
        return cls(settings, n_objectives)

    def forward(self, scores, valid, context=None):
        return Fused(scores, scores.sum(dim=-1) * valid)

    def fingerprint(self):
        return {}

    def gains(self, n):
        return np.ones((2, n), np.float32)


def test_a_fusion_that_reads_scores_is_not_given_ranks(given, dataset):
    SCORE_FUSIONS.components()
    SCORE_FUSIONS.register("sum")(Sum)
    try:
        given = {key: value for key, value in given.items() if "score_fusion" not in key}
        config = config_of(given, score_fusion="sum")
        assert request_cache(config, dataset).raw_scores
        words = r"^ranking_source\.raw_scores: the score_fusion sum reads more than the order"
        for of in (request_cache, existing_cache):
            with pytest.raises(InputError, match=words):
                of(
                    config_of(given, score_fusion="sum", **{"ranking_source.raw_scores": False}),
                    dataset,
                )
    finally:
        del SCORE_FUSIONS._components["sum"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"ranking_source.folds": 20}, r"^ranking_source\.folds: 20 folds are too many for 16 u"),
        ({"objectives": {}}, r"^objectives: an item-to-item ranking needs at least one, such as"),
    ],
)
def test_what_no_ranking_can_be_made_of_is_named(given, dataset, keys, words):
    with pytest.raises(InputError, match=words):
        request_cache(config_of(given, **keys), dataset)


def test_who_does_not_say_what_is_read_gets_no_cache_of_that_alone(given, dataset):
    only = config_of(given, **{"ranking_source.only_read": True})
    with pytest.raises(InputError, match=r"^ranking_source\.only_read: other rankings are read"):
        request_cache(only, dataset)
    some = request_cache(only, dataset, reads=lambda start: np.arange(len(start)) % 2 > 0)
    assert 0 < some.made.mean() < 1
    assert np.array_equal(existing_cache(only, dataset).made, some.made)
    whole = request_cache(config_of(given), dataset, reads=lambda start: start < 0)
    assert whole.made is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 3), ("requests_per_window", 3), ("MAX_ITEM_LIST_LENGTH", 9), ("request_lag", 2),
     ("n_rankings", 2), ("losses", ["feedback"]), ("positive_feedback", {"rating": "[4,inf)"})],
)  # fmt: skip
def test_what_decides_which_are_read_is_part_of_such_a_cache_and_of_no_other(
    given, dataset, name, value
):
    def path(**keys):
        return request_cache(config_of(given, **keys), dataset, reads=lambda start: start >= 0).path

    only = {"ranking_source.only_read": True}
    assert path(**only) == path(**only) != path(**only, **{name: value})
    assert path() == path(**{name: value})
