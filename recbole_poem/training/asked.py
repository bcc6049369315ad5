"""What a training is asked for, where that has to be known before its configuration is made."""

from typing import Any, Dict, Mapping, Optional, Sequence

from recbole_poem.core.blocks import laid
from recbole_poem.core.config_files import read_config_file
from recbole_poem.training import checkpoint
from recbole_poem.training.several_processes import PROCESS_KEYS


def asked_keys(
    files: Sequence[str], keys: Mapping[str, Any], dataset: Optional[str] = None
) -> Dict[str, Any]:
    """Return the keys that a training is given beside its files.

    They are `keys`, and of the files what says how many processes there are. With ``resume``, here
    or in a file, the keys of that checkpoint lie below all others.

    Parameters
    ----------
    files : sequence of str
        YAML files.
    keys : mapping
        They hold over the files.
    dataset : str, optional
        Whose youngest checkpoint ``resume: latest`` means; default: the key ``dataset``.

    Raises
    ------
    InputError
        If a file or the checkpoint cannot be read.
    """
    in_files = laid(*map(read_config_file, files))
    given = {**{key: in_files[key] for key in PROCESS_KEYS if key in in_files}, **keys}
    known = laid(in_files, keys)
    if known.get("resume") is None:
        return given
    named = known if dataset is None else {**known, "dataset": dataset}
    path = checkpoint.located(known["resume"], named)
    return {**laid(checkpoint.read(path)["keys"], in_files, given), "resume": path}
