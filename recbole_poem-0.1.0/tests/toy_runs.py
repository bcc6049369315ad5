"""Runs of a benchmark: one to start, those that are at work, and what they leave behind."""

import json
from pathlib import Path
from typing import Any, Dict

from recbole_poem.benchmark.plan import Job


def records(folder: Path) -> Dict[str, Dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob("runs/*/record.json")]
    return {record["row"]: record for record in found}


def running_now(paths: Any) -> Any:
    for path in paths:
        try:
            path.read_text()
        except OSError:  # it has ended meanwhile
            continue
        yield path


def job(tmp_path: Path, **changed: Any) -> Job:
    values = {"row": "r", "model": "Pop", "dataset": "d", "seed": 1, "purpose": "test"}
    return Job(**{**values, "given": {}, "config_files": [], "time_limit": 1.0, **changed})
