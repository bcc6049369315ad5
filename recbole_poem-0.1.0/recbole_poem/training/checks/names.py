"""The name of a data set, from which folders and files are named."""

from typing import Any

from recbole_poem.core.errors import InputError


def check_dataset_name(name: Any) -> None:
    """Refuse what is no name of a folder.

    Raises
    ------
    InputError
        For anything but text, an empty name, ``.``, ``..``, and a name with a slash or backslash.
    """
    is_name = isinstance(name, str) and name.strip() == name and name not in ("", ".", "..")
    if not is_name or any(sign in name for sign in "/\\\0"):
        raise InputError(
            f"dataset: expected a name without '/', such as toy, not {name!r}; the folder that "
            "holds the data set's own folder is --data_path"
        )
