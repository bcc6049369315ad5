"""What stands beside the name of a row in every table, and what is said of it once."""

from typing import Dict, List

from recbole_poem.benchmark.endings import ENDINGS, marks_of
from recbole_poem.benchmark.extras import extras_of
from recbole_poem.benchmark.results import Run

EXTRAS_MARK = "\u207a"


def labels_of(rows: Dict[str, List[Run]]) -> Dict[str, str]:
    """Return the name of each row with its marks: what ended its training, and that it has extras.

    Parameters
    ----------
    rows : dict
        Name of the row -> its runs.
    """
    return {
        name: " ".join(filter(None, [name, marks_of(runs) + (EXTRAS_MARK * bool(_extras(runs)))]))
        for name, runs in rows.items()
    }


def meaning_of_marks(rows: Dict[str, List[Run]]) -> List[str]:
    """Say what the marks of these rows mean, one text for each that there is."""
    used = "".join(marks_of(runs) for runs in rows.values())
    said = []
    for ending in ENDINGS.values():
        if ending.mark not in used:
            continue
        then = (
            "it may be better with more" if ending.is_early else "its validation score rose no more"
        )
        verb = "stopped" if ending.is_early else "ended"
        said.append(f"{ending.mark} {verb} by {ending.words}, at least one seed: {then}.")
    having = [f"{name}: {', '.join(_extras(runs))}" for name, runs in rows.items() if _extras(runs)]
    if having:
        said.append(f"{EXTRAS_MARK} has what every row might have ({'; '.join(having)}).")
    return said


def reason(runs: List[Run]) -> str:
    """Say why none of a row's runs finished."""
    if not runs:
        return "not run yet"
    seeds: Dict[str, List[str]] = {}
    for run in runs:
        words = str(run.record.get("reason") or "no reason was recorded")
        seeds.setdefault(words, []).append(str(run.record["seed"]))
    if len(seeds) == 1:
        return f"failed: {next(iter(seeds))}"
    said = (f"seed {', '.join(which)}: {words}" for words, which in seeds.items())
    return f"failed: {'; '.join(said)}"


def failures(rows: Dict[str, List[Run]]) -> List[str]:
    """Say of rows that finished in part which of their seeds failed, and why."""
    said = []
    for name, runs in rows.items():
        failed = [run for run in runs if not run.finished]
        if not failed or len(failed) == len(runs):
            continue
        seeds: Dict[str, List[str]] = {}
        for run in failed:
            seeds.setdefault(reason([run]), []).append(str(run.record["seed"]))
        said += [
            f"{name}: seed{'s' if len(which) > 1 else ''} {', '.join(which)} {words}."
            for words, which in seeds.items()
        ]
    return said


def _extras(runs: List[Run]) -> List[str]:
    """Return the extras of a row, of which one run has finished at least."""
    finished = [run for run in runs if run.finished]
    return list(extras_of(finished[0].record["config"])) if finished else []
