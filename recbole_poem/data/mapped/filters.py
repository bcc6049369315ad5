"""RecBole's filters over a flat store: a mark a row, and no frame."""

from typing import Any, List

import numpy as np
import pandas as pd
from recbole.utils.enum_type import FeatureType

from recbole_poem.core.atomic import quoted
from recbole_poem.core.atomic.alike_tokens import warn_of_pairs
from recbole_poem.core.intervals import Interval, parse_intervals, within
from recbole_poem.data.filters import FiltersMixin
from recbole_poem.data.mapped.mapped_table import MappedTable
from recbole_poem.data.mapped.stored_rows import StoredRows


class StoredFiltersMixin(FiltersMixin):
    """Mixin for a data set whose ``inter_feat`` is `StoredRows` until it has been sorted.

    Tables of users and items are frames, or mapped where no filter takes more than strangers.
    """

    inter_feat: Any

    def field2feats(self, field: str) -> List[Any]:
        """Return the frames that have a field; the log and mapped tables are none."""
        feats = super().field2feats(field)
        return [feat for feat in feats if not isinstance(feat, (StoredRows, MappedTable))]

    def _build_feat_name_list(self) -> List[str]:
        """Name the frames, which RecBole goes through one by one."""
        names = super()._build_feat_name_list()
        mapped = (StoredRows, MappedTable)
        return [name for name in names if not isinstance(getattr(self, name), mapped)]

    def _warn_of_alike_tokens(self) -> None:
        """Tell what the store found when it was made, which is of the log alone."""
        for field, pairs in self.inter_feat.store.header.alike.items():
            warn_of_pairs(field, pairs)

    def _filter_nan_user_or_item(self) -> None:
        """Leave the rows as they are: a store has a user and an item in each."""

    def _remove_duplication(self) -> None:
        keep = self.config["rm_dup_inter"]
        if keep is not None:
            with self._counted(f"repeat a user and an item (rm_dup_inter: {keep})"):
                again = self.inter_feat.repeated(self.uid_field, self.iid_field, keep)
                self.inter_feat.keep(~again)

    def _filter_by_value(self, field: str, wanted: Any, key: str) -> None:
        if field not in self.inter_feat:
            return super()._filter_by_value(field, wanted, key)
        if self.field2type[field] == FeatureType.FLOAT:
            intervals = parse_intervals(wanted, key)
            holds = self.inter_feat.where(
                field, lambda part: within(part.astype(np.float64), intervals)
            )
            return self.inter_feat.keep(holds)
        return self._filter_by_token(field, self._wanted_tokens(field, wanted, key), key)

    def _filter_by_token(self, field: str, tokens: List[str], key: str) -> None:
        """Keep the rows of the log, and of the frames, that have one of some tokens."""
        ids, left = self.inter_feat.store.token_ids(field).of(tokens), self.inter_feat.counts(field)
        feats = self.field2feats(field)
        for token, number in zip(tokens, ids):
            occurs = number > 0 and left[number] > 0
            if not occurs and not any((feat[field] == token).any() for feat in feats):
                self.logger.warning(f"{key}: no row has the token {quoted(token)}")
        wanted = ids[ids > 0]
        self.inter_feat.keep(self.inter_feat.where(field, lambda part: np.isin(part, wanted)))
        for feat in feats:
            feat.drop(feat.index[~feat[field].isin(tokens)], inplace=True)

    def _drop_without_features(self) -> None:
        if self.config["filter_inter_by_user_or_item"] is not True:
            return
        for field, feat in zip((self.uid_field, self.iid_field), (self.user_feat, self.item_feat)):
            if feat is not None and not isinstance(feat, MappedTable):  # which has all ids
                self._keep_ids(field, self._is_among(field, self._stored_ids(field, feat)))

    def _drop_rare(self, intervals: List[List[Interval]]) -> bool:
        went = False
        counts = [self.inter_feat.counts(field) for field in (self.uid_field, self.iid_field)]
        for side, field, number, each in zip(
            ("user", "item"), (self.uid_field, self.iid_field), counts, intervals
        ):
            if each:
                feat = getattr(self, f"{side}_feat", None)
                went |= self._drop_banned(field, feat, number, each)
        return went

    # -- their parts -------------------------------------------------------------------------

    def _drop_banned(
        self, field: str, feat: Any, number: np.ndarray, intervals: List[Interval]
    ) -> bool:
        """Drop the ids whose `number` of rows fails, of features too; tell whether any went."""
        banned = (number > 0) & ~within(number, intervals)
        banned[0] = False
        went = bool(banned.any())
        if isinstance(feat, MappedTable):
            if feat.has_strangers and intervals[0].low > 0:
                feat.drop_strangers()
                went = True
        elif feat is not None:
            ids = self._stored_ids(field, feat)
            found = np.where(ids > 0, number[ids], 0)
            gone = (banned[ids] & (ids > 0)) | (found < intervals[0].low)
            went |= bool(gone.any())
            feat.drop(feat.index[gone], inplace=True)
        if banned.any():
            self._keep_ids(field, ~banned)
        return went

    def _stored_ids(self, field: str, feat: pd.DataFrame) -> np.ndarray:
        """Return the ids that the store has of the users or items of a frame; -1 for none."""
        return self.inter_feat.store.token_ids(field).of(feat[field].to_numpy())

    def _is_among(self, field: str, ids: np.ndarray) -> np.ndarray:
        """Mark the ids of the store (n,) that are among some."""
        known = np.zeros(len(self.inter_feat.store.tokens(field)), dtype=bool)
        known[ids[ids > 0]] = True
        return known

    def _keep_ids(self, field: str, known: np.ndarray) -> None:
        """Keep the rows whose id is marked in `known` (n,)."""
        self.inter_feat.keep(self.inter_feat.where(field, lambda part: known[part]))
