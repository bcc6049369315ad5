"""The keys that a data set brings along: ``<data_path>/<dataset>/<dataset>.yaml``.

They hold below whatever the user gives, and above the defaults and presets of the plugin. A
checkpoint keeps them, so that it means the same where the data lie elsewhere. The same file serves
every model: keys that one of them does not have say nothing to it.
"""

from pathlib import Path
from typing import Any, Collection, Dict

from recbole_poem.core.config_files import read_yaml
from recbole_poem.core.errors import InputError, nearest

#: what says where the file lies, or who reads it
_OUTER = {"model", "dataset", "data_path", "config_files", "resume", "nproc"}


def own_keys(data_path: Any, dataset: str, known: Collection[str]) -> Dict[str, Any]:
    """Read the keys that a data set brings along; none without a file.

    Parameters
    ----------
    data_path : str or Path
        The folder that holds that of the data set.
    dataset : str
    known : collection of str
        The keys of all models, without what stands behind a dot.

    Raises
    ------
    InputError
        Naming the file, and the key that no model has or that cannot stand there.
    """
    path = Path(data_path) / dataset / f"{dataset}.yaml"
    if dataset == "ml-100k" or not path.is_file():  # RecBole has its own ml-100k, wherever one asks
        return {}
    keys = read_yaml(path)
    for key in keys:
        head = str(key).partition(".")[0]
        if head in _OUTER:
            raise InputError(f"{path}: the key {key} cannot stand beside the data; take it out")
        if head not in known:
            raise InputError(f"{path}: there is no key '{key}'{nearest(head, known, n_listed=0)}")
    return keys
