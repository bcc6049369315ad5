"""A configuration that remembers what was read of it."""

import dataclasses
from typing import Any, Dict, Tuple

from recbole_poem.core.stage import Choice
from recbole_poem.training.config import Config

_MISSING = "missing"


class ConfigView:
    """A configuration as those see it who read it through this view; what they do is remembered.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._read: Dict[Tuple[str, str], str] = {}
        self._written: Dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        self._remember("item", key)
        return self._config[key]

    def __contains__(self, key: str) -> bool:
        self._remember("membership", key)
        return key in self._config

    def __getattr__(self, name: str) -> Any:
        if name in ("_config", "_read", "_written"):  # not yet set, while a copy is made
            raise AttributeError(name)
        self._remember("attribute", name)
        return getattr(self._config, name)

    def is_given(self, key: str) -> bool:
        """Tell whether the user gave a key; see `recbole_poem.training.config.Config.is_given`."""
        self._remember("given", key)
        return self._config.is_given(key)

    def component(self, path: str) -> Any:
        """Return what was chosen; see `Config.component`.

        Of a component its name is remembered, and each setting when it is looked at.
        """
        parts = path.split(".")
        for n in range(1, len(parts) + 1):  # what a setting belongs to decides before it
            self._remember("component", ".".join(parts[:n]))
        found = self._config.component(path)
        if _are_choices(found):
            return {name: self._seen(f"{path}.{name}", one) for name, one in found.items()}
        return self._seen(path, found) if isinstance(found, Choice) else found

    def _seen(self, path: str, choice: Choice) -> Choice:
        return choice._replace(settings=_seen_through(self, path, choice.settings))

    def __setitem__(self, key: str, value: Any) -> None:
        self._written[key] = value
        self._config[key] = value

    def fits(self, config: Config) -> bool:
        """Whether all that was read is the same in `config`, and as it was when it was read."""
        return all(
            _spelt(config, *what) == text
            and (what[1] in self._written or _spelt(self._config, *what) == text)
            for what, text in self._read.items()
        )

    def turn_to(self, config: Config) -> None:
        """Look at `config` from now on, and write into it what was written through the view."""
        self._config = config
        for key, value in self._written.items():
            config[key] = value

    def _remember(self, kind: str, key: str) -> None:
        if key not in self._written:
            self._read.setdefault((kind, key), _spelt(self._config, kind, key))


def _seen_through(view: ConfigView, path: str, settings: Any) -> Any:
    """Return settings that a view looks up, and remembers, whenever one of them is read."""
    of = type(settings)
    names = [field.name for field in dataclasses.fields(settings)]

    class Seen(of):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            if name in names:
                return view.component(f"{path}.{name}")
            return super().__getattribute__(name)

        def __reduce__(self) -> Tuple[Any, ...]:
            """Be no more than settings in another process."""
            return of, tuple(getattr(self, name) for name in names)

    return object.__new__(Seen)


def _are_choices(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(one, Choice) for one in found.values())


def _spelt(config: Config, kind: str, key: str) -> str:
    """Spell what a look at a key finds: 1, 1.0 and True differ, and so do two other objects."""
    if kind == "item":
        return repr(config[key])
    if kind == "membership":
        return repr(key in config)
    if kind == "given":
        return repr(config.is_given(key))
    if kind == "component":
        found = config.component(key)
        if _are_choices(found):
            return repr({name: one.name for name, one in found.items()})
        return found.name if isinstance(found, Choice) else repr(found)
    return repr(getattr(config, key, _MISSING))
