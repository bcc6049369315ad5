"""The neural ranking stage as a whole: no future moves a score, and nothing is trained twice."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import pytest
import torch
from toy_exposures import TINY, TINY_POEM, exposure_log, write_exposures

from recbole_poem import ranking_stage
from recbole_poem.config import Config
from recbole_poem.data.ranking_dataset import exposures_of
from recbole_poem.errors import InputError
from recbole_poem.experiment import create_dataset
from recbole_poem.model.multi_task_ranker import MultiTaskRanker
from recbole_poem.model.ranking_features import RankingRequests
from recbole_poem.quick_start import load, run_recbole_poem
from recbole_poem.ranking_stage import multitask, ranker_config
from recbole_poem.upstream import multitask as blocks
from recbole_poem.upstream.build import request_cache
from recbole_poem.upstream.multitask import block_begins
from recbole_poem.upstream.requests import RequestLog, first_rows

LEAVE_ONE_OUT: Dict[str, Any] = {}
BY_TIME = {
    "eval_args": {
        "split": {"split_by_time": {"valid": "1500 seconds", "test": "last 1500 seconds"}},
        "order": "TO",
        "mode": "full",
    }
}
SPLITS = pytest.mark.parametrize(
    "split", [LEAVE_ONE_OUT, BY_TIME], ids=["leave one out", "by time"]
)


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_exposures(write_dataset, exposure_log()), **TINY_POEM, "model": "POEM"}


class Counted:
    """Counts the batches that rankers learn from; may end the run at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches, self.ends_at = 0, None  # type: int, Optional[int]
        learn = MultiTaskRanker.calculate_loss

        def counting(model: MultiTaskRanker, interaction: Any) -> Any:
            self.batches += 1
            if self.batches == self.ends_at:
                raise KeyboardInterrupt
            return learn(model, interaction)

        monkeypatch.setattr(MultiTaskRanker, "calculate_loss", counting)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def prepared(keys: Dict[str, Any]) -> Tuple[Config, Any]:
    """Return the configuration and a data set that knows its training part."""
    config = Config(config_dict=keys)
    return config, create_dataset(config).build()[0]


def build(config: Config, dataset: Any, log: Optional[RequestLog] = None) -> Any:
    """Open or build the cache of the data set, with another log in its place if one is given."""
    kept = dataset.log
    dataset.log = kept if log is None else log
    try:
        cache = request_cache(config, dataset, {"multitask": multitask})
        return np.array(cache.items), np.array(cache.scores)
    finally:
        dataset.log = kept


def begins_of(config: Config, dataset: Any) -> np.ndarray:
    return block_begins(exposures_of(ranker_config(config), dataset), config["ranker_blocks"])


def must_stay(log: RequestLog, begins: np.ndarray, moment: float) -> np.ndarray:
    """Mark the requests up to the moment's block whose users have no row from then on."""
    up_to = np.searchsorted(begins, log.time) <= np.searchsorted(begins, moment, side="right")
    history_stays = (log.position == 0) | (np.r_[0, log.time[:-1]] < moment)
    return up_to & history_stays


def assert_equal_entries(
    before: Any, after: Any, rows_before: np.ndarray, rows_after: np.ndarray
) -> None:
    """Compare entries item by item; the sums of a network depend on its batch in the last bits."""
    for request, other in zip(rows_before, rows_after):
        order, other_order = np.argsort(before[0][request]), np.argsort(after[0][other])
        assert before[0][request][order].tolist() == after[0][other][other_order].tolist()
        np.testing.assert_allclose(
            before[1][request][order], after[1][other][other_order], rtol=1e-4, atol=1e-6
        )


# -- the future ------------------------------------------------------------------------------------


@SPLITS
def test_no_future_row_moves_any_score(keys: Dict[str, Any], split: Dict[str, Any]) -> None:
    """Other items and labels from a moment on, in the middle of a block."""
    config, dataset = prepared({**keys, **split})
    log, begins = dataset.log, begins_of(config, dataset)
    before, of = build(config, dataset), np.searchsorted(begins, log.time, side="right")
    for share in (0.45, 0.7, 0.97):
        moment = np.quantile(log.time, share)
        after = build(config, dataset, other_from(moment, log))
        stays = must_stay(log, begins, moment)
        assert stays[log.time < moment].all()
        assert_equal_entries(before, after, np.flatnonzero(stays), np.flatnonzero(stays))
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
    for module in (blocks, ranking_stage):
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
    assert_equal_entries(before, after, kept, np.arange(len(kept)))


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


