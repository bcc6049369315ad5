"""One run in this process: what it holds on to, and what it leaves behind."""

import json
import logging
import weakref
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from conftest import random_log

from recbole_poem.benchmark import run
from recbole_poem.benchmark.plan import Job
from recbole_poem.benchmark.stored_ranks import read_ranks
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.training import quick_start


@pytest.fixture
def job(write_dataset: Any) -> Job:
    keys = write_dataset(random_log(1, n_users=30))
    keys.update(epochs=1, topk=[5], valid_metric="NDCG@5")
    return Job("r", "BPR", keys.pop("dataset"), 7, "test", keys, [], 60.0)


def test_what_was_trained_is_gone_when_it_is_evaluated(
    job: Job,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)  # RecBole logs the model, and pytest keeps what is logged
    begin = quick_start.begin
    models: List[Any] = []

    def watched(config: Any) -> Any:
        experiment = begin(config)
        models.append(weakref.ref(experiment.model))
        return experiment

    def alive(*arguments: Any) -> Tuple[List[bool], None]:
        return [model() is not None for model in models], None

    monkeypatch.setattr(quick_start, "begin", watched)
    monkeypatch.setattr(run, "_evaluate", alive)
    record = run.run(job, tmp_path)
    assert record["metrics"] == [False]
    assert record["peak_memory_mib"] > 100


def test_figures_are_those_of_the_lists_and_only_ranks_are_kept(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Item i has the one category i % 3."""
    recommend, lists = run.recommend, []

    def watched(*arguments: Any) -> Any:
        lists.append(recommend(*arguments))
        return lists[-1]

    category = np.arange(200)[:, None] % 3 == np.arange(3)
    monkeypatch.setattr(run, "recommend", watched)
    monkeypatch.setattr(
        run, "read_categories", lambda config, dataset: category[: dataset.item_num]
    )
    home = tmp_path / "runs" / "a"
    record = run.run(job._replace(model="GRU4Rec"), home)
    test = lists[1]
    for protocol in ("masked", "recbole"):
        kinds = test.top[protocol] % 3  # (U, 5)
        pairs = (kinds[:, :, None] != kinds[:, None, :]).sum((1, 2)) / 20
        measures = record["metrics"][protocol]["test"]
        assert measures["diversity@5"] == pytest.approx(pairs.mean())
        n_items = len(np.unique(test.top[protocol]))
        assert measures["coverage@5"] * 15 == pytest.approx(n_items)
        assert np.array_equal(read_ranks(home).rank[protocol], test.rank[protocol])
    assert len(list(tmp_path.glob("runs/**/*.npz"))) == 2  # the other holds the test rows


@pytest.mark.parametrize("purpose", ["test", "trial"])
def test_no_checkpoint_is_left(job: Job, tmp_path: Path, purpose: str) -> None:
    saved = Path(job.given["checkpoint_dir"])
    (saved / "request_cache").mkdir(parents=True)
    home = tmp_path / "runs" / "a"
    run.run(job._replace(purpose=purpose), home)
    assert [path.name for path in saved.iterdir()] == ["request_cache"]
    assert (home / "ranks.npz").exists() == (purpose == "test")


@pytest.mark.parametrize(
    ("model", "keys", "protocol"),
    [
        ("BPR", {}, "masked"),
        ("GRU4Rec", {}, "recbole"),
        ("GRU4Rec", {"mask_seen": True}, "masked"),
    ],
)
def test_a_trial_is_validated_alone(
    job: Job, tmp_path: Path, model: str, keys: Dict[str, Any], protocol: str
) -> None:
    given = {**job.given, **keys}
    record = run.run(job._replace(purpose="trial", model=model, given=given), tmp_path)
    (valid,) = record["metrics"][protocol].values()
    assert valid["ndcg@5"] == record["best_valid_score"]
    assert record["metrics"] == {protocol: {"valid": valid}}


def test_a_run_that_finds_a_request_cache_pays_what_building_it_took(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preparation counts in the limit of every row, whoever did it."""
    caches: List[RequestCache] = []
    charged: List[float] = []
    begin, charge = quick_start.begin, run.Clock.charge

    def watched(config: Any) -> Any:
        experiment = begin(config)
        caches.append(experiment.train_data._dataset.cache)
        return experiment

    def noted(clock: Any, seconds: float) -> None:
        charged.append(seconds)
        charge(clock, 100 * seconds)

    monkeypatch.setattr(quick_start, "begin", watched)
    monkeypatch.setattr(run.Clock, "charge", noted)
    small = {"ranking_source.n_candidates": 5, "hidden_size": 8, "inner_size": 8}
    given = {**job.given, **small}
    records = [
        run.run(job._replace(model="POEM", given=given), tmp_path / "runs" / name) for name in "ab"
    ]
    first, second = caches
    assert first.path == second.path == Path("saved", "request_cache", "toy", first.path.name)
    assert (first.was_built, second.was_built) == (True, False)
    took = json.loads((first.path / "meta.json").read_text())["processor_seconds"]
    assert took > 0
    assert charged == [0, took]
    assert records[1]["seconds"]["preparation"] >= 100 * took  # of the one thread that it has
    elsewhere = {**given, "request_cache_dir": str(tmp_path / "here")}
    run.run(job._replace(model="POEM", given=elsewhere), tmp_path / "runs" / "c")
    assert caches[-1].path.parent == tmp_path / "here" / "toy"
