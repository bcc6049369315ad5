"""Several trials at once on Ray Tune."""

import json
import os
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, List, Set

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.training.search_space import canonical, read_space
from recbole_poem.tune.searching import run_on_ray
from recbole_poem.tune.trials import TrialStore
from recbole_poem.tune.tuning import Tuning

pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")
pytest.importorskip("pyarrow", reason="the extra 'tune' is not installed")


def test_trials_run_at_once_in_few_processes_fail_alone_and_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "grid.hyper").write_text("x choice [0,1,2,3]\n")
    space = read_space(str(tmp_path / "grid.hyper"))
    notes = tmp_path / "notes"
    notes.mkdir()

    def processes() -> Set[str]:
        return {note.name.split("-")[1] for note in notes.iterdir()}

    def objective(params: Dict[str, Any]) -> Dict[str, Any]:
        (notes / f"{params['x']}-{os.getpid()}").write_text(str(Path.cwd()))
        if params["x"] == 0:
            raise RuntimeError("nothing")
        deadline = time.monotonic() + 60  # another process has to be at work meanwhile
        while time.monotonic() < deadline and len(processes()) < 2:
            time.sleep(0.05)
        result = {"ndcg@5": params["x"]}
        return {
            "best_valid_score": params["x"],
            "best_valid_result": result,
            "valid_score_bigger": True,
        }

    def tuning() -> Tuning:
        store = TrialStore(tmp_path / "out", {"algo": "exhaustive"})
        return Tuning(objective, space, store, algo="exhaustive")

    first = tuning()
    run_on_ray(first, workers=2)
    assert first.best_params == {"x": 3}
    assert {canonical(record["params"]): record["score"] for record in first.store.records} == {
        '{"x": 0}': None,
        '{"x": 1}': 1.0,
        '{"x": 2}': 2.0,
        '{"x": 3}': 3.0,
    }
    assert sorted(note.name[0] for note in notes.iterdir()) == ["0", "1", "2", "3"]
    assert len(processes()) == 2  # a process goes on to the next trial, with the data it shares
    assert str(os.getpid()) not in processes()
    assert {note.read_text() for note in notes.iterdir()} == {str(tmp_path)}
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / "out" / "started.json").exists()

    for run in (Tuning.run, partial(run_on_ray, workers=2)):
        again = tuning()
        run(again)
        assert again.best_params == {"x": 3}
    assert len(list(notes.iterdir())) == 4


def test_a_worker_that_dies_once_is_tried_again_and_one_that_dies_twice_is_not(
    tmp_path: Path,
) -> None:
    from recbole_poem.tune.on_ray import Proposals

    (tmp_path / "grid.hyper").write_text("x choice [0,1]\n")
    space = read_space(str(tmp_path / "grid.hyper"))

    def round_in_which_0_dies() -> List[int]:
        """Return what was tried."""
        tuning = Tuning(lambda params: {}, space, TrialStore(tmp_path / "out", {}), "exhaustive")
        tried = []
        with tuning.progress() as bar:
            proposals = Proposals(tuning, 1, bar)
            suggested = proposals.suggest("a")
            while suggested != Proposals.FINISHED:
                tried.append(suggested["params"]["x"])
                record = {**suggested, "status": "finished", "score": 1.0, "bigger": True}
                died = tried[-1] == 0
                result = None if died else {"record": json.dumps(record)}
                proposals.on_trial_complete("a", result, error=died)
                suggested = proposals.suggest("a")
        return tried

    def reasons() -> List[str]:
        return [r["reason"] for r in TrialStore(tmp_path / "out", {}).records if "reason" in r]

    assert sorted(round_in_which_0_dies()) == [0, 1]
    assert reasons() == []
    assert round_in_which_0_dies() == [0]
    assert [reason.partition(";")[0] for reason in reasons()] == ["its process died twice"]
    assert round_in_which_0_dies() == []


@pytest.mark.parametrize("algo", ["random", "exhaustive"])
def test_nothing_starts_once_the_search_has_stalled(tmp_path: Path, algo: str) -> None:
    from recbole_poem.tune.on_ray import Proposals

    (tmp_path / "grid.hyper").write_text(f"x choice {list(range(1000))}\n")
    space = read_space(str(tmp_path / "grid.hyper"))
    store = TrialStore(tmp_path / "out", {})
    tuning = Tuning(lambda params: {}, space, store, algo, early_stop=4)
    with tuning.progress() as bar:
        proposals = Proposals(tuning, 2, bar)
        running = {"0": proposals.suggest("0"), "1": proposals.suggest("1")}
        for number in range(2, 100):
            trial, suggested = next(iter(running.items()))
            del running[trial]
            record = {**suggested, "status": "finished", "score": 0.5, "bigger": True}
            proposals.on_trial_complete(trial, {"record": json.dumps(record)})
            suggested = proposals.suggest(str(number))
            if suggested == Proposals.FINISHED:
                break
            running[str(number)] = suggested
    assert len(store.records) == 1 + 4
    assert len(running) == 1  # it had started before


class InAMissingPackage:
    """An objective that no other process can load."""

    def __reduce__(self) -> Any:
        return import_module, ("no_such_package",)

    def __call__(self, params: Dict[str, Any]) -> Dict[str, Any]:
        return {}


def test_what_a_worker_cannot_load_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "grid.hyper").write_text("x choice [0,1]\n")
    store = TrialStore(tmp_path / "out", {})
    space = read_space(str(tmp_path / "grid.hyper"))
    run_on_ray(Tuning(InAMissingPackage(), space, store, algo="exhaustive"), workers=1)
    words = "ModuleNotFoundError: No module named 'no_such_package'"
    assert [record["reason"] for record in store.records] == [words] * 2


def test_a_full_disk_ends_the_search_on_ray_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "grid.hyper").write_text("x choice [0,1,2,3]\n")
    space = read_space(str(tmp_path / "grid.hyper"))
    store = TrialStore(tmp_path / "out", {})
    (tmp_path / "out" / "trials.jsonl").symlink_to("/dev/full")

    def objective(params: Dict[str, Any]) -> Dict[str, Any]:
        return {"best_valid_score": 1, "best_valid_result": None, "valid_score_bigger": True}

    with pytest.raises(InputError, match=r"trials\.jsonl cannot be written: No space left"):
        run_on_ray(Tuning(objective, space, store, algo="exhaustive"), workers=2)
