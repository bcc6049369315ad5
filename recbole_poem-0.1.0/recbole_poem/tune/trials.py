"""The folder of a search: what was asked, the finished trials, and the best configuration.

========================  ==========================================================================
``search.yaml``           what the proposals depend on; another search is refused
``trials.jsonl``          a line per trial: ``params``, ``status`` (finished or failed), ``score``
                          and ``valid_result`` on validation rows, ``bigger`` (whether more is
                          better), ``seconds``; of a failed one ``reason``, ``traceback`` and
                          ``again`` (whether something else than the configuration failed, so that
                          the next start tries it again)
``started.json``          how often trials have started without an end; what has twice counts as
                          failed
``best.yaml``             the best configuration so far, as ``--config_files`` takes it
``trials.html``           a plot of the trials
========================  ==========================================================================
"""

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Optional

import yaml

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file, writing
from recbole_poem.training.search_space import canonical
from recbole_poem.tune.starts import Starts

#: A line of ``trials.jsonl``.
Record = Dict[str, Any]

_DIED_TWICE = "its process died twice; where memory ran out, tune values that need less of it"


class TrialStore:
    """The trials of one search in its folder.

    Parameters
    ----------
    folder : Path
        Made if need be.
    search : dict
        What the proposals and scores depend on: JSON values by name.

    Raises
    ------
    InputError
        If the folder holds another search, or cannot be read or written.
    """

    def __init__(self, folder: Path, search: Dict[str, Any]) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._claim(json.loads(json.dumps(search)))
            self.records = self._read()
            self._starts = Starts(folder / "started.json")
        except OSError as error:
            raise InputError(f"output: {folder} cannot be used: {error.strerror}") from error
        self._answers = {canonical(record["params"]): record for record in self.records}
        for params in self._starts.without_end(2):
            if self.find(params) is None:
                self.add(death(params, _DIED_TWICE, again=False))

    def begin(self, params: Dict[str, Any]) -> None:
        """Note that a trial starts, in case its process dies.

        Raises
        ------
        InputError
            If that cannot be written.
        """
        with writing(self._starts.path):
            self._starts.begin(params)

    def end(self, params: Dict[str, Any]) -> None:
        """Note that the process of a trial has not died of it."""
        self._starts.end(params)

    def find(self, params: Dict[str, Any]) -> Optional[Record]:
        """Return the record of a configuration that was tried, or None."""
        return self._answers.get(canonical(params))

    def add(self, record: Record) -> None:
        """Keep the record of a trial, on disk as well when this returns.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        # first in memory: of whatever Ctrl-C lets reach the disk, best.yaml and the plot know
        self.records.append(record)
        self._answers[canonical(record["params"])] = record
        line = json.dumps(record) + "\n"
        path = self.folder / "trials.jsonl"
        with writing(path), path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def best(self) -> Optional[Record]:
        """Return the record with the best score, the earliest of equals; None if there is none."""
        best = None
        for record in self.records:
            if is_better(record, best):
                best = record
        return best

    def write_best(self, configuration: Dict[str, Any]) -> Path:
        """Write the best configuration; return the file.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        path = self.folder / "best.yaml"
        with writing(path), whole_file(path) as file:
            file.write(yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True).encode())
        return path

    def _claim(self, search: Dict[str, Any]) -> None:
        """Note what the search is, or compare it with what the folder was begun for."""
        path = self.folder / "search.yaml"
        if not path.exists():
            with whole_file(path) as file:
                file.write(yaml.safe_dump(search, sort_keys=False, allow_unicode=True).encode())
            return
        try:
            begun = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"output: {path} is damaged; name another --output") from error
        begun = begun if isinstance(begun, dict) else {}
        names = [n for n in {**begun, **search} if begun.get(n) != search.get(n)]
        if names:
            was, now = begun.get(names[0]), search.get(names[0])
            raise InputError(
                f"output: {self.folder} holds another search: {_difference(names[0], was, now)}; "
                "name another --output"
            )

    def _read(self) -> List[Record]:
        path = self.folder / "trials.jsonl"
        if not path.exists():
            return []
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # killed in the middle of a line: that trial runs again
            with whole_file(path) as file:
                file.write(whole)
        records = []
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                record = json.loads(line)
                canonical(record["params"])
                record["score"], record["status"], record["bigger"]
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"output: {path}, line {number} is no record of a trial"
                ) from error
            if not record.get("again"):
                records.append(record)
        return records


def death(params: Dict[str, Any], reason: str, again: bool) -> Record:
    """Return the record of a trial whose process died."""
    return {
        "params": params,
        "status": "failed",
        "score": None,
        "bigger": True,
        "reason": reason,
        "traceback": None,
        "again": again,
        "seconds": None,
    }


def is_better(record: Record, other: Optional[Record]) -> bool:
    """Whether a trial has a score, and a better one than `other`, if that is a trial at all."""
    if record["score"] is None:
        return False
    if other is None:
        return True
    if record["bigger"]:
        return record["score"] > other["score"]
    return record["score"] < other["score"]


def _difference(name: str, was: Any, now: Any) -> str:
    """Say what differs; of two dictionaries, the first entry that does."""
    if isinstance(was, dict) and isinstance(now, dict):
        inner = next(key for key in {**was, **now} if was.get(key) != now.get(key))
        return _difference(f"{name}, {inner}", was.get(inner), now.get(inner))
    return f"its {name} is {_short(was)}, not {_short(now)}"


def _short(value: Any) -> str:
    return "not given" if value is None else " ".join(str(value).split())
