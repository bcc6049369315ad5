"""Where a run stands, told by its process and shown by the one that started it.

``progress.json`` in the folder of a run lives as long as its process does.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

from tqdm import tqdm

from recbole_poem.core.files import whole_file


def best_point(curve: List[Dict[str, float]], bigger: bool) -> Dict[str, float]:
    """Return the point of a curve whose checkpoint RecBole keeps: the best, of equal ones the last.

    Parameters
    ----------
    curve : list of dict
        See `write_progress`; not empty.
    bigger : bool
        Whether a larger score is better.
    """
    sign = 1 if bigger else -1
    return max(reversed(curve), key=lambda point: sign * point["score"])


def write_progress(
    folder: Path, epochs: int, bigger: bool, curve: List[Dict[str, float]], trains: bool
) -> None:
    """Tell where a run stands.

    Parameters
    ----------
    folder : Path
        Of the run.
    epochs : int
        At most so many.
    bigger : bool
        Whether a larger score is better.
    curve : list of dict
        ``epoch`` (from 0) and ``score`` of each validation so far.
    trains : bool
        Whether training goes on; if not, what it has led to is evaluated.
    """
    told = {
        "trains": trains,
        "epochs": epochs,
        "done": int(curve[-1]["epoch"]) + 1 if curve else 0,
        "last": curve[-1]["score"] if curve else None,
        "best": best_point(curve, bigger)["score"] if curve else None,
    }
    with whole_file(_file(folder)) as file:
        file.write(json.dumps(told).encode())


def read_progress(folder: Path) -> Optional[Dict[str, Any]]:
    """Return what the run has told, or None before it trains."""
    try:
        return json.loads(_file(folder).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def forget_progress(folder: Path) -> None:
    """Remove what a run has told."""
    _file(folder).unlink(missing_ok=True)


def words(told: Optional[Dict[str, Any]], seconds: float) -> str:
    """Say in a few words where a run stands.

    Parameters
    ----------
    told : dict or None
        What `read_progress` returns.
    seconds : float
        Since its process began.
    """
    since = tqdm.format_interval(seconds)
    if told is None:
        return f"preparing, {since}"
    state = f"epoch {told['done']}/{told['epochs']}" if told["trains"] else "evaluating"
    if told["last"] is not None:
        state += f", {told['last']:.4f} (best {told['best']:.4f})"
    return f"{state}, {since}"


def _file(folder: Path) -> Path:
    return folder / "progress.json"
