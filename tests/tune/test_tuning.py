"""The search itself, around objectives whose best value is known."""

import json
import os
import signal
from errno import ENOSPC
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.training.search_space import canonical, read_space
from recbole_poem.tune.trials import TrialStore
from recbole_poem.tune.tuning import Tuning, attempt

pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")

SEARCH = {"algo": "random", "keys": {"epochs": 3}}


def valley(params: Dict[str, Any]) -> Dict[str, Any]:
    """Score best, 1, at x = 0.3 and way b."""
    score = 1 - (params["x"] - 0.3) ** 2 - (params["way"] != "b")
    return {
        "best_valid_score": score,
        "best_valid_result": {"ndcg@5": score},
        "valid_score_bigger": True,
        "test_result": {"ndcg@5": -score},
    }


class Counting:
    """An objective that counts its calls and may be interrupted at one of them."""

    def __init__(self, interrupted_at: Optional[int] = None) -> None:
        self.calls: List[str] = []
        self._interrupted_at = interrupted_at

    def __call__(self, params: Dict[str, Any]) -> Dict[str, Any]:
        if len(self.calls) == self._interrupted_at:
            raise KeyboardInterrupt
        self.calls.append(canonical(params))
        return valley(params)


@pytest.fixture
def grid(tmp_path: Path) -> Dict[str, Any]:
    (tmp_path / "grid.hyper").write_text(
        "x choice [0.0,0.1,0.2,0.3,0.4,0.5]\nway choice ['a','b']\n"
    )
    return read_space(str(tmp_path / "grid.hyper"))


@pytest.fixture
def line(tmp_path: Path) -> Dict[str, Any]:
    (tmp_path / "line.hyper").write_text("x uniform -1,1\nway choice ['a','b']\n")
    return read_space(str(tmp_path / "line.hyper"))


def tuned(objective: Any, space: Dict[str, Any], folder: Path, **more: Any) -> Tuning:
    tuning = Tuning(objective, space, TrialStore(folder, SEARCH), **more)
    tuning.run()
    return tuning


def test_an_exhaustive_search_tries_every_point_once(grid: Any, tmp_path: Path) -> None:
    objective = Counting()
    tuning = tuned(objective, grid, tmp_path / "out", algo="exhaustive")
    assert tuning.best_params == {"x": 0.3, "way": "b"}
    assert len(objective.calls) == len(set(objective.calls)) == 12


@pytest.mark.parametrize(("algo", "trials"), [("random", 60), ("bayes", 40)])
def test_the_planted_optimum_is_found(line: Any, tmp_path: Path, algo: str, trials: int) -> None:
    tuning = tuned(valley, line, tmp_path / "out", algo=algo, trials=trials)
    assert tuning.best_params["way"] == "b"
    assert tuning.best_params["x"] == pytest.approx(0.3, abs=0.1)
    assert len(tuning.store.records) == trials


def test_bayes_learns_and_random_does_not(line: Any, tmp_path: Path) -> None:
    """After its random start bayes tries the better way almost always."""
    late = {
        algo: [
            record["params"]["way"]
            for record in tuned(valley, line, tmp_path / algo, algo=algo, trials=50).store.records[
                25:
            ]
        ]
        for algo in ("random", "bayes")
    }
    assert late["bayes"].count("b") > late["random"].count("b") + 4


def test_a_smaller_score_may_be_the_better_one(grid: Any, tmp_path: Path) -> None:
    def loss(params: Dict[str, Any]) -> Dict[str, Any]:
        result = valley(params)
        score = 1 - result["best_valid_score"]
        return {**result, "best_valid_score": score, "valid_score_bigger": False}

    tuning = tuned(loss, grid, tmp_path / "out", algo="exhaustive")
    assert tuning.best_params == {"x": 0.3, "way": "b"}
    assert tuning.best_score == 0  # which RecBole's HyperTuning takes for no score at all


@pytest.mark.parametrize("algo", ["random", "bayes", "exhaustive"])
@pytest.mark.parametrize("interrupted_at", [0, 3, 11])
def test_an_interrupted_search_continues_as_an_uninterrupted_one(
    grid: Any, tmp_path: Path, algo: str, interrupted_at: int
) -> None:
    more: Dict[str, Any] = {"algo": algo, "trials": 30, "seed": 5}
    whole = tuned(Counting(), grid, tmp_path / "whole", **more).store.records
    first, second = Counting(interrupted_at), Counting()
    if interrupted_at < len(whole):
        with pytest.raises(KeyboardInterrupt):
            tuned(first, grid, tmp_path / "parts", **more)
    else:
        tuned(first, grid, tmp_path / "parts", **more)
    assert len(first.calls) == min(interrupted_at, len(whole))
    parts = tuned(second, grid, tmp_path / "parts", **more).store.records
    assert first.calls + second.calls == [canonical(record["params"]) for record in whole]
    assert [(r["params"], r["score"]) for r in parts] == [(r["params"], r["score"]) for r in whole]


