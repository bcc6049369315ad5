"""RecBole's data sets in the exact order of time.

RecBole turns timestamps into float32 before it sorts by them (data/interaction.py:38), so that
seconds since 1970 are rounded to 64 s and a user's last item is picked wrongly. The mixins here
keep the time in float64 while RecBole sorts and splits, and hand the model float32 afterwards.
Ties keep the order of the file. Every data set that the command builds, for the plugin's models
and for RecBole's, inherits from one of them, so that all models are given the same task.
"""

from typing import Any, Dict, List, Optional

import numpy as np
import pandas as pd
import torch
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.utils.enum_type import FeatureType

from recbole_poem.core.atomic.row_counts import some_lines
from recbole_poem.core.errors import InputError
from recbole_poem.core.times import doubt
from recbole_poem.data.expected_counts import check_counts
from recbole_poem.data.filters import FiltersMixin
from recbole_poem.data.known_tokens import KnownTokensMixin
from recbole_poem.data.split_by_time import SplitByTimeMixin


class TimeOrderMixin(KnownTokensMixin, FiltersMixin, SplitByTimeMixin):
    """Mixin for any RecBole data set: sorts by time in full precision, ties by file order."""

    #: first and last time as they stand in the file, (2,), of the rows that the filters leave
    time_span: Optional[np.ndarray] = None
    _file_values: Dict[str, np.ndarray]  # columns as they stand in the file

    def _load_inter_feat(self, token: str, dataset_path: str) -> None:
        super()._load_inter_feat(token, dataset_path)
        path = f"{dataset_path}/{token}.inter"
        self._require_fields(path)
        if self.inter_feat.empty:
            raise InputError(f"{path}: the file has no interactions")
        if self.time_field in self.inter_feat:
            self._require_times(path)

    def _require_fields(self, path: str) -> None:
        """Refuse a log without the columns that say who took what, and when it matters, when."""
        if self.inter_feat is None:
            raise InputError(f"{path}: load_col names none of its columns")
        for field in filter(None, (self.uid_field, self.iid_field, self._required_time_field)):
            if field not in self.inter_feat:
                raise InputError(
                    f"{path}: column '{field}' is missing or not named in load_col "
                    f"(loaded: {', '.join(map(str, self.inter_feat.columns))})"
                )

    def _require_times(self, path: str) -> None:
        """Refuse a log with rows that have no time, or one before 1970."""
        missing = self.inter_feat.index[self.inter_feat[self.time_field].isna()] + 2
        if len(missing):
            raise InputError(
                f"{path}: column '{self.time_field}' is empty in {len(missing)} rows "
                f"({some_lines(missing.tolist())})"
            )
        early = self.inter_feat.index[self.inter_feat[self.time_field] < 0] + 2
        if len(early):
            raise InputError(
                f"{path}: column '{self.time_field}' has times before 1970 "
                f"({some_lines(early.tolist())}); give them as 0 or later"
            )

    @property
    def _required_time_field(self) -> Any:
        by_time = self.config["eval_args"]["order"] == "TO" or self.splits_by_time
        return self.time_field if by_time else None

    def _data_filtering(self) -> None:
        super()._data_filtering()
        check_counts(self._counts(), self.config["expected_counts"], self.dataset_name)

    def _counts(self) -> Dict[str, int]:
        """Count what the filters left."""
        return {
            "users": self.inter_feat[self.uid_field].nunique(),
            "items": self.inter_feat[self.iid_field].nunique(),
            "interactions": len(self.inter_feat),
        }

    def _fill_nan(self) -> None:
        self._keep_file_values()
        super()._fill_nan()

    def _keep_file_values(self) -> None:
        """Keep numbers as they stand in the file, before RecBole puts means into gaps.

        A missing rating is no feedback, whatever stands in its place for the models.
        """
        if self.time_field in self.inter_feat:
            self._tell_time_span(self.inter_feat[self.time_field].to_numpy(np.float64))
        self._file_values = {f: _kept(self.inter_feat[f]) for f in self._fields_to_keep()}

    def _tell_time_span(self, times: np.ndarray) -> None:
        """Keep from when to when the rows are, and say where that looks odd."""
        self.time_span = np.array([times.min(), times.max()])
        odd = doubt(times.min(), times.max(), self.config["time_unit"])
        if odd:
            self.logger.warning(f"{self.time_field}: {odd}")

    def _fields_to_keep(self) -> List[str]:
        return [self.time_field] if self.splits_by_time else []

    def _log_times(self) -> np.ndarray:
        return self._file_values[self.time_field]

    def _remove_duplication(self) -> None:
        super()._remove_duplication()
        # RecBole's sort by time is not stable; what is left goes back to the order of the file
        self.inter_feat.sort_index(inplace=True)

    def _dataframe_to_interaction(self, data: pd.DataFrame) -> Interaction:
        exact = {self.time_field} if data is self.inter_feat else set()
        plain = {field: self._as_tensor(data[field], field in exact) for field in data}
        rest = [field for field, column in plain.items() if column is None]
        lists = super()._dataframe_to_interaction(data[rest])
        return Interaction({f: lists[f] if f in lists else plain[f] for f in data})

    def _as_tensor(self, column: pd.Series, exact: bool) -> Optional[torch.Tensor]:
        """Return a column of single numbers as RecBole does, and of whatever is to stay exact."""
        if exact:
            values = np.array(column.tolist()) if column.dtype == object else column.to_numpy()
            return torch.from_numpy(values.astype(np.float64))
        if column.dtype == object:
            return None
        is_token = self.field2type[column.name] == FeatureType.TOKEN
        return torch.from_numpy(column.to_numpy(np.int64 if is_token else np.float32))

    def build(self) -> List[Dataset]:
        """Order and split as RecBole does, by exact times; then return to single precision."""
        datasets = super().build()
        self._round(datasets)
        return datasets

    def _round(self, datasets: List[Dataset]) -> None:
        for dataset in (self, *datasets):
            to_single_precision(dataset.inter_feat)


def to_single_precision(feat: Interaction) -> None:
    """Turn the columns in double precision into float32, where they stand."""
    for field in feat:
        if feat[field].dtype == torch.float64:
            feat[field] = feat[field].float()


def _kept(column: pd.Series) -> np.ndarray:
    """Return the values of `column` in float64, safe from RecBole's filling of gaps in place."""
    values = column.to_numpy(np.float64)
    return values.copy() if np.isnan(values).any() else values
