"""How the keys of stages are laid over each other: a value replaces, a dotted key changes.

``history_encoder: transformer`` replaces whatever a file below says of the history encoder.
``history_encoder.dropout: 0.1`` changes one setting and leaves the others; a block without the
component's name is a short form of such keys. ``history_encoder.name: comirec`` changes the
component, and leaves the settings that the new one has too. Of several, ``losses.margin: none``
takes one away, and ``losses.margin: True`` adds one as its defaults have it.
"""

import dataclasses
from functools import partial
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.settings import default_of
from recbole_poem.core.stage import NONE, Form, Stage
from recbole_poem.core.stages import STAGES


def laid(*levels: Mapping[str, Any]) -> Dict[str, Any]:
    """Lay mappings of keys over each other, the lowest first; see `stacked`."""
    keys: Dict[str, Any] = {}
    for level in levels:
        keys = stacked(keys, level, STAGES)
    return keys


def stacked(
    lower: Mapping[str, Any], upper: Mapping[str, Any], stages: Mapping[str, Stage]
) -> Dict[str, Any]:
    """Lay some keys over others.

    Parameters
    ----------
    lower, upper : mapping
        Keys to values, dotted keys among them.
    stages : mapping
        Keys of stages to the stages. All other keys of `upper` replace those of `lower`, and what
        `lower` says of their parts.

    Returns
    -------
    dict
    """
    _check_one_will(upper, stages)
    result = dict(lower)
    for key in sorted(upper, key=partial(_rank, stages)):
        head = key.partition(".")[0] if isinstance(key, str) else key
        if head not in stages:
            _replace(result, key, upper[key])
        elif key == head and _is_nameless(stages[head], upper[key]):
            for name, value in upper[key].items():
                _replace(result, f"{head}.{name}", value)
        else:
            _bring_back(result, key, stages[head])
            if key == f"{head}.{stages[head].word}":
                _leave_fitting(result, stages[head], upper[key])
            _replace(result, key, upper[key])
    return result


def _bring_back(keys: Dict[str, Any], key: str, stage: Stage) -> None:
    """Add a component that lower keys took away, where a key changes one of its settings."""
    member = ".".join(key.split(".")[:2])
    if stage.form is Form.SEVERAL and key != member and _takes_away(keys.get(member, True)):
        keys[member] = True


def _takes_away(value: Any) -> bool:
    return value is None or value is False or value == NONE


def _check_one_will(keys: Mapping[str, Any], stages: Mapping[str, Stage]) -> None:
    """Refuse a mapping that takes a component away and changes it."""
    for key in keys:
        parts = str(key).split(".")
        for n in range(1, len(parts)):
            above = ".".join(parts[:n])
            if parts[0] in stages and above in keys and _takes_away(keys[above]):
                raise InputError(f"{above}: it is taken away, and {key} changes it; leave one out")


def _rank(stages: Mapping[str, Stage], key: Any) -> Tuple[int, bool]:
    """Return when a key has its turn: behind its own block, and behind a component's name."""
    head, *parts = str(key).split(".")
    return len(parts), not (head in stages and parts[-1:] == [stages[head].word])


def _leave_fitting(keys: Dict[str, Any], stage: Stage, name: Any) -> None:
    """Forget the dotted keys of settings that the component called `name` does not have."""
    known = _settings_of(stage, name)
    for key in [key for key in keys if isinstance(key, str) and key.startswith(f"{stage.key}.")]:
        if known is not None and key.split(".")[1] not in known:
            del keys[key]


def _settings_of(stage: Stage, name: Any) -> Optional[Set[str]]:
    """Return the settings of a component, none of ``none``; None where there is no such thing."""
    if name is None or name == NONE:
        return set()
    component = stage.components().get(name) if isinstance(name, str) else None
    if component is None:
        return None
    return {field.name for field in dataclasses.fields(component.Settings)}


def _is_nameless(stage: Stage, value: Any) -> bool:
    is_block = isinstance(value, dict) and bool(value) and stage.form is Form.ONE
    return is_block and stage.word not in value


def _replace(keys: Dict[str, Any], key: str, value: Any) -> None:
    """Set a key, and forget what was said of its parts."""
    for other in [name for name in keys if isinstance(name, str) and name.startswith(f"{key}.")]:
        del keys[other]
    keys.pop(key, None)
    keys[key] = value


def block_of(stage: Stage, keys: Mapping[str, Any]) -> Any:
    """Return what `stacked` keys say of one stage, in the long form that its `choose` reads.

    Raises
    ------
    InputError
        For a dotted key that names no setting.
    """
    block: Any = stage.blocks(keys.get(stage.key), stage.key)
    changes = [key for key in keys if isinstance(key, str) and key.startswith(f"{stage.key}.")]
    for key in sorted(changes, key=partial(_rank, {stage.key: stage})):
        block = _changed(stage, block, key.split(".")[1:], keys[key], stage.key)
    return block


def _changed(stage: Stage, block: Any, path: List[str], value: Any, where: str) -> Any:
    """Return the block of a stage with the part at `path` changed."""
    name, rest = path[0], path[1:]
    if stage.form is not Form.ONE:
        return _with_member(stage, block, name, rest, value, where)
    if not rest:
        known = _settings_of(stage, value) if name == stage.word else None
        kept = block if known is None else {key: block[key] for key in block if key in known}
        return {**kept, name: value}
    component = stage.component(block.get(stage.word, stage.usual), where)
    fields = {field.name: field for field in dataclasses.fields(component.Settings)}
    if name not in fields:
        raise InputError(f"{where}.{name}: there is no such setting{nearest(name, fields)}")
    inner = fields[name].metadata.get("stage")
    if inner is None:
        words = fields[name].metadata["range"].words
        raise InputError(
            f"{where}.{name}: it has no settings of its own, such as '{rest[0]}'; give it whole, "
            f"as {words}"
        )
    below = inner.blocks(block.get(name, default_of(fields[name])), f"{where}.{name}")
    return {**block, name: _changed(inner, below, rest, value, f"{where}.{name}")}


def _with_member(
    stage: Stage, blocks: Dict[str, Any], name: str, rest: List[str], value: Any, where: str
) -> Dict[str, Any]:
    """Return the blocks of several components with one of them added, changed or taken away."""
    stage.check_name(name, where)
    is_new = stage.form is Form.NAMED and name not in blocks and rest[:1] != [stage.word]
    if is_new and (rest or _takes_away(value)):
        raise InputError(f"{where}.{name}: there is no '{name}'{nearest(name, blocks)}")
    if not rest and _takes_away(value):
        return {key: block for key, block in blocks.items() if key != name}
    if not rest:
        added = stage.blocks({name: {} if value is True else value}, where)
        return {**blocks, **added}
    one = blocks.get(name, {} if stage.form is Form.NAMED else {stage.word: name})
    return {**blocks, name: _changed(stage.of_one(), one, rest, value, f"{where}.{name}")}