def test_a_search_in_a_continuum_continues_as_well(line: Any, tmp_path: Path) -> None:
    more: Dict[str, Any] = {"algo": "bayes", "trials": 26}
    whole = Counting()
    tuned(whole, line, tmp_path / "whole", **more)
    first, second = Counting(interrupted_at=23), Counting()
    with pytest.raises(KeyboardInterrupt):
        tuned(first, line, tmp_path / "parts", **more)
    tuned(second, line, tmp_path / "parts", **more)
    assert first.calls + second.calls == whole.calls


def test_more_trials_can_be_asked_for_later(line: Any, tmp_path: Path) -> None:
    tuned(Counting(), line, tmp_path / "out", trials=5)
    more = Counting()
    tuned(more, line, tmp_path / "out", trials=8)
    assert len(more.calls) == 3


def test_a_trial_that_was_killed_while_it_was_written_runs_again(line: Any, tmp_path: Path) -> None:
    whole = Counting()
    tuned(whole, line, tmp_path / "out", trials=5)
    file = tmp_path / "out" / "trials.jsonl"
    content = file.read_bytes()
    file.write_bytes(content[:-20])
    again = Counting()
    tuned(again, line, tmp_path / "out", trials=5)
    assert again.calls == whole.calls[-1:]
    assert len([json.loads(record) for record in file.read_text().splitlines()]) == 5


def test_a_failing_trial_is_recorded_and_the_rest_goes_on(grid: Any, tmp_path: Path) -> None:
    calls = []

    def fragile(params: Dict[str, Any]) -> Dict[str, Any]:
        calls.append(params)
        if params["way"] == "a":
            raise RuntimeError("out of\nmemory")
        if params["x"] == 0.5:
            raise InputError("x: too large")
        if params["x"] == 0.4:
            return {**valley(params), "best_valid_score": float("nan")}
        return valley(params)

    tuning = tuned(fragile, grid, tmp_path / "out", algo="exhaustive")
    records = {canonical(record["params"]): record for record in tuning.store.records}
    assert len(records) == 12
    assert tuning.best_params == {"x": 0.3, "way": "b"}
    reasons = [record["reason"] for record in records.values() if record["status"] == "failed"]
    assert sorted(set(reasons)) == [
        "RuntimeError: out of memory",
        "the validation score is nan",
        "x: too large",
    ]
    failed = records[canonical({"x": 0.0, "way": "a"})]
    assert failed["score"] is None
    assert "in fragile" in failed["traceback"]
    tuned(fragile, grid, tmp_path / "out", algo="exhaustive")
    assert len(calls) == 12  # what failed is not tried again either


def full_disk() -> None:
    raise OSError(ENOSPC, "No space left on device")


def no_memory() -> None:
    raise MemoryError("Unable to allocate 3.2 GiB")


def no_package() -> None:
    import no_such_package  # noqa: F401


def named_file() -> None:
    try:
        full_disk()
    except OSError as error:
        raise InputError("request_cache_dir: it cannot be written") from error


@pytest.mark.parametrize("fail", [full_disk, no_memory, no_package, named_file])
def test_what_failed_and_was_not_to_blame_is_tried_again_as_if_it_had_never_been_tried(
    line: Any, tmp_path: Path, fail: Callable[[], None]
) -> None:
    more: Dict[str, Any] = {"algo": "bayes", "trials": 30}
    whole = tuned(Counting(), line, tmp_path / "whole", **more).store.records
    first, second = Counting(), Counting()

    def from_the_24th_on(params: Dict[str, Any]) -> Dict[str, Any]:
        if len(first.calls) == 23:
            fail()
        return first(params)

    failed = tuned(from_the_24th_on, line, tmp_path / "parts", **more).store.records[23:]
    assert [record["status"] for record in failed] == ["failed"] * 7
    parts = tuned(second, line, tmp_path / "parts", **more).store.records
    assert first.calls + second.calls == [canonical(record["params"]) for record in whole]
    assert [(r["params"], r["score"]) for r in parts] == [(r["params"], r["score"]) for r in whole]
    third = Counting()
    tuned(third, line, tmp_path / "parts", **more)
    assert third.calls == []


def test_a_trial_that_kills_its_process_twice_has_failed_and_the_search_goes_on(
    grid: Any, tmp_path: Path
) -> None:
    more: Dict[str, Any] = {"algo": "exhaustive", "seed": 5}
    whole = tuned(Counting(), grid, tmp_path / "whole", **more).store.records
    deadly = whole[4]["params"]

    def objective(params: Dict[str, Any]) -> Dict[str, Any]:
        if params == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return valley(params)

    for _ in range(2):
        search = get_context("fork").Process(
            target=tuned, args=(objective, grid, tmp_path / "out"), kwargs=more
        )
        search.start()
        search.join()
        assert search.exitcode == -signal.SIGKILL
    tuning = tuned(objective, grid, tmp_path / "out", **more)
    records = tuning.store.records
    (failed,) = [record for record in records if record["status"] == "failed"]
    assert failed["params"] == deadly
    assert failed["reason"].startswith("its process died twice; where memory ran out, tune")
    order = [record["params"] for record in records if record is not failed]
    assert order == [record["params"] for record in whole if record["params"] != deadly]
    again = Counting()
    tuned(again, grid, tmp_path / "out", **more)
    assert again.calls == []


