"""The tasks of a multi-task ranker, as the configuration names them.

A task is one question about an exposure, answered by the log and predicted by a tower of its own::

    tasks:
      click: {feedback: {is_click: "[1,1]"}}
      like: {feedback: {is_like: "[1,1]"}, positive_weight: 5}
      rare: {feedback: [{is_follow: "[1,1]"}, {is_comment: "[1,1]"}]}   # one of them
      watch_time: {kind: watch_time}       # seconds, of the column in the key watch_time

What a kind's settings mean stands in `recbole_poem.rankers.task_loss`; what a condition means, in
`recbole_poem.log.feedback`.
"""

from difflib import get_close_matches
from typing import Any, Dict, List, NamedTuple, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_number

#: kind -> the settings that it takes beside ``kind`` and ``weight``
KINDS: Dict[str, Tuple[str, ...]] = {
    "binary": ("feedback", "positive_weight"),
    "watch_time": ("huber_delta",),
}


class TaskSpecification(NamedTuple):
    """One task as it stands in the configuration.

    Attributes
    ----------
    name : str
    kind : str
        A key of `KINDS`.
    feedback : list of dict
        Conditions of which one makes a row positive; empty for a watch time.
    settings : dict
        Numbers of the loss, where they are given.
    """

    name: str
    kind: str
    feedback: List[Dict[str, Any]]
    settings: Dict[str, float]


def parse_tasks(config: Any) -> List[TaskSpecification]:
    """Read the key ``tasks``.

    Raises
    ------
    InputError
        For an empty mapping, an unknown kind or setting, and values of the wrong type.
    """
    if not isinstance(config, dict) or not config:
        raise InputError(
            "tasks: expected a mapping from a name to {feedback: {<column>: <interval>}} or "
            f"{{kind: watch_time}}, not {config!r}"
        )
    return [_parse(str(name), settings) for name, settings in config.items()]


def _parse(name: str, given: Any) -> TaskSpecification:
    key = f"tasks.{name}"
    if not isinstance(given, dict):
        raise InputError(f"{key}: expected a mapping, not {given!r}")
    kind = given.get("kind", "binary")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"{key}.kind: there is no '{kind}'; known are {', '.join(KINDS)}")
    known = ("kind", "weight", *KINDS[kind])
    for setting in given:
        if setting not in known:
            near = get_close_matches(str(setting), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
            raise InputError(f"{key}: unknown setting '{setting}'; {hint}")
    settings = {k: v for k, v in given.items() if k not in ("kind", "feedback")}
    for setting, value in settings.items():
        if not is_number(value):
            raise InputError(f"{key}.{setting}: expected a number, not {value!r}")
    return TaskSpecification(name, kind, _conditions(given, kind, key), settings)


def _conditions(given: Dict[str, Any], kind: str, key: str) -> List[Dict[str, Any]]:
    if kind != "binary":
        return []
    feedback = given.get("feedback")
    conditions: List[Any] = feedback if isinstance(feedback, list) else [feedback]
    if not conditions or not all(isinstance(each, dict) and each for each in conditions):
        raise InputError(
            f"{key}.feedback: expected a condition such as {{is_click: '[1,1]'}}, or a list of "
            f"them of which one has to hold, not {feedback!r}"
        )
    return conditions
