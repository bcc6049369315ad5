"""Dotted keys into mappings that are no stages: ``eval_args.mode`` changes a part of RecBole's."""

from typing import Any, Dict, List, Mapping

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import STAGES
from recbole_poem.training.checks.kinds import MAPPINGS

#: the plugin's own keys that take a mapping
_OWN = ("watch_time", "expected_counts")


def with_parts(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the given keys with the dotted ones in the mappings that they change.

    Parameters
    ----------
    given : mapping
        Keys that the user gave. Those of stages, dotted or not, stay as they are.
    defaults : mapping
        What a mapping holds that was not given.

    Raises
    ------
    InputError
        For a part of what is no mapping.
    """
    keys = dict(given)
    for key in sorted(given, key=lambda one: str(one).count(".")):
        head, *parts = str(key).split(".")
        if not parts or head in STAGES or not _is_known(head, given, defaults):
            continue
        whole = keys[head] if head in keys else defaults.get(head)
        if not (head in (*MAPPINGS, *_OWN) or isinstance(whole, dict)):
            raise InputError(f"{key}: {head} has no parts; write {head} without a dot")
        keys[head] = _changed(whole, parts, keys.pop(key), str(key))
    return keys


def _is_known(head: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> bool:
    return head in given or head in defaults or head in MAPPINGS


def _changed(whole: Any, parts: List[str], value: Any, key: str) -> Dict[Any, Any]:
    """Return a mapping with the part at some place replaced; nothing is an empty mapping."""
    if whole is not None and not isinstance(whole, dict):
        above = key.split(".")[: -len(parts)]
        raise InputError(
            f"{key}: {'.'.join(above)} is {whole!r} and no mapping; write {'.'.join(above)} whole"
        )
    name, *rest = parts
    below = dict(whole or {})
    return {**below, name: _changed(below.get(name), rest, value, key) if rest else value}