def test_ctrl_c_is_no_death(grid: Any, tmp_path: Path) -> None:
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            tuned(Counting(interrupted_at=0), grid, tmp_path / "out", algo="exhaustive")
    tuning = tuned(Counting(), grid, tmp_path / "out", algo="exhaustive")
    assert all(record["status"] == "finished" for record in tuning.store.records)


def test_bayes_goes_on_beyond_its_start_when_trials_fail(line: Any, tmp_path: Path) -> None:
    def fragile(params: Dict[str, Any]) -> Dict[str, Any]:
        if params["x"] < 0:
            raise RuntimeError("negative")
        return valley(params)

    tuning = tuned(fragile, line, tmp_path / "out", trials=40)
    assert len(tuning.store.records) == 40
    assert tuning.best_params["x"] == pytest.approx(0.3, abs=0.1)


def test_it_ends_early_where_nothing_gets_better(grid: Any, tmp_path: Path) -> None:
    def flat(params: Dict[str, Any]) -> Dict[str, Any]:
        return {**valley(params), "best_valid_score": 0.5}

    tuning = tuned(flat, grid, tmp_path / "out", algo="exhaustive", early_stop=4)
    assert len(tuning.store.records) == 1 + 4


def test_the_best_is_the_best_on_validation_rows_and_test_rows_are_not_kept(
    grid: Any, tmp_path: Path
) -> None:
    store = tuned(valley, grid, tmp_path / "out", algo="exhaustive").store
    best = store.best()
    assert best is not None
    assert best["score"] == max(record["score"] for record in store.records) == 1
    assert "test" not in (tmp_path / "out" / "trials.jsonl").read_text()


def test_the_bar_shows_the_best_score(
    grid: Any, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    tuned(valley, grid, tmp_path / "out", algo="exhaustive")
    assert "12/12" in capsys.readouterr().err


def test_the_bar_shows_the_trial_that_runs_now(
    grid: Any, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    def objective(params: Dict[str, Any]) -> Dict[str, Any]:
        tuning.watch(7, 0.125)
        return valley(params)

    store = TrialStore(tmp_path / "out", {})
    tuning = Tuning(objective, grid, store, algo="exhaustive")
    tuning.watch(0, 0.5)  # outside of a search there is nothing to show it on
    tuning.run()
    said = capsys.readouterr().err
    assert "[00:00<?, ?trial/s, this one 0.1250 after epoch 7]" in said
    assert "best 1.0000, this one 0.1250 after epoch 7" in said


def test_a_grid_needs_choices(line: Any, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="an exhaustive search needs a choice for every key, and x"
    ):
        tuned(valley, line, tmp_path / "out", algo="exhaustive")


def test_ctrl_c_is_no_failed_trial() -> None:
    with pytest.raises(KeyboardInterrupt):
        attempt(Counting(interrupted_at=0), {"x": 0.0, "way": "a"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"algo": "bayes"}, "its algo is random, not bayes; name another --output"),
        ({"keys": {"epochs": 4}}, "its keys, epochs is 3, not 4; name"),
        ({"keys": {"epochs": 3, "topk": [5]}}, r"its keys, topk is not given, not \[5\]; name"),
        ({"seed": 1}, "its seed is not given, not 1; name"),
    ],
)
def test_the_folder_of_another_search_is_refused(
    tmp_path: Path, change: Dict[str, Any], words: str
) -> None:
    TrialStore(tmp_path / "out", SEARCH)
    TrialStore(tmp_path / "out", SEARCH)
    with pytest.raises(InputError, match=f"^output: {tmp_path}/out holds another search: {words}"):
        TrialStore(tmp_path / "out", {**SEARCH, **change})


def test_a_full_disk_ends_the_search_and_is_named(grid: Any, tmp_path: Path) -> None:
    objective = Counting()
    tuning = Tuning(objective, grid, TrialStore(tmp_path / "out", {}), algo="exhaustive")
    (tmp_path / "out" / "trials.jsonl").symlink_to("/dev/full")
    words = f"^{tmp_path}/out/trials.jsonl cannot be written: No space left on device; once"
    with pytest.raises(InputError, match=words):
        tuning.run()
    assert len(objective.calls) == 1


def test_damaged_files_are_named(tmp_path: Path) -> None:
    TrialStore(tmp_path / "out", SEARCH)
    (tmp_path / "out" / "trials.jsonl").write_text('{"params": {}}\n')
    with pytest.raises(InputError, match=r"trials.jsonl, line 1 is no record of a trial"):
        TrialStore(tmp_path / "out", SEARCH)
    (tmp_path / "out" / "trials.jsonl").unlink()
    (tmp_path / "out" / "started.json").write_text("[]")
    with pytest.raises(InputError, match=r"out/started.json is damaged; delete it"):
        TrialStore(tmp_path / "out", SEARCH)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file cannot be used: File exists"):
        TrialStore(tmp_path / "file", SEARCH)
