"""Labels that are made from a column by the key ``threshold``."""

from recbole.data.dataset import Dataset
from recbole.utils import FeatureType

from recbole_poem.errors import InputError


class LabelsMixin(Dataset):
    """Mixin for any RecBole data set: says which column of ``threshold`` there is not."""

    def _set_label_by_threshold(self) -> None:
        for field in self.config["threshold"] or {}:
            is_number = self.field2type.get(field) == FeatureType.FLOAT
            if field not in self.inter_feat or not is_number:
                numbers = [f for f in self.inter_feat if self.field2type[f] == FeatureType.FLOAT]
                raise InputError(
                    f"threshold: {self.dataset_path} has no float column '{field}', or load_col "
                    f"does not name it (loaded: {', '.join(numbers)})"
                )
        super()._set_label_by_threshold()
