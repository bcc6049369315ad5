"""Which presets choose a component that POEM's default does not have."""

import dataclasses
from typing import Any, Dict, Iterator, List, Mapping, Set, Tuple

from recbole_poem.core.blocks import block_of, laid
from recbole_poem.core.config_files import read_config_file
from recbole_poem.core.stage import Choice, Stage
from recbole_poem.training.properties import PROPERTIES

Name = Tuple[str, str]  # key of a stage, component


def presets_of(stages: Mapping[str, Stage]) -> Dict[Name, List[str]]:
    """Return the presets that choose each component, settings of other components among them.

    Parameters
    ----------
    stages : mapping
        Keys to stages.
    """
    default = read_config_file(str(PROPERTIES / "model" / "POEM.yaml"))
    usual = _chosen(laid(default), stages)
    found: Dict[Name, List[str]] = {}
    for path in sorted((PROPERTIES / "preset").glob("*.yaml")):
        keys = laid(default, read_config_file(str(path)))
        for name in _chosen(keys, stages) - usual:
            found.setdefault(name, []).append(path.stem)
    return found


def _chosen(keys: Mapping[str, Any], stages: Mapping[str, Stage]) -> Set[Name]:
    named = {str(key).partition(".")[0] for key in keys} & set(stages)
    blocks = {key: stages[key].choose(block_of(stages[key], keys), key) for key in named}
    return {name for key, choice in blocks.items() for name in _within(key, choice)}


def _within(key: str, chosen: Any) -> Iterator[Name]:
    """Yield a choice, or several by their names, and what their settings choose."""
    if isinstance(chosen, dict):
        for choice in chosen.values():
            yield from _within(key, choice)
    if isinstance(chosen, Choice):
        yield key, chosen.name
        for field in dataclasses.fields(chosen.settings):
            if "stage" in field.metadata:
                value = getattr(chosen.settings, field.name)
                yield from _within(field.metadata["stage"].key, value)
