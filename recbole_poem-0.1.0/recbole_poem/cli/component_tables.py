"""The tables of the stages, their components, and the settings of these."""

import dataclasses
import inspect
from typing import Any, Dict, Iterator, List, Mapping, Type

from recbole_poem.cli.pages import Page
from recbole_poem.core.blocks import block_of, stacked
from recbole_poem.core.config_files import read_config_file
from recbole_poem.core.overall import OverallKeys
from recbole_poem.core.settings import default_of
from recbole_poem.core.stage import NONE, Form, Stage, source_of
from recbole_poem.training.properties import PROPERTIES
from recbole_poem.training.registry import MODELS

_ABSENT = "-"  # where a model names no component
#: what a reader of the tables has to know, in a paragraph
HOW_KEYS_ARE_WRITTEN = (
    "Each stage is a key, and its value is a component: `--history_encoder=transformer`. A dotted "
    "key changes one setting: `--history_encoder.temperature=0.1`. A value replaces what was "
    "there; a dotted key changes it. In a YAML file `history_encoder: {name: mixture, "
    "temperature: 0.1}` says both at once."
)


def defaults_of(model: str, stages: Mapping[str, Stage]) -> Dict[str, str]:
    """Return the names of the components that the file of a model chooses, by the keys of stages.

    Parameters
    ----------
    model : str
    stages : mapping
        Keys to stages.

    Returns
    -------
    dict
        Without the stages that the file does not name.
    """
    content = read_config_file(str(PROPERTIES / "model" / f"{model}.yaml"))
    keys = stacked({}, content, stages)
    named = {str(key).partition(".")[0] for key in keys}
    chosen = {key: block_of(stage, keys) for key, stage in stages.items() if key in named}
    return {key: _names_in(stages[key], block) for key, block in chosen.items()}


def _names_in(stage: Stage, block: Dict[str, Any]) -> str:
    blocks = [block] if stage.form is Form.ONE else list(block.values())
    names = [str(each.get(stage.word, stage.usual or _ABSENT)) for each in blocks]
    return ", ".join(dict.fromkeys(names)) or NONE


def add_stages(page: Page, stages: Mapping[str, Stage], defaults: Mapping[str, str]) -> None:
    """Add one row a stage: its key, what its components do, their names, the default."""
    page.heading(1, "Stages")
    rows = [
        [key, stage.meaning, ", ".join(_names(stage)), _default(stage, stages, defaults)]
        for key, stage in stages.items()
    ]
    page.table(["stage", "what a component does", "components", "default of POEM"], rows)


def add_names(page: Page, stages: Mapping[str, Stage], defaults: Mapping[str, str]) -> None:
    """Add one row a stage, without a heading: its key, the default, its components' names."""
    rows = [
        [key, _default(stage, stages, defaults), ", ".join(_names(stage))]
        for key, stage in stages.items()
    ]
    page.table(["stage", "default of POEM", "components"], rows)


def _default(stage: Stage, stages: Mapping[str, Stage], defaults: Mapping[str, str]) -> str:
    places = ", ".join(places_of(stage, stages))
    return defaults.get(stage.key, f"in {places}" if places else _ABSENT)


def places_of(stage: Stage, stages: Mapping[str, Stage]) -> List[str]:
    """Return the settings, as dotted keys, whose values are components of a stage."""
    found = {
        f"{_key_of(outer, name)}.{field.name}": None
        for outer in stages.values()
        for name, component in outer.components().items()
        for field in dataclasses.fields(component.Settings)
        if field.metadata.get("stage") is stage
    }
    return list(found)


def _key_of(stage: Stage, name: str) -> str:
    """Return the key below which the settings of a component stand."""
    return {
        Form.ONE: stage.key,
        Form.SEVERAL: f"{stage.key}.{name}",
        Form.NAMED: f"{stage.key}.YOURS",
    }[stage.form]


def add_components(
    page: Page, stage: Stage, stages: Mapping[str, Stage], defaults: Mapping[str, str]
) -> None:
    """Add all components of a stage, each with where it comes from and its settings."""
    page.heading(2, f"{stage.key}: {stage.meaning}")
    places = places_of(stage, stages)
    own = [stage.key] if stage.key in defaults or not places else []
    for key in own + places:
        page.paragraph(_usage(stage, key))
    if stage.key in defaults:
        page.paragraph(f"Default of POEM: {defaults[stage.key]}.")
    for name, component in stage.components().items():
        page.heading(3, name)
        summary = (inspect.getdoc(component) or "").partition("\n")[0]
        page.paragraph(f"{summary} ({source_of(component)})".lstrip())
        rows = list(_settings(component.Settings))
        if rows:
            page.table(["setting", "default", "range", "meaning"], rows)
        else:
            page.paragraph("It has no settings.")


def _usage(stage: Stage, key: str) -> str:
    if stage.form is Form.SEVERAL:
        return (
            f"Several: `--{key}=[NAME,NAME]`. A setting: `--{key}.NAME.SETTING=VALUE`. "
            f"`--{key}.NAME={NONE}` takes one away."
        )
    if stage.form is Form.NAMED:
        usual = f" Without `{stage.word}` it is {stage.usual}." if stage.usual else ""
        return (
            f"Several, by names of yours: `--{key}.YOURS={{{stage.word}: NAME}}`. A setting: "
            f"`--{key}.YOURS.SETTING=VALUE`.{usual}"
        )
    optional = f" `--{key}={NONE}` leaves it out." if stage.is_optional else ""
    return f"One: `--{key}=NAME`. A setting: `--{key}.SETTING=VALUE`.{optional}"


def add_keys(page: Page) -> None:
    """Add the flat keys of the plugin: those of every model, and those of its own models."""
    of_models = {model.keys: name for name, model in sorted(MODELS.items(), reverse=True)}
    for keys, of in {OverallKeys: "every model", **of_models}.items():
        page.heading(2, f"Keys of {of}")
        page.table(["key", "default", "range", "meaning"], list(_settings(keys)))


def _settings(settings: Type[Any]) -> Iterator[List[str]]:
    for field in dataclasses.fields(settings):
        inner = field.metadata.get("stage")
        words = field.metadata["range"].words if inner is None else _choices(inner)
        yield [field.name, _written(default_of(field)), words, field.metadata["meaning"]]


def _choices(stage: Stage) -> str:
    return f"components of {stage.key}: {', '.join(_names(stage))}"


def _names(stage: Stage) -> List[str]:
    return [*stage.components(), *([NONE] if stage.is_optional else [])]


def _written(value: Any) -> str:
    """Return a value as YAML and the command line take it."""
    return "~" if value is None else str(value)
