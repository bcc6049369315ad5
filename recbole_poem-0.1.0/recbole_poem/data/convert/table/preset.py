"""The keys of a data set that its rows decide, as a file beside them that says why.

The file is read with the data set (`recbole_poem.training.own_keys`). Whoever edits it keeps it:
its first line tells by a hash whether it is still what was written.
"""

import hashlib
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

import yaml

from recbole_poem.core.config_files import read_yaml
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.table.facts import Facts
from recbole_poem.data.convert.table.times import Times

#: the share of repeats from which seen items are part of the task
REPEATS = 0.05
_SHORTEST, _LONGEST = 5, 50  # windows
_FEW_ITEMS = 10
#: names of the objectives that every data set has (properties/model/POEM.yaml)
_TAKEN = ("consumed", "latest", "next", "soon", "near")
_MARK = "# Written by recbole-poem convert table, hash "


class Key(NamedTuple):
    """A key of the configuration, its value, and why it has it."""

    name: str
    value: Any
    why: str


def preset_keys(facts: Facts, times: Times, feedback: Sequence[str]) -> List[Key]:
    """Choose the keys of a data set.

    Parameters
    ----------
    facts : Facts
    times : Times
    feedback : sequence of str
        The columns that make an objective each.
    """
    keys = [Key("time_unit", times.unit, times.words)]
    if times.utc_offset:
        keys.append(Key("utc_offset", times.utc_offset, "seconds that the users' clocks are ahead"))
    window = min(_LONGEST, max(_SHORTEST, facts.most_rows))
    why = f"95 % of the users have {facts.most_rows:,} rows at most"
    keys.append(Key("MAX_ITEM_LIST_LENGTH", window, why))
    often = facts.repeats >= REPEATS
    why = f"{facts.repeats:.1%} of the rows repeat an item of their user"
    why += ", so that seen items are ranked like others" if often else ": seen items rank last"
    keys.append(Key("mask_seen", not often, why))
    if 2 < facts.n_items <= _FEW_ITEMS:
        k = facts.n_items // 2
        keys.append(Key("topk", [k], f"there are {facts.n_items} items"))
        keys.append(Key("valid_metric", f"NDCG@{k}", "of topk"))
    targets: Dict[str, Any] = {}
    for name in feedback:
        found = facts.feedback[name]
        if found.above is None:
            continue
        condition = {name: f"[{found.above:.15g},inf)"}
        objective = f"{name}_feedback" if name in _TAKEN else name
        value = {"similarity": "cosine", "feedback": condition}
        why = f"{found.share:.0%} of the rows: " + ("1" if found.is_flag else "at least the median")
        keys.append(Key(f"objectives.{objective}", value, why))
        targets[objective] = {"feedback": condition}
    if targets:
        keys.append(Key("targets", targets, "what a multi-task ranker predicts"))
    return keys


def preset_text(name: str, keys: Sequence[Key]) -> str:
    """Return the file of a data set."""
    lines = [
        f"# Keys of the data set {name}: they hold for every model, below --config_files and",
        "# --key=value. Change what you know better; your changes stay.",
        "",
    ]
    width = max(len(_written(key)) for key in keys if len(_written(key)) < 40)
    lines += [f"{_written(key):{width}}  # {key.why}" for key in keys]
    conditions = [key.value["feedback"] for key in keys if key.name.startswith("objectives.")]
    if conditions:
        lines += [
            "",
            "# Every row is predicted. Only the positive ones, the others as context:",
            f"# positive_feedback: {_flow(conditions[0])}",
        ]
    text = "\n".join(lines) + "\n"
    return f"{_MARK}{_hash(text)}\n{text}"


def is_edited(path: Path) -> bool:
    """Tell whether a file of a data set is there that somebody else wrote or changed."""
    if not path.is_file():
        return False
    first, _, text = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    return first != f"{_MARK}{_hash(text)}"


def check_edited(path: Path, times: Times) -> None:
    """Refuse an edited file of a data set that reads its times otherwise than they are written.

    Raises
    ------
    InputError
        Naming the file.
    """
    unit = read_yaml(path).get("time_unit", "s")
    if unit != times.unit:
        raise InputError(
            f"{path}: somebody edited this file, which stays, but it says time_unit: {unit}, and "
            f"the times are now in {times.unit}; mend it, or remove it"
        )


def _written(key: Key) -> str:
    return f"{_flow(key.name)}: {_flow(key.value)}"


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