@SPLITS
def test_entries_hold_what_the_user_has_not_consumed_and_block_0_holds_nothing(
    keys: Dict[str, Any], split: Dict[str, Any]
) -> None:
    config, dataset = prepared({**keys, **split})
    log, (items, scores) = dataset.log, build(config, dataset)
    first_block = log.time < begins_of(config, dataset)[0]
    assert not items[first_block].any()
    assert not scores[first_block].any()
    assert (items[~first_block & (log.position > 2)] > 0).any(axis=1).mean() > 0.9
    for request in range(len(log)):
        found = set(items[request][items[request] > 0].tolist())
        assert not found & set(log.item[log.first[request] : request].tolist())
    assert scores.shape == (len(log), 8, 4)
    assert ((scores >= 0) & (scores[..., :1] <= 1)).all()
    assert not scores[items == 0].any()


# -- stored and reused -----------------------------------------------------------------------------


def folder_of(keys: Dict[str, Any]) -> Path:
    return Path(keys["checkpoint_dir"]) / "request_cache" / "toy"


def rankers_of(keys: Dict[str, Any]) -> List[str]:
    return sorted(path.name for path in (folder_of(keys) / "rankers").iterdir())


def forget_caches(keys: Dict[str, Any]) -> None:
    for path in folder_of(keys).iterdir():
        if path.name != "rankers":
            shutil.rmtree(path)


def test_rankers_and_caches_are_stored_and_reused(keys: Dict[str, Any], counted: Counted) -> None:
    keys["checkpoint_dir"] = "kept"
    entries = build(*prepared(keys))
    learned = counted.batches
    assert learned >= 3
    (folder,) = (folder_of(keys) / "rankers").iterdir()
    assert sorted(file.name for file in folder.iterdir()) == [f"stage-{b}.pth" for b in (1, 2, 3)]
    files = {file: file.read_bytes() for file in folder.iterdir()}
    again = build(*prepared(keys))
    forget_caches(keys)
    scored_again = build(*prepared(keys))
    assert counted.batches == learned
    assert {file: file.read_bytes() for file in folder.iterdir()} == files
    for others in (again, scored_again):
        np.testing.assert_array_equal(others[0], entries[0])
        np.testing.assert_array_equal(others[1], entries[1])
    assert not Path("saved").exists()  # where RecBole's trainers keep what they write by default


def test_interrupted_training_goes_on_and_ends_as_if_it_had_not_been(
    keys: Dict[str, Any], counted: Counted
) -> None:
    keys["ranker"] = {**keys["ranker"], "epochs": 3, "dropout_prob": 0.2}
    whole = build(*prepared(keys))
    learned = counted.batches
    for share in (0.2, 0.9):  # in the first stage, and in the last
        counted.batches, counted.ends_at = 0, int(share * learned)
        keys["request_cache_dir"] = f"interrupted at {share}"
        with pytest.raises(KeyboardInterrupt):
            build(*prepared(keys))
        counted.ends_at = None
        resumed = build(*prepared(keys))
        assert counted.batches < 1.5 * learned  # one stage twice, at most
        np.testing.assert_array_equal(resumed[0], whole[0])
        np.testing.assert_array_equal(resumed[1], whole[1])


