"""The categories of items, from the column ``category_field`` of the ``.item`` file."""

from logging import getLogger
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset

from recbole_poem.cache.ranking_file import ids_of
from recbole_poem.core.atomic import AtomicFile, Format
from recbole_poem.core.atomic.alike_tokens import warn_of_alike_tokens
from recbole_poem.core.errors import InputError


def read_categories(config: Any, dataset: Dataset) -> Optional[np.ndarray]:
    """Return which categories each item has: (n_items, n_categories) bool, or None without a key.

    A column of type ``token`` holds one category of each item, one of type ``token_seq`` several.

    Raises
    ------
    InputError
        If the file or the column is missing, the column holds numbers, or no item has a category.
    """
    field = config["category_field"]
    if field is None:
        return None
    path = Path(config["data_path"]) / f"{config['dataset']}.item"
    if not path.is_file():
        raise InputError(f"category_field: there is no file {path}, which has the categories")
    file = AtomicFile(path, Format.of(config))
    types = dict(file.columns)
    for name in (config["ITEM_ID_FIELD"], field):
        if name not in types:
            raise InputError(
                f"category_field: {path} has no column '{name}' (it has {', '.join(types)})"
            )
    if not types[field].startswith("token"):
        raise InputError(
            f"category_field: {path} declares '{field}' as {types[field]}; write {field}:token_seq"
        )
    frame = file.read([config["ITEM_ID_FIELD"], field]).frame
    ids = dataset.field2token_id[dataset.iid_field]
    token = frame[config["ITEM_ID_FIELD"]]
    warn_of_alike_tokens(f"{path.name}, {dataset.iid_field}", [token.astype(object), list(ids)])
    repeats = (token.duplicated() & token.notna()).to_numpy()
    if repeats.any():
        getLogger().warning(
            f"category_field: {repeats.sum():,} rows of {path.name} repeat an earlier item, whose "
            "categories stand"
        )
    item = ids_of(token, ids)
    is_read = ~repeats & (item > 0)
    names = frame[field].astype(object)[is_read]
    pairs = pd.DataFrame({"item": item[is_read], "name": names}).explode("name").dropna()
    codes, known = pd.factorize(pairs["name"], sort=True)
    category = np.zeros((dataset.item_num, len(known)), dtype=bool)
    category[pairs["item"], codes] = True
    n_without = int((~category[1:].any(axis=1)).sum())
    if n_without == dataset.item_num - 1:
        raise InputError(f"category_field: {path} has no category of any item of the log")
    if n_without:
        getLogger().info(
            f"category_field: {n_without:,} of {dataset.item_num - 1:,} items have no category"
        )
    return category
