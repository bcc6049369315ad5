"""Where a run stands: what its process tells, and what is said of it."""

import math
from pathlib import Path

from recbole.utils import early_stopping

from recbole_poem.benchmark.clock import Clock
from recbole_poem.benchmark.progress import (
    best_point,
    forget_progress,
    read_progress,
    words,
    write_progress,
)


def test_a_run_tells_where_it_is(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    assert words(None, 65) == "preparing, 01:05"
    write_progress(tmp_path, 200, True, [], trains=True)
    assert words(read_progress(tmp_path), 70) == "epoch 0/200, 01:10"
    curve = [{"epoch": epoch, "score": score} for epoch, score in ((0, 0.1), (1, 0.3), (2, 0.25))]
    write_progress(tmp_path, 200, True, curve, trains=True)
    assert words(read_progress(tmp_path), 3700) == "epoch 3/200, 0.2500 (best 0.3000), 1:01:40"
    write_progress(tmp_path, 200, True, curve, trains=False)
    assert words(read_progress(tmp_path), 1) == "evaluating, 0.2500 (best 0.3000), 00:01"
    forget_progress(tmp_path)
    forget_progress(tmp_path)
    assert read_progress(tmp_path) is None and list(tmp_path.iterdir()) == []


def test_the_clock_tells_at_the_start_and_after_every_epoch() -> None:
    told = []
    clock = Clock(1000.0, on_gpu=False, tell=lambda curve: told.append([p["score"] for p in curve]))
    assert told == []
    clock.start_training()
    clock.note(0, 0.5)
    clock.note(1, 0.25)
    assert told == [[], [0.5], [0.5, 0.25]]


def test_the_best_point_is_the_one_whose_weights_recbole_keeps() -> None:
    curve = [{"epoch": epoch, "score": score} for epoch, score in enumerate([2, 1, 3, 1, 3, 2])]
    for bigger in (True, False):
        best, kept = (-math.inf if bigger else math.inf), None
        for point in curve:
            best, _, _, update = early_stopping(point["score"], best, 0, 9, bigger)
            kept = point if update else kept
        assert best_point(curve, bigger) is kept