def test_what_has_a_say_gets_rankers_of_its_own_and_what_has_none_shares_them(
    keys: Dict[str, Any],
) -> None:
    ranker = keys["ranker"] = {**keys["ranker"], "epochs": 0}
    build(*prepared(keys))
    (mine,) = rankers_of(keys)
    for same in (
        {"threads": 2},
        {"ranker": {**ranker, "threads": 2}, "n_candidates": 5},
        {"objectives": {"consumed": {"similarity": "cosine"}}},
        {"objective_weights": [1, 2, 3, 4]},
        {"learning_rate": 0.5},
    ):
        build(*prepared({**keys, **same}))
        assert rankers_of(keys) == [mine], same
    changes: List[Dict[str, Any]] = [
        {"ranker": {**ranker, "epochs": 1}},
        {"ranker": {**ranker, "weight_decay": 0.1}},
        {"ranker": {**ranker, "unexposed_negatives": 1}},
        {"ranker": {**ranker, "seed": 5}},
        {"seed": 6},
        {"utc_offset": 3600},
        {"ranker_blocks": 2},
        {"tasks": {**keys["tasks"], "like": {"feedback": {"like": "[1,1]"}}}},
        {"load_col": {**keys["load_col"], "user": ["user_id", "taste"]}},
        BY_TIME,
    ]
    for number, change in enumerate(changes, 2):
        multitask(*prepared({**keys, **change})).estimate(map)
        assert len(rankers_of(keys)) == number, change
    # the tables of users and items, too
    height = Path(keys["data_path"]) / "toy" / "toy.user"
    height.write_text(height.read_text().replace("157", "158"))
    multitask(*prepared(keys)).estimate(map)
    assert len(rankers_of(keys)) == len(changes) + 2


def test_a_stage_goes_on_from_the_one_before(keys: Dict[str, Any]) -> None:
    keys["ranker"] = {**keys["ranker"], "epochs": 0}
    build(*prepared(keys))
    (folder,) = (folder_of(keys) / "rankers").iterdir()
    first, *rest = (torch.load(file)["state_dict"] for file in sorted(folder.iterdir()))
    for weights in rest:
        assert all(torch.equal(weights[name], first[name]) for name in first)


