"""The plot of the trials."""

from pathlib import Path
from typing import Any, Dict

import pytest

from recbole_poem.tune.plot import axis, parallel_coordinates, score_traces, write_plot


def record(score: Any, bigger: bool = True, **params: Any) -> Dict[str, Any]:
    reason = None if score is not None else "RuntimeError: <no> memory"
    return {"params": params, "score": score, "bigger": bigger, "reason": reason}


TRIALS = [record(None, lr=0.1), record(0.2, lr=0.01), record(0.1, lr=0.02), record(0.4, lr=1e-4)]


def test_scores_the_running_best_and_failures() -> None:
    scores, running, failed = score_traces(TRIALS)
    assert list(scores.y) == [None, 0.2, 0.1, 0.4]
    assert list(running.y) == [None, 0.2, 0.2, 0.4]
    assert list(failed.x) == [1]
    assert "no memory" not in failed.text[0]
    assert "lr: 0.1" in failed.text[0]
    smaller = [record(score, bigger=False) for score in (3, 5, 2)]
    assert list(score_traces(smaller)[1].y) == [3, 3, 2]


def test_an_axis_for_each_key_and_the_score() -> None:
    axes = parallel_coordinates(TRIALS[1:]).dimensions
    assert [one.label for one in axes] == ["lr", "score"]
    assert list(axes[0].values) == pytest.approx([-2, -1.69897, -4])  # powers of ten
    assert axes[0].ticktext[0] == "0.0001"
    assert axis("n", [2, 5, 10])["values"] == [2, 5, 10]
    assert axis("n", [5, 2, 5])["tickvals"] == [2, 5]
    assert "tickvals" not in axis("many", list(range(1, 15)))
    assert axis("zero", [0.0, 0.3])["values"] == [0.0, 0.3]
    names = axis("kind", ["b", "a", "b", None])
    assert names["values"] == [2, 1, 2, 0]
    assert names["ticktext"] == ["None", "a", "b"]
    assert axis("flag", [True, False])["ticktext"] == ["False", "True"]


def test_the_file_needs_nothing_else(tmp_path: Path) -> None:
    write_plot(tmp_path / "trials.html", TRIALS, "POEM-toy, <bayes>")
    page = (tmp_path / "trials.html").read_text()
    assert "parcoords" in page
    assert 'src="http' not in page
    write_plot(tmp_path / "trials.html", TRIALS[:1], "all failed")
