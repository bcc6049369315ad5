"""``runs.jsonl``: the records of a benchmark's runs, one a line, behind a line of what they share.

The first line is ``{"shared": {...}}``. Runs of one benchmark have most keys alike, so their
records would say the same thing a hundred times over.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file, writing

_SHARED, _KEYS = "shared", "config"
Record = Dict[str, Any]


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write records, whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    shared = _alike(records)
    configs = [record[_KEYS] for record in records if _KEYS in record]
    if configs:
        shared[_KEYS] = _alike(configs)
    lines: List[Record] = [{_SHARED: shared}]
    for record in records:
        own = _without(record, shared)
        if _KEYS in record:
            own[_KEYS] = _without(record[_KEYS], shared[_KEYS])
        lines.append(own)
    with writing(path), whole_file(path) as file:
        file.write("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines).encode())


def read_records(path: Path) -> List[Tuple[str, Record]]:
    """Read records, each with the words for its place.

    Raises
    ------
    InputError
        For a line that is no JSON object, and a first line that is not what they share.
    """
    first, *rest = path.read_bytes().splitlines() or [b""]
    shared = object_of(f"{path}, line 1", first).get(_SHARED)
    if not isinstance(shared, dict) or not isinstance(shared.get(_KEYS, {}), dict):
        raise damaged(f"{path}, line 1", "it does not say what the records share")
    of_all = {key: value for key, value in shared.items() if key != _KEYS}
    found = []
    for number, line in enumerate(rest, 2):
        where = f"{path}, line {number}"
        record = {**of_all, **object_of(where, line)}
        if isinstance(record.get(_KEYS), dict):
            record[_KEYS] = {**shared.get(_KEYS, {}), **record[_KEYS]}
        found.append((where, record))
    return found


def object_of(where: str, content: bytes) -> Record:
    """Read a JSON object.

    Raises
    ------
    InputError
        If it is none, naming `where` it stands.
    """
    try:
        record = json.loads(content)
    except ValueError as error:
        words = (str(error).splitlines() or [type(error).__name__])[0]
        raise damaged(where, f"no JSON ({words})") from error
    if not isinstance(record, dict):
        raise damaged(where, "a record is one JSON object")
    return record


def damaged(where: str, why: str) -> InputError:
    """Return the refusal of a record, with what can be done."""
    return InputError(
        f"{where}: damaged, {why}; restore it, or remove it and run the benchmark again"
    )


def _alike(records: Sequence[Record]) -> Record:
    """Return what all records have, and have the same; of fewer than two, nothing."""
    if len(records) < 2:
        return {}
    first, *others = records
    return {
        key: value
        for key, value in first.items()
        if all(key in other and _same(other[key], value) for other in others)
    }


def _same(one: Any, other: Any) -> bool:
    """Tell whether both are written alike: 1, 1.0 and true are not, and NaN is itself."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _without(record: Record, shared: Record) -> Record:
    return {key: value for key, value in record.items() if key not in shared}
