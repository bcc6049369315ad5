"""Settings of a component: each with its default, its range and its meaning, in one line.

A component's file holds a frozen dataclass ``Settings`` whose fields are made by `setting`, or by
`setting_of` where the value is a component of another stage::

    @dataclass(frozen=True)
    class Settings:
        n_interests: int = setting(4, at_least(1), "vectors per user")
        position: Choice = setting_of(POSITIONS, "learned", "how places enter")

It may have two methods. ``check(where)`` refuses values that do not go together. ``idle()`` returns
the settings that do nothing beside the others, by their names, each with the reason.
"""

import dataclasses
from typing import Any, Callable, Dict, Mapping, NamedTuple, Type

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.number_types import is_number, is_whole_number


class Range(NamedTuple):
    """The values that a setting takes.

    Attributes
    ----------
    holds : callable
        Tells whether a value is one of them; never raises.
    words : str
        Describes them, behind "expected".
    """

    holds: Callable[[Any], bool]
    words: str


ANY = Range(lambda v: True, "anything")
FLAG = Range(lambda v: isinstance(v, bool), "True or False")
TEXT = Range(lambda v: isinstance(v, str) and bool(v), "a name")
#: a number
NUMBER = Range(is_number, "a number")
FROM_0 = Range(lambda v: is_number(v) and v >= 0, "a number from 0")
ABOVE_0 = Range(lambda v: is_number(v) and v > 0, "a number above 0")
SHARE = Range(lambda v: is_number(v) and 0 <= v <= 1, "a number from 0 to 1")
PROBABILITY = Range(lambda v: is_number(v) and 0 <= v < 1, "a number from 0, below 1")


def at_least(least: int) -> Range:
    """Return the whole numbers from `least`."""
    return Range(lambda v: is_whole_number(v) and v >= least, f"a whole number from {least}")


def one_of(*names: str) -> Range:
    """Return some words."""
    return Range(lambda v: isinstance(v, str) and v in names, "one of " + ", ".join(names))


def or_nothing(of: Range, meaning: str = "") -> Range:
    """Return the values of a range, and None, which YAML writes as ~."""
    words = f"{of.words}, or ~" + (f" {meaning}" if meaning else "")
    return Range(lambda v: v is None or of.holds(v), words)


def list_of(of: Range, words: str) -> Range:
    """Return the lists, not empty, all of whose members are in a range."""
    return Range(lambda v: isinstance(v, list) and bool(v) and all(map(of.holds, v)), words)


def different(of: Range) -> Range:
    """Return the lists of a range that hold nothing twice."""
    return Range(
        lambda v: of.holds(v) and all(v.index(each) == place for place, each in enumerate(v)),
        f"{of.words}, nothing twice",
    )


def mapping_of(*names: str) -> Range:
    """Return the mappings, not empty, of words to mappings that give each of `names` a number."""

    def is_row(value: Any) -> bool:
        same = isinstance(value, dict) and set(value) == set(names)
        return same and all(map(is_number, value.values()))

    return Range(
        lambda v: (
            isinstance(v, dict)
            and bool(v)
            and all(isinstance(name, str) and is_row(row) for name, row in v.items())
        ),
        f"names, each with {{{', '.join(f'{name}: NUMBER' for name in names)}}}",
    )


def setting(default: Any, within: Range, meaning: str) -> Any:
    """Declare a field of a ``Settings`` dataclass.

    Parameters
    ----------
    default : object
    within : Range
    meaning : str
        With the unit, in few words; the table of settings shows it.
    """
    metadata = {"range": within, "meaning": meaning}
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def setting_of(stage: Any, default: Any, meaning: str) -> Any:
    """Declare a field whose value is a component of a `recbole_poem.core.stage.Stage`.

    In the dataclass's instance it is a `recbole_poem.core.stage.Choice`, or what else the stage's
    `choose` returns.
    """
    metadata = {"stage": stage, "meaning": meaning}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def made(of: Type[Any], given: Mapping[str, Any], where: str) -> Any:
    """Make an instance of a ``Settings`` dataclass of what is given, and its defaults.

    Parameters
    ----------
    of : class
    given : mapping
        Names to values.
    where : str
        Where they stand, for the words of errors: ``history_encoder``.

    Raises
    ------
    InputError
        Naming the setting, for one that is unknown or out of its range; and what the dataclass's
        own ``check(where)`` raises, if it has that method.
    """
    fields = {field.name: field for field in dataclasses.fields(of)}
    for name in given:
        if name not in fields:
            raise InputError(f"{where}.{name}: there is no such setting{nearest(name, fields)}")
    values: Dict[str, Any] = {}
    for name, field in fields.items():
        value = given[name] if name in given else default_of(field)
        if "stage" in field.metadata:
            stage = field.metadata["stage"]
            if isinstance(value, dict) and stage.word not in value:  # changes the usual one
                value = {**stage.blocks(default_of(field), f"{where}.{name}"), **value}
            value = stage.choose(value, f"{where}.{name}")
        elif not field.metadata["range"].holds(value):
            words = field.metadata["range"].words
            raise InputError(f"{where}.{name}: expected {words}, not {value!r}")
        values[name] = value
    settings = of(**values)
    if hasattr(settings, "check"):
        settings.check(where)
    return settings


def default_of(field: "dataclasses.Field[Any]") -> Any:
    """Return the default of a field."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def defaults_of(of: Type[Any]) -> Dict[str, Any]:
    """Return the default of every field of a dataclass of settings."""
    return {field.name: default_of(field) for field in dataclasses.fields(of)}


def ranges_of(of: Type[Any]) -> Dict[str, Range]:
    """Return the range of every field of a dataclass of settings."""
    return {field.name: field.metadata["range"] for field in dataclasses.fields(of)}
