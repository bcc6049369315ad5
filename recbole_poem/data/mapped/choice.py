"""Whether a data set is read from its flat store: the key ``flat_store``."""

from logging import getLogger
from pathlib import Path
from typing import Any, List, Optional, Type

from recbole.data.dataset import Dataset

from recbole_poem.core.atomic import Format
from recbole_poem.core.errors import InputError
from recbole_poem.data.dataset import FlatSequentialDataset
from recbole_poem.data.mapped.dataset import StoredLogMixin
from recbole_poem.log.flat import FlatStore, folder_of

#: keys whose steps need a frame of the log
_NEED_A_FRAME = (
    "threshold", "numerical_features", "discretization", "preload_weight", "additional_feat_suffix",
    "alias_of_user_id", "alias_of_item_id", "benchmark_filename",
)  # fmt: skip
#: files up to here are compared with their checksums whenever a store is used
_COMPARED_BYTES = 1 << 24


def over_store(config: Any, dataset: Type[Dataset]) -> Type[Dataset]:
    """Return a class of data sets that reads the flat store, where there is one that fits.

    Parameters
    ----------
    config : Config
        ``flat_store``: with ``auto`` a store is used that is there and fits, and one that does not
        fit is told; ``always`` refuses to do without; ``never`` reads the atomic file.
    dataset : type
        The class that reads the atomic file.

    Raises
    ------
    InputError
        If there has to be a store, and there is none that fits.
    """
    asked, folder = config["flat_store"], folder_of(config["data_path"], config["dataset"])
    if asked == "never":
        return dataset
    reason = _reason(config, dataset, folder)
    if reason is None:
        getLogger().info(f"the log is mapped from {folder}")
        return type(dataset.__name__, (dataset, StoredLogMixin), {})
    if asked == "always":
        raise InputError(f"flat_store: always, but {folder} cannot be used: {reason}")
    if folder.is_dir():
        getLogger().warning(f"flat_store: {folder} is not used: {reason}; the .inter file is read")
    return dataset


def _reason(config: Any, dataset: Type[Dataset], folder: Path) -> Optional[str]:
    """Say why the log is not read from a store; None if it is."""
    if not folder.is_dir():
        return "it is not there; recbole-poem convert flat makes it"
    if not issubclass(dataset, FlatSequentialDataset):
        return f"{config['model']} needs its rows in memory (or lazy_sequences: True)"
    for key in _NEED_A_FRAME:
        if config[key]:
            return f"{key} needs a frame of the log"
    try:
        store = FlatStore(folder)
        store.verify(_COMPARED_BYTES)
    except InputError as error:
        return str(error)
    path = Path(config["data_path"]) / f"{config['dataset']}.inter"
    header, form = store.header, Format.of(config)
    fields = tuple(config[f"{name}_FIELD"] for name in ("USER_ID", "ITEM_ID", "TIME"))
    if fields != header.fields:
        return f"it was made for the columns {', '.join(header.fields)}, not {', '.join(fields)}"
    if (form.separator, form.seq_separator, form.encoding) != header.form:
        return "it was made with another field_separator, seq_separator or encoding"
    wanted = _loaded(config, [*store.names, *header.left_out])
    lists = [name for name in wanted if name in header.left_out]
    if lists:
        return f"it has no column of sequences such as {lists[0]}; leave it out with unload_col"
    if config["LABEL_FIELD"] in wanted:
        return f"the labels of column {config['LABEL_FIELD']} are read from a frame"
    if not path.is_file():
        return f"there is no file {path}"
    unfit = store.unfit(path)
    return None if unfit is None else f"{unfit}; recbole-poem convert flat makes it anew"


def _loaded(config: Any, names: List[str]) -> List[str]:
    """List the columns among some that ``load_col`` and ``unload_col`` load."""
    load = (config["load_col"] or {"inter": "*"}).get("inter", [])
    unload = (config["unload_col"] or {}).get("inter", [])
    return [name for name in names if (load == "*" or name in load) and name not in unload]
