"""A stage: the place of the cascade where components plug in, and the key that chooses them.

A component is a class in a file of the stage's room, or of a package outside that names its module
as an entry point of the group ``recbole_poem.components``. To import the file registers it.
"""

import dataclasses
import importlib
import importlib.metadata
import pkgutil
from enum import Enum
from functools import lru_cache
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Type, TypeVar

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.settings import made

#: entry points of this group are modules that register components
GROUP = "recbole_poem.components"
#: the word that leaves an optional stage, or one of several components, out
NONE = "none"
#: components of a stage up to which an error lists them
_N_LISTED = 20

Component = TypeVar("Component", bound=Type[Any])


class Form(Enum):
    """How many components a key takes: one, several by their names, or several that users name."""

    ONE = "one"
    SEVERAL = "several"
    NAMED = "named"


class Choice(NamedTuple):
    """A component that was chosen, with its settings.

    Attributes
    ----------
    name : str
    component : class
    settings : instance of ``component.Settings``
    """

    name: str
    component: Type[Any]
    settings: Any

    def make(self, *arguments: Any, **named: Any) -> Any:
        """Make the component; its settings are the first argument."""
        return self.component(self.settings, *arguments, **named)


class Stage:
    """A registry of components, and the reader of its key.

    Parameters
    ----------
    key : str
        The key of the configuration, or the setting of another component.
    room : str
        Folder of the package whose modules hold the components, such as ``encoders.history``.
    meaning : str
        What a component of it does.
    form : Form
    is_optional : bool
        Whether ``none`` chooses none.
    word : str
        Under which a block has the component's name.
    usual : str, optional
        The component of a block without that word.
    """

    def __init__(
        self,
        key: str,
        room: str,
        meaning: str,
        form: Form = Form.ONE,
        is_optional: bool = False,
        word: str = "name",
        usual: Optional[str] = None,
    ) -> None:
        self.key, self.room, self.meaning = key, room, meaning
        self.form, self.is_optional, self.word, self.usual = form, is_optional, word, usual
        self._components: Dict[str, Type[Any]] = {}

    def of_one(self) -> "Stage":
        """Return the stage that one of several components belongs to, with the same components."""
        single = Stage(self.key, self.room, self.meaning, word=self.word, usual=self.usual)
        single._components = self._components
        return single

    def register(self, name: str) -> Callable[[Component], Component]:
        """Return the decorator that makes a class the component called `name`."""

        def decorate(component: Component) -> Component:
            other = self._components.get(name)
            if other is not None and other.__module__ != component.__module__:
                raise InputError(
                    f"{self.key}: {component.__module__} and {other.__module__} both register "
                    f"'{name}'; remove one of the two packages"
                )
            self._components[name] = component
            return component

        return decorate

    def components(self) -> Mapping[str, Type[Any]]:
        """Return all components by their names; the first call imports them."""
        _import_room(self.room)
        _import_outside()
        return dict(sorted(self._components.items()))

    def component(self, name: Any, where: str) -> Type[Any]:
        """Return the component called `name`.

        Raises
        ------
        InputError
            If there is none; names the nearest one.
        """
        known = self.components()
        if not isinstance(name, str) or name not in known:
            listed = nearest(name, known, n_listed=_N_LISTED)
            raise InputError(f"{where}: there is no '{name}'{listed}")
        return known[name]

    # -- reading ---------------------------------------------------------------------------------

    def choose(self, value: Any, where: str) -> Any:
        """Read the value of the key.

        Parameters
        ----------
        value : str, dict, list or None
            As a file or a command line gives it.
        where : str
            Where it stands, for the words of errors.

        Returns
        -------
        Choice or None, or for several a dict of names to `Choice`

        Raises
        ------
        InputError
            For an unknown component or setting, and a value out of its range.
        """
        blocks = self.blocks(value, where)
        if self.form is Form.ONE:
            return self._choice(blocks, where)
        return {name: self._choice(block, f"{where}.{name}") for name, block in blocks.items()}

    def _choice(self, block: Dict[str, Any], where: str) -> Optional[Choice]:
        name = block.get(self.word, self.usual)
        if name == NONE and self.is_optional:
            for setting in sorted(block.keys() - {self.word}):
                raise InputError(f"{where}.{setting}: {where} is none, and has no settings")
            return None
        if name is None or (name == NONE and len(block) > 1):
            raise InputError(f"{where}.{self.word}: the name of a component is missing")
        component = self.component(name, where)
        given = {key: value for key, value in block.items() if key != self.word}
        return Choice(name, component, made(component.Settings, given, where))

    def blocks(self, value: Any, where: str) -> Dict[str, Any]:
        """Return a value in its long form: a block, or for several a dict of names to blocks.

        Raises
        ------
        InputError
            For what is no name, block, list or mapping.
        """
        if self.form is Form.ONE:
            return self._block(value, where)
        if value is None or value == NONE:
            return {}
        if self.form is Form.SEVERAL:
            if isinstance(value, str) or (isinstance(value, dict) and self.word in value):
                value = [value]
            if isinstance(value, (list, tuple)):
                listed = [self._block(each, where) for each in value]
                names = [each.get(self.word) for each in listed]
                for name in names:
                    if names.count(name) > 1:
                        raise InputError(f"{where}: '{name}' is there twice; leave one out")
                value = dict(zip(names, listed))
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise InputError(f"{where}: expected {self.words}, not {value!r}")
        for name in value:
            self.check_name(name, where)
        kept = {name: block for name, block in value.items() if block not in (NONE, False)}
        return {name: self._member(name, block, where) for name, block in kept.items()}

    def check_name(self, name: str, where: str) -> None:
        """Refuse what cannot be the name of one of several: no component, or no name at all.

        Raises
        ------
        InputError
            Naming it.
        """
        if self.form is Form.SEVERAL:
            self.component(name, f"{where}.{name}")
        elif not name or "." in name:
            raise InputError(f"{where}: '{name}' is no name; take one without dots")

    @property
    def words(self) -> str:
        """What a value looks like."""
        if self.form is Form.ONE:
            return f"the name of a component or a block {{{self.word}: ...}}"
        if self.form is Form.SEVERAL:
            return "names of components, or a mapping from them to their settings"
        return f"a mapping from names of your own to blocks {{{self.word}: ...}} ({self.meaning})"

    def _member(self, name: str, value: Any, where: str) -> Dict[str, Any]:
        if self.form is Form.NAMED:
            return self._block({} if value is None else value, f"{where}.{name}")
        settings = {} if value is None else value
        if not isinstance(settings, dict):
            raise InputError(f"{where}.{name}: expected a mapping of settings, not {value!r}")
        if settings.get(self.word, name) != name:
            raise InputError(
                f"{where}.{name}.{self.word}: '{settings[self.word]}' is another component; write "
                f"it as {where}.{settings[self.word]}"
            )
        return {self.word: name, **settings}

    def _block(self, value: Any, where: str) -> Dict[str, Any]:
        if value is None:
            value = NONE
        if isinstance(value, str):
            return {self.word: value}
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise InputError(f"{where}: expected {self.words}, not {value!r}")
        return dict(value)


