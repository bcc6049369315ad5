"""What ended the training of a row: a row that was cut short is no bad model."""

from typing import Dict, NamedTuple, Sequence, Tuple

from recbole_poem.benchmark.results import Run


class Ending(NamedTuple):
    """How a training can end.

    Attributes
    ----------
    mark : str
        Beside the name of a row in a table.
    words : str
        What ended it, after "ended by" or "stopped by".
    is_early : bool
        Whether the model might be better with more of it.
    """

    mark: str
    words: str
    is_early: bool


#: by what a record says
ENDINGS: Dict[str, Ending] = {
    "time limit": Ending("\u1d40", "the time limit", True),
    "epochs": Ending("\u1d31", "its number of epochs", True),
    "early stopping": Ending("\u1d3e", "its patience", False),
}


def endings_of(runs: Sequence[Run]) -> Dict[str, int]:
    """Count what ended the finished runs of a row; none of a model that learns nothing."""
    learnt = [run.record.get("stopped") for run in runs if run.finished and run.trains]
    return {name: learnt.count(name) for name in ENDINGS if name in learnt}


def marks_of(runs: Sequence[Run]) -> str:
    """Return the marks of a row, one for each ending that its runs had."""
    return "".join(ENDINGS[name].mark for name in endings_of(runs))


def cut_short(runs: Sequence[Run]) -> str:
    """Say which endings came too early, as ``the time limit (2 of 3 seeds)``; empty if none did."""
    finished = sum(run.finished for run in runs)
    early = {name: n for name, n in endings_of(runs).items() if ENDINGS[name].is_early}
    return " and ".join(f"{ENDINGS[name].words} ({_of(n, finished)})" for name, n in early.items())


def all_endings(runs: Sequence[Run]) -> Tuple[str, ...]:
    """Say what ended the runs of a row, one text for each ending, with the number of seeds."""
    finished = sum(run.finished for run in runs)
    return tuple(f"{name} ({_of(n, finished)})" for name, n in endings_of(runs).items())


def _of(n: int, total: int) -> str:
    return f"{n} of {total} seed{'s' if total > 1 else ''}"
