"""The objectives of the ranking stage, as the configuration names them.

An objective is one question a ranker answers about a candidate: will it be clicked, liked, watched
next? The configuration gives each a name, the item-to-item similarity that answers it, and the
feedback that a row must have to be evidence for it::

    objectives:
      liked: {similarity: cosine, feedback: {rating: "[4,inf)"}}
      next: {similarity: transition, steps: 1}
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Callable, Dict, List, Optional, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.retrieval.similarity import SIMILARITIES

_SHARED: Dict[str, Any] = {"feedback": None, "history": 10, "decay": 0.9}


@dataclass(frozen=True)
class Objective:
    """One objective of the item-to-item upstream.

    Attributes
    ----------
    name : str
    similarity : str
        A name of `recbole_poem.retrieval.similarity.SIMILARITIES`.
    counting, weighing : dict
        What its two functions take beside the log and the counts.
    feedback : dict or None
        Condition that a row must meet to be evidence; see `recbole_poem.log.feedback`.
    history : int
        h, the number of the user's latest rows that are looked at.
    decay : float in (0, 1]
        Weight of a row relative to the next later one.
    """

    name: str
    similarity: str
    counting: Dict[str, Any]
    weighing: Dict[str, Any]
    feedback: Optional[Dict[str, Any]]
    history: int
    decay: float


def parse_objectives(config: Any) -> List[Objective]:
    """Read the key ``objectives``.

    Raises
    ------
    InputError
        For an empty mapping, an unknown similarity or parameter, and values out of range.
    """
    if not isinstance(config, dict) or not config:
        raise InputError(
            "objectives: expected a mapping from a name to {similarity: ..., feedback: ...}, "
            f"not {config!r}"
        )
    return [
        _parse(str(name), {} if settings is None else settings) for name, settings in config.items()
    ]


def _parse(name: str, settings: Dict[str, Any]) -> Objective:
    key = f"objectives.{name}"
    if not isinstance(settings, dict):
        raise InputError(f"{key}: expected a mapping, not {settings!r}")
    similarity = settings.get("similarity", "cosine")
    if not isinstance(similarity, str) or similarity not in SIMILARITIES:
        raise InputError(
            f"{key}.similarity: there is no similarity '{similarity}'; "
            f"known are {', '.join(sorted(SIMILARITIES))}"
        )
    known = {**_SHARED, **SIMILARITIES[similarity].counting, **SIMILARITIES[similarity].weighing}
    for given in settings:
        if given not in known and given != "similarity":
            near = get_close_matches(str(given), known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"
            raise InputError(f"{key}: unknown setting '{given}'{hint}")
    values = {**known, **{k: v for k, v in settings.items() if k != "similarity"}}
    for setting, (holds, words) in _RANGES.items():
        if setting in values and not holds(values[setting]):
            raise InputError(f"{key}.{setting}: expected {words}, not {values[setting]!r}")
    return Objective(
        name=name,
        similarity=similarity,
        counting={name_: values[name_] for name_ in SIMILARITIES[similarity].counting},
        weighing={name_: values[name_] for name_ in SIMILARITIES[similarity].weighing},
        feedback=values["feedback"],
        history=values["history"],
        decay=float(values["decay"]),
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


#: setting -> (whether a value is in range, the range in words)
_RANGES: Dict[str, Tuple[Callable[[Any], bool], str]] = {
    "history": (_is_count, "a whole number from 1"),
    "decay": (lambda v: _is_number(v) and 0 < v <= 1, "a number in (0, 1]"),
    "ridge": (lambda v: _is_number(v) and 0 < v < float("inf"), "a number above 0"),
    "shrinkage": (lambda v: _is_number(v) and 0 <= v < float("inf"), "a number from 0"),
    "steps": (_is_count, "a whole number from 1"),
    "discount": (lambda v: _is_number(v) and 0 < v <= 1, "a number in (0, 1]"),
    "within": (lambda v: v is None or (_is_number(v) and v >= 0), "a number from 0, or ~ for all"),
}
