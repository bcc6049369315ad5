"""Where a run stands, told by its process and shown by the one that started it.

``progress.json`` in the folder of a run lives as long as its process does.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

from tqdm import tqdm

from recbole_poem.files import whole_file


def write_progress(folder: Path, epochs: int, curve: List[Dict[str, float]], trains: bool) -> None:
    """Tell where a run stands.

    Parameters
    ----------
    folder : Path
        Of the run.
    epochs : int
        At most so many.
    curve : list of dict
        ``epoch`` (from 0) and ``score`` of each validation so far.
    trains : bool
        Whether training goes on; if not, what it has led to is evaluated.
    """
    scores = [point["score"] for point in curve]
    told = {
        "trains": trains,
        "epochs": epochs,
        "done": int(curve[-1]["epoch"]) + 1 if curve else 0,
        "last": scores[-1] if curve else None,
        "best": max(scores, default=None),
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
