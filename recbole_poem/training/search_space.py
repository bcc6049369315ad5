"""Search spaces: RecBole's files of hyper-parameters, and configurations drawn from them.

A file has one line ``key kind values`` for each tuned key, as RecBole's `HyperTuning` reads it:
``choice [1,2,3]``, ``uniform low,high``, ``quniform low,high,step``, ``loguniform low,high`` (the
bounds of the latter are natural logarithms). The files of the plugin lie in ``properties/tune/``.
"""

import json
import tempfile
import warnings
from pathlib import Path
from typing import Any, Dict, List, Optional, Set

import numpy as np
from recbole.trainer import HyperTuning

from recbole_poem.core.errors import InputError
from recbole_poem.training.properties import PROPERTIES

#: key -> the node of hyperopt that draws it
Space = Dict[str, Any]

#: Draws in a row without a new configuration after which a space counts as exhausted.
_REPEATS = 1000


def space_file(model: str, reader: Optional[str] = None) -> Path:
    """Return the plugin's file of `model`; ``default.hyper`` where the model has none.

    Parameters
    ----------
    model : str
    reader : str, optional
        Name of its ranking reader, or ``none``; one that has other settings than the default's has
        a file of its own.
    """
    names = (f"{model}-{reader}", model, "default")
    files = (PROPERTIES / "tune" / f"{name}.hyper" for name in names)
    return next(file for file in files if file.is_file())


def read_space(path: str) -> Space:
    """Read a file of hyper-parameters by RecBole's own reader.

    RecBole evaluates the values of ``choice`` as Python code: read no file that you would not run.

    Raises
    ------
    InputError
        Naming file and line, where the file cannot be read or RecBole would skip or misread it.
    """
    require_hyperopt()
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"params_file: {path} cannot be read: {reason}") from error
    space: Space = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"params_file: {path}, line {number}"
        key, node = _read_line(line, where)
        if key in space:
            raise InputError(f"{where}: '{key}' stands on an earlier line already")
        space[key] = node
    if not space:
        raise InputError(f"params_file: {path} names no key")
    return space


def sample(space: Space, number: int, seed: int) -> List[Dict[str, Any]]:
    """Draw `number` distinct configurations at random.

    Parameters
    ----------
    space : dict
        What `read_space` returns.
    number : int
    seed : int
        The same seed draws the same configurations; fewer of them are the first of more.

    Raises
    ------
    InputError
        If the space has fewer configurations.
    """
    from hyperopt.pyll.stochastic import sample as draw

    rng = np.random.RandomState(seed)
    found: Dict[str, Dict[str, Any]] = {}
    repeats = 0
    while len(found) < number:
        params = plain_values(space, draw(space, rng=rng))
        repeats = repeats + 1 if canonical(params) in found else 0
        found.setdefault(canonical(params), params)
        if repeats > _REPEATS:
            raise InputError(
                f"the search space of {', '.join(space)} has {len(found)} configurations, and "
                f"{number} are asked for; ask for fewer"
            )
    return list(found.values())


def plain_values(space: Space, params: Dict[str, Any]) -> Dict[str, Any]:
    """Return drawn values as the types that a configuration file would give them.

    hyperopt draws numpy's floats, floats for whole steps of ``quniform``, and tuples for lists.
    """
    whole = _whole_steps(space)
    return {
        key: round(float(params[key])) if key in whole else _plain(params[key]) for key in space
    }


def canonical(params: Dict[str, Any]) -> str:
    """Spell a configuration in one way, so that equal ones are equal strings."""
    return json.dumps(params, sort_keys=True)


def check_storable(keys: Dict[str, Any], where: str = "") -> None:
    """Refuse values that JSON cannot hold, such as what YAML takes for a date.

    Raises
    ------
    InputError
        For the first of them, with ``where`` before its key.
    """
    for key, value in keys.items():
        try:
            json.dumps({key: value})
        except TypeError as error:
            raise InputError(
                f"{where}{key}: {value!r} is not made of text, numbers, lists and mappings alone; "
                "put a date in quotes"
            ) from error


def only_choices(space: Space) -> bool:
    """Whether every key is a choice, so that the configurations can be counted."""
    return all(node.name == "switch" for node in space.values())


def describe(space: Space) -> Dict[str, str]:
    """Return kind and values of each key in one spelling, to tell spaces apart."""
    from hyperopt.pyll.base import dfs, rec_eval

    words = {}
    for key, node in space.items():
        if node.name == "switch":
            words[key] = f"choice {[_plain(rec_eval(value)) for value in node.pos_args[1:]]}"
        else:
            (drawn,) = (part for part in dfs(node) if part.name.endswith("uniform"))
            words[key] = f"{drawn.name} {','.join(str(bound.obj) for bound in drawn.pos_args)}"
    return words


def _read_line(line: str, where: str) -> "tuple[str, Any]":
    from hyperopt.pyll.stochastic import sample as draw

    if len(line.strip().split(" ")) < 3:  # RecBole skips such a line and says nothing
        raise InputError(f"{where}: expected 'key kind values' with blanks between, not '{line}'")
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "line.hyper"
        alone.write_text(line, encoding="utf-8")
        try:
            ((key, node),) = HyperTuning._build_space_from_file(str(alone)).items()
            if node.name == "switch" and len(node.pos_args) == 1:
                raise ValueError("there is no value to choose")
            json.dumps(plain_values({key: node}, draw({key: node}, rng=np.random.RandomState(0))))
        # the line is evaluated as code, which may fail in any way
        except Exception as error:
            words = " ".join(str(error).split())
            raise InputError(f"{where}: '{line.strip()}' cannot be read: {words}") from error
    return key, node


def _whole_steps(space: Space) -> Set[str]:
    """Return the keys whose ``quniform`` steps over whole numbers."""
    from hyperopt.pyll.base import dfs

    return {
        key
        for key, node in space.items()
        for part in dfs(node)
        if part.name == "quniform" and float(part.pos_args[2].obj).is_integer()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value


def require_hyperopt() -> None:
    """Import hyperopt, or say how to install it.

    Some versions of it read their own version by setuptools' ``pkg_resources``, and setuptools
    warns of that module's end, which nobody here can mend.

    Raises
    ------
    InputError
        If it is not installed.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        try:
            import hyperopt  # noqa: F401
        except ImportError as error:
            raise InputError(
                "hyperopt: tuning needs this package; install it with "
                "pip install 'recbole_poem[tune]'"
            ) from error
