"""Keys that name float columns: ``threshold``, ``normalize_field``, ``numerical_features``.

RecBole passes over some that are not float, and does not say the key of others.
"""

from typing import Iterable

from recbole.data.dataset import Dataset
from recbole.utils import FeatureType

from recbole_poem.core.errors import InputError


class FloatColumnsMixin(Dataset):
    """Mixin for any RecBole data set: refuses columns of these keys that are not float."""

    def _set_label_by_threshold(self) -> None:
        self._check_float("threshold", self.config["threshold"] or {}, (FeatureType.FLOAT,))
        named = list(self.config["threshold"] or {})
        if named and self.label_field in self.inter_feat and named != [self.label_field]:
            raise InputError(
                f"threshold: {self.dataset_path} has a column '{self.label_field}' already, which "
                "it would replace; leave the key out, or that column with unload_col"
            )
        super()._set_label_by_threshold()

    def _normalize(self) -> None:
        self._check_float("normalize_field", self.config["normalize_field"] or [])
        super()._normalize()

    def _discretization(self) -> None:
        self._check_float("numerical_features", self.config["numerical_features"])
        super()._discretization()

    def _check_float(
        self,
        key: str,
        fields: Iterable[str],
        kinds: Iterable[FeatureType] = (FeatureType.FLOAT, FeatureType.FLOAT_SEQ),
    ) -> None:
        numbers = [field for field, kind in self.field2type.items() if kind in tuple(kinds)]
        for field in fields:
            if field not in numbers:
                raise InputError(
                    f"{key}: {self.dataset_path} has no float column '{field}', or load_col does "
                    f"not name it (loaded: {', '.join(numbers)})"
                )