def test_the_log_says_how_well_a_stage_does_in_its_own_block(
    keys: Dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    build(*prepared(keys))
    said = [record.message for record in caplog.records if "in its own block" in record.message]
    assert [line.split(":")[1] for line in said] == [f" stage {b} in its own block" for b in (1, 2)]
    assert all("gauc click 0." in line and "mae seconds" in line for line in said)


# -- scores ----------------------------------------------------------------------------------------


def test_a_score_is_the_networks_own_whoever_else_is_asked(
    keys: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, dataset = prepared(keys)
    stages = multitask(config, dataset).estimate(map)
    _, ranker = stages.stages[-1]
    log, of, model = dataset.log, ranker.exposures, ranker.model
    assert not model.training
    requests = np.random.default_rng(0).integers(0, len(log), 20)
    items = np.random.default_rng(1).integers(0, log.n_items, (20, 5))
    monkeypatch.setattr(ranking_stage, "_REQUESTS_AT_ONCE", 7)
    scores = ranker.score(requests, items)
    assert scores.shape == (20, 5, 3)
    assert scores.dtype == np.float32
    for request, candidates, found in zip(requests, items, scores):
        history = log.item[log.first[request] : request][::-1][:4].tolist()
        gap = log.time[request] - log.time[request - 1] if log.position[request] else -1
        asked = RankingRequests(
            *(torch.from_numpy(column) for column in (log.user[[request]], candidates[None])),
            torch.tensor([history + [0] * (4 - len(history))]),
            torch.tensor([int(log.time[request])]),
            torch.tensor([int(gap)]),
        )
        np.testing.assert_allclose(found, model.score(asked)[0].detach(), rtol=1e-4, atol=1e-6)
    assert of.n_recent == 4


def test_threads_rank_as_one_does(keys: Dict[str, Any]) -> None:
    result = {}
    for threads in (1, 3):
        folder = f"threads-{threads}"
        run = {**keys, "threads": threads, "request_cache_dir": folder, "model": "Upstream"}
        result[threads] = run_recbole_poem(config_dict=run, saved=False)["test_result"]
    torch.set_num_threads(1)
    assert result[1] == result[3]


# -- whole runs ------------------------------------------------------------------------------------


@SPLITS
@pytest.mark.parametrize("model", ["POEM", "Upstream"])
def test_it_feeds_a_run_that_saves_and_loads(
    keys: Dict[str, Any], model: str, split: Dict[str, Any], counted: Counted
) -> None:
    result = run_recbole_poem(config_dict={**keys, "model": model, **split})
    learned = counted.batches
    loaded = load(result["model_file"])
    assert loaded.evaluate("test") == result["test_result"]
    assert counted.batches == learned > 0
    assert result["test_result"]["hit@5"] > 0
    objectives = loaded.train_data._dataset.cache.objectives
    assert objectives == ("click", "like", "seconds", "retrieval")


def test_several_processes_train_with_the_cache_that_the_first_one_builds(
    keys: Dict[str, Any],
) -> None:
    """The others wait for it while it trains the rankers, whose losses are its own alone."""
    result = run_recbole_poem(config_dict={**keys, "nproc": 2, "epochs": 1})
    assert load(result["model_file"]).evaluate("test") == pytest.approx(result["test_result"])


def test_a_good_ranker_ranks_what_is_clicked_first(write_dataset: Any) -> None:
    """Users click what is of their parity; popularity and neighbours say nothing of it."""
    log = exposure_log(n_users=40, n_items=24, length=24, planted=True)
    keys = {**write_exposures(write_dataset, log), **TINY_POEM, "model": "POEM"}
    keys["tasks"] = {"click": keys["tasks"]["click"]}
    keys["ranker"] = {**TINY, "epochs": 10, "learning_rate": 0.05, "train_batch_size": 64}
    keys["ranker"]["unexposed_negatives"] = 0
    keys["objective_weights"] = [1, 0]  # the order of the click alone, not the retrieval's
    config, dataset = prepared({**keys, "ranker_blocks": 2, **BY_TIME})
    items, scores = build(config, dataset)
    last = np.flatnonzero(dataset.log.time >= begins_of(config, dataset)[-1])
    names = dataset.id2token
    parity = np.array([0] + [int(n[1:]) % 2 for n in names("item_id", range(1, dataset.item_num))])
    own = np.array([0] + [int(n[1:]) % 2 for n in names("user_id", range(1, dataset.user_num))])
    fits = parity[items[last]] == own[dataset.log.user[last]][:, None]
    assert (scores[last][..., 0][fits & (items[last] > 0)] > 0.9).mean() > 0.95
    assert (scores[last][..., 0][~fits & (items[last] > 0)] < 0.1).mean() > 0.95
    assert fits[:, 0].mean() > 0.95
    assert fits[:, -1].mean() < 0.3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ranker": 3}, r"^ranker: expected a mapping of MultiTaskRanker's keys, not 3$"),
        (
            {"ranker": {"n_expert": 3}},
            r"^ranker: 'n_expert' is no key of MultiTaskRanker; the nearest is 'n_experts'$",
        ),
        ({"ranker": {"zzzzzz": 3}}, r"^ranker: 'zzzzzz' is no key of MultiTaskRanker$"),
        ({"ranker": {"n_candidates": 3}}, r"^ranker: 'n_candidates' is no key of MultiTaskRanker"),
        (
            {"ranker": {"hidden_size": 0}},
            r"^ranker: hidden_size: expected a whole number from 1, not 0$",
        ),
        ({"ranker": {"pooling": "max"}}, r"^pooling: unknown 'max'"),
        ({"tasks": None}, r"^tasks: expected a mapping"),
        ({"tasks": {"t": {"feedback": {"stars": "[1,1]"}}}}, r"^tasks\.t\.feedback: .* 'stars'"),
        ({"watch_time": None}, r"^tasks\.seconds: say which columns tell it"),
        ({"ranker_blocks": 1}, r"^ranker_blocks: expected a whole number from 2, not 1$"),
        ({"ranker_blocks": 500}, r"^ranker_blocks: the \d+ training rows .* for 500 blocks$"),
        ({"objective_weights": [1, 2]}, r"^objective_weights: expected 4 numbers from 0"),
        ({"upstream": "multi"}, r"there is no 'multi'; known are item_to_item, logged, multitask$"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    keys: Dict[str, Any], change: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        run_recbole_poem(config_dict={**keys, **change})
    assert "\n" not in str(caught.value)


def test_tasks_of_the_rankers_own_are_the_objectives_of_the_cache(keys: Dict[str, Any]) -> None:
    tasks = {"click": keys["tasks"]["click"]}
    for own in ({"tasks": tasks}, {"ranker": {**keys["ranker"], "tasks": tasks}}):
        assert multitask(*prepared({**keys, **own})).objectives == ["click", "retrieval"]
        assert build(*prepared({**keys, **own}))[1].shape[-1] == 2
