"""What RecBole's own models and loaders refuse, as one sentence.

Theirs are hundreds of keys, whose mistakes show deep inside their code. An exception that comes out
of RecBole's code, from a model of RecBole's, is about a key or a column; one that comes out of the
plugin's code is a defect, and passes as it is.
"""

from contextlib import contextmanager
from logging import getLogger
from pathlib import Path
from pickle import UnpicklingError
from traceback import extract_tb, walk_tb
from typing import Any, Iterator

import recbole
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.overall import RECBOLE_KEYS, OverallKeys
from recbole_poem.core.settings import ranges_of

_RECBOLE = Path(recbole.__file__).parent
_PLUGIN = Path(__file__).parents[1]

#: what wrong keys and missing columns end in
_REFUSALS = (
    AssertionError,
    AttributeError,
    FileNotFoundError,
    LookupError,
    RuntimeError,
    TypeError,
    UnpicklingError,
    ValueError,
    ZeroDivisionError,
)


@contextmanager
def refusals_named(config: Any, what: str) -> Iterator[None]:
    """Within it, what RecBole's code refuses becomes an `InputError`.

    Parameters
    ----------
    config : Config
        Whose model it is; models of other packages keep their exceptions.
    what : str
        What is being done, to follow the model's name: ``cannot be made``.

    Raises
    ------
    InputError
        In RecBole's words, with the keys that were given for the model.
    """
    try:
        yield
    except (InputError, torch.cuda.OutOfMemoryError):
        raise
    except _REFUSALS as error:
        if not _is_of_recbole(config.model_class) or not comes_from_recbole(error):
            raise
        getLogger().debug(f"{config['model']} {what}", exc_info=error)
        raise InputError(f"{config['model']} {what}: {_words(config, error)}") from error


def _is_of_recbole(model: type) -> bool:
    return model.__module__.split(".")[0] == "recbole"


def comes_from_recbole(error: BaseException) -> bool:
    """Tell whether an exception comes out of RecBole's code, and not out of the plugin's."""
    for frame, _ in reversed(list(walk_tb(error.__traceback__))):
        parents = Path(frame.f_code.co_filename).parents
        if _PLUGIN in parents or _RECBOLE in parents:
            return _RECBOLE in parents
    return False


def _words(config: Any, error: BaseException) -> str:
    """Return what is wrong, and the keys that may be the cause."""
    if isinstance(error, KeyError) and error.args:
        words = _unknown(config, error.args[0])
    elif isinstance(error, UnpicklingError):
        words = "the file that it is to start from is no checkpoint of torch"
    else:
        words = " ".join(str(error).split()) or f"it asks for: {_line(error)}"
    ruled = {**RECBOLE_KEYS, **ranges_of(OverallKeys)}
    elsewhere = set(ruled).union(*config.parameters.values())
    given = {
        key: value
        for key, value in config.external_config_dict.items()
        if key in config.internal_config_dict and key not in elsewhere
    }
    listed = ", ".join(f"{key}: {value}" for key, value in given.items())
    return f"{words} (keys given to it: {listed})" if listed else words


def _unknown(config: Any, name: Any) -> str:
    """Say what a name means that is looked for in vain: a column, or the value of a key."""
    prefix, label = config["NEG_PREFIX"], config["LABEL_FIELD"]
    if name == label:
        return "it reads labels; name a column to make them from in threshold, such as {rating: 4}"
    if str(name).startswith(prefix):
        return (
            f"it reads '{name}'; write train_neg_sample_args: {{distribution: uniform, "
            "sample_num: 1}"
        )
    for key, value in config.external_config_dict.items():
        if isinstance(value, str) and value == name:
            return f"{key}: it does not know '{name}'"
    return f"it reads the column '{name}', which is not loaded; name it in load_col"


def _line(error: BaseException) -> str:
    """Return the line of code that an exception without words comes from."""
    return str(extract_tb(error.__traceback__)[-1].line)
