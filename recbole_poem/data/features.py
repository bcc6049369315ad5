"""User and item features: which columns are there, and whose rows are kept.

RecBole leaves out a column that a file does not have, and tells nobody (data/dataset/dataset.py,
`_load_feat`).
"""

from logging import getLogger
from pathlib import Path
from typing import Any

import pandas as pd
from recbole.data.dataset import Dataset


class FeaturesMixin(Dataset):
    """Mixin for any RecBole data set: warns of features of ``load_col`` that are missing.

    That is, of ``.user`` and ``.item``: a missing column of ``.inter`` is named by its reader.
    """

    def _load_user_or_item_feat(
        self, token: str, dataset_path: str, source: Any, field_name: str
    ) -> pd.DataFrame:
        feat = super()._load_user_or_item_feat(token, dataset_path, source, field_name)
        wanted = (self.config["load_col"] or {}).get(source.value)
        if wanted is None or wanted == "*":
            return feat
        path = Path(dataset_path) / f"{token}.{source.value}"
        missing = [field for field in wanted if feat is None or field not in feat]
        if not path.is_file():
            getLogger().warning(f"load_col: there is no file {path}, so none of its columns")
        elif missing:
            getLogger().warning(f"load_col: {path} has no column {', '.join(missing)}")
        return feat

    def _filter_by_inter_num(self) -> None:
        """Filter as RecBole does, features included where a single interaction is asked for.

        An interval of all interactions there are may be passed over by whoever reads them quickly;
        users and items that have none are in the features alone.
        """
        super()._filter_by_inter_num()
        sides = (("user", self.uid_field, self.user_feat), ("item", self.iid_field, self.item_feat))
        for side, field, feat in sides:
            if feat is not None and self.config[f"{side}_inter_num_interval"] == "[1,inf)":
                is_idle = ~feat[field].isin(self.inter_feat[field].unique())
                feat.drop(feat.index[is_idle], inplace=True)
