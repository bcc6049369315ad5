"""The categories of items, from the column ``category_field`` of the ``.item`` file."""

from pathlib import Path
from typing import Any, Optional

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset

from recbole_poem.errors import InputError


def read_categories(config: Any, dataset: Dataset) -> Optional[np.ndarray]:
    """Return which categories each item has: (n_items, n_categories) bool, or None without a key.

    Raises
    ------
    InputError
        If the file or the column is missing.
    """
    field = config["category_field"]
    if field is None:
        return None
    path = Path(config["data_path"]) / f"{config['dataset']}.item"
    try:
        table = pd.read_csv(path, sep=config["field_separator"], dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"category_field: {path} cannot be read: {error}") from error
    columns = {name.partition(":")[0]: name for name in table.columns}
    for name in (config["ITEM_ID_FIELD"], field):
        if name not in columns:
            raise InputError(f"category_field: {path} has no column '{name}'")
    ids = dataset.field2token_id[dataset.iid_field]
    item = table[columns[config["ITEM_ID_FIELD"]]].map(ids)
    names = table[columns[field]].str.split(config["seq_separator"])
    pairs = pd.DataFrame({"item": item, "name": names}).explode("name")
    pairs = pairs[pairs["item"].notna() & (pairs["name"] != "")]
    codes, known = pd.factorize(pairs["name"], sort=True)
    category = np.zeros((dataset.item_num, len(known)), dtype=bool)
    category[pairs["item"].astype(int), codes] = True
    return category
