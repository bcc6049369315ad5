"""The rankings of time_blocks whose rankers know the request, and how items did."""

from dataclasses import replace
from typing import Any, Dict

import numpy as np
import pytest
from toy_exposures import TINY_POEM, exposure_log, write_with_context
from toy_stage import begins_of, build, prepared, source_of

from recbole_poem.training.quick_start import load, run_recbole_poem

INPUTS = {
    "request_context": {"columns": ["tab", "battery"]},
    "item_statistics": {"hours": [1]},
    "rar": {},
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    keys = {**write_with_context(write_dataset, exposure_log()), **TINY_POEM, "model": "POEM"}
    keys["ranker_input"] = INPUTS
    return {**keys, "ranking_source": {**TINY_POEM["ranking_source"], "raw_scores": True}}


def test_a_ranking_is_made_with_the_values_of_its_own_row(keys: Dict[str, Any]) -> None:
    config, dataset = prepared(keys)
    _, ranker = source_of(config, dataset).estimate(map).stages[-1]
    rows, items = np.array([5, 40]), np.array([[1, 2, 3], [4, 5, 6]])
    before = ranker.score(rows, items)
    context = ranker.exposures.context.copy()
    context[5, 0] = context[5, 0] % 3 + 1
    other = replace(ranker, exposures=replace(ranker.exposures, context=context))
    after = other.score(rows, items)
    assert not np.allclose(before[0], after[0])
    assert np.array_equal(before[1], after[1])


def test_what_happens_later_moves_no_score(keys: Dict[str, Any]) -> None:
    config, dataset = prepared(keys)
    log, begins = dataset.log, begins_of(config, dataset)
    later = log.time >= begins[1]
    click, tab = log.values["click"], log.tokens["tab"]
    changed = replace(
        log,
        item=np.where(later, np.random.default_rng(0).permutation(log.item), log.item),
        values={**log.values, "click": np.where(later, 1 - click, click)},
        tokens={"tab": np.where(later, tab % 3 + 1, tab)},
    )
    before, after = (build(config, dataset, each) for each in (log, changed))
    answered = (log.time >= begins[0]) & ~later
    assert before[0][answered].any(axis=1).mean() > 0.9
    for one, other in zip(before, after):
        assert np.array_equal(one[answered], other[answered])
        assert not np.array_equal(one[later], other[later])


def test_a_cache_depends_on_what_its_ranker_reads(keys: Dict[str, Any]) -> None:
    config, dataset = prepared(keys)
    log, found = dataset.log, []
    for tab in (log.tokens["tab"], log.tokens["tab"] % 3 + 1):
        dataset.log = replace(log, tokens={"tab": tab})
        found.append(source_of(config, dataset).depends_on()["tables"])
    assert found[0] != found[1]


def test_it_feeds_a_run_that_saves_and_loads(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict=keys)
    assert load(result["model_file"]).evaluate("test") == result["test_result"]
