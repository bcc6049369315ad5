"""No row of the future moves a score of the neural ranking stage; what lies before a block does."""

from dataclasses import replace
from typing import Any, Dict

import numpy as np
import pytest
from toy_stage import SPLITS, begins_of, build, exposure_keys, prepared

from recbole_poem.cache import blocks
from recbole_poem.cache.sources import time_blocks
from recbole_poem.log.requests import RequestLog, first_rows


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return exposure_keys(write_dataset)


def must_stay(log: RequestLog, begins: np.ndarray, moment: float) -> np.ndarray:
    """Mark the requests up to the moment's block whose users have no row from then on."""
    up_to = np.searchsorted(begins, log.time) <= np.searchsorted(begins, moment, side="right")
    history_stays = (log.position == 0) | (np.r_[0, log.time[:-1]] < moment)
    return up_to & history_stays


def assert_equal_rankings(
    before: Any, after: Any, rows_before: np.ndarray, rows_after: np.ndarray
) -> None:
    """Compare rankings item by item; the sums of a network depend on its batch in the last bits."""
    for request, other in zip(rows_before, rows_after):
        order, other_order = np.argsort(before[0][request]), np.argsort(after[0][other])
        assert before[0][request][order].tolist() == after[0][other][other_order].tolist()
        np.testing.assert_allclose(
            before[1][request][order], after[1][other][other_order], rtol=1e-4, atol=1e-6
        )


@SPLITS
@pytest.mark.parametrize(("ranker", "pooling"), [("mmoe", "attention"), ("a2gen", "actions")])
def test_no_future_row_moves_any_score(
    keys: Dict[str, Any], split: Dict[str, Any], ranker: str, pooling: str
) -> None:
    """Other items and labels from a moment on, in the middle of a block."""
    source = keys["ranking_source"]
    source = {**source, "training": {**source["training"], "pooling": pooling}}
    config, dataset = prepared({**keys, **split, "ranker": ranker, "ranking_source": source})
    log, begins = dataset.log, begins_of(config, dataset)
    before, of = build(config, dataset), np.searchsorted(begins, log.time, side="right")
    for share in (0.45, 0.7, 0.97):
        moment = np.quantile(log.time, share)
        after = build(config, dataset, other_from(moment, log))
        stays = must_stay(log, begins, moment)
        assert stays[log.time < moment].all()
        assert_equal_rankings(before, after, np.flatnonzero(stays), np.flatnonzero(stays))
        earlier = of < np.searchsorted(begins, moment, side="right")
        np.testing.assert_array_equal(before[0][earlier], after[0][earlier])
        np.testing.assert_array_equal(before[1][earlier], after[1][earlier])
        if share < 0.9:  # the change is one that the requests behind it see
            assert (before[1][~stays] != after[1][~stays]).any(axis=(1, 2)).mean() > 0.9


def other_from(moment: float, log: RequestLog) -> RequestLog:
    """Return the log with other items and labels from a moment on.

    What is told of a row and what is not stays, for the blocks share out the rows that tell all.
    """
    rng = np.random.default_rng(0)
    later = np.flatnonzero(log.time >= moment)
    item, values = log.item.copy(), {**log.values}
    item[later] = rng.permutation(item[later]) % (log.n_items - 1) + 1
    for name in ("click", "like", "follow", "play"):
        column = values[name] = values[name].copy()
        known = later[column[later] >= 0]
        column[known] = rng.permutation(column[known])
    return replace(log, item=item, values=values)


@SPLITS
def test_a_future_that_never_was_moves_no_score(
    keys: Dict[str, Any], split: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row at all from a moment on; the blocks begin where they did."""
    config, dataset = prepared({**keys, **split})
    log, begins = dataset.log, begins_of(config, dataset)
    before = build(config, dataset)
    for module in (blocks, time_blocks):
        monkeypatch.setattr(module, "block_begins", lambda of, n_blocks: begins)
    moment = np.quantile(log.time, 0.6)
    kept = np.flatnonzero(log.time < moment)
    past = replace(
        log, user=log.user[kept], item=log.item[kept], time=log.time[kept],
        first=first_rows(log.user[kept]), training=log.training[kept],
        values={name: column[kept] for name, column in log.values.items()},
    )  # fmt: skip
    after = build(config, dataset, past)
    assert len(np.unique(np.searchsorted(begins, past.time, side="right"))) >= 2
    assert_equal_rankings(before, after, kept, np.arange(len(kept)))


@SPLITS
def test_what_happened_before_a_block_moves_its_scores(
    keys: Dict[str, Any], split: Dict[str, Any]
) -> None:
    """A single label just before the block, of whichever user."""
    config, dataset = prepared({**keys, **split})
    log, begins = dataset.log, begins_of(config, dataset)
    before, of = build(config, dataset), np.searchsorted(begins, log.time, side="right")
    for block in (1, 2, 3):
        learned = log.training & (of < block)
        row = np.flatnonzero(learned)[log.time[learned].argmax()]
        click = log.values["click"].copy()
        click[row] = 1 - click[row]
        after = build(config, dataset, replace(log, values={**log.values, "click": click}))
        answered = (before[0] > 0).any(axis=1) & (log.user != log.user[row])
        moved = (before[1] != after[1]).any(axis=(1, 2))
        assert moved[answered & (of == block)].mean() > 0.9
        assert not moved[of < block].any()