def written(stage: Stage, chosen: Any) -> Any:
    """Return a choice as a file would give it, every setting named; plain values alone.

    What was chosen can be printed, hashed and compared in this form.
    """
    if stage.form is Form.SEVERAL:
        return {name: _settings_of(choice) for name, choice in chosen.items()}
    if stage.form is Form.NAMED:
        return {name: {stage.word: one.name, **_settings_of(one)} for name, one in chosen.items()}
    return NONE if chosen is None else {stage.word: chosen.name, **_settings_of(chosen)}


def _settings_of(choice: Choice) -> Dict[str, Any]:
    values = {}
    for field in dataclasses.fields(choice.settings):
        value = getattr(choice.settings, field.name)
        inner = field.metadata.get("stage")
        values[field.name] = value if inner is None else written(inner, value)
    return values


@lru_cache(maxsize=None)
def _import_room(room: str) -> None:
    package = importlib.import_module(f"recbole_poem.{room}")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


@lru_cache(maxsize=None)
def _import_outside() -> None:
    for point in outside():
        try:
            point.load()
        except Exception as error:  # whatever a foreign module raises, its package has to be named
            words = str(error) or type(error).__name__
            raise InputError(
                f"the package '{_package(point)}' registers the components of {point.value}, which "
                f"cannot be imported; repair or uninstall it: {words}"
            ) from error


def outside() -> List["importlib.metadata.EntryPoint"]:
    """List the entry points of installed packages that register components."""
    return sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name)


def source_of(component: Type[Any]) -> str:
    """Return where a component comes from: its module, and the package of one from outside."""
    module = component.__module__
    for point in outside():
        if module.partition(".")[0] == point.module.partition(".")[0]:
            return f"{module}, package {_package(point)}"
    return module


def _package(point: "importlib.metadata.EntryPoint") -> str:
    return point.name if point.dist is None else f"{point.dist.name} {point.dist.version}"
