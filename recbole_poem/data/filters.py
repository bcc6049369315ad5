"""What takes rows from a data set, in the order in which RecBole applies it, and how many it takes.

RecBole leaves out a filter that it cannot read, and says of few rows why they went. Here a filter
is obeyed or refused, every row that goes is counted by its reason, and one that leaves nothing says
so by name.
"""

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import numpy as np
import pandas as pd
from recbole.utils.enum_type import FeatureType

from recbole_poem.core.atomic import quoted
from recbole_poem.core.atomic.alike_tokens import warn_of_alike_tokens
from recbole_poem.core.atomic.row_counts import FileRows, some_lines
from recbole_poem.core.errors import InputError
from recbole_poem.core.intervals import Interval, parse_intervals, spelt, within
from recbole_poem.data.reading import ReadingMixin

_SIDES = ("user", "item")
_OF_GRAPH = {
    "inter": "have an item without an entity in .link",
    "kg": "fail entity_kg_num_interval or relation_kg_num_interval",
    "link": "link what occurs nowhere else, or an item for the second time",
}


class FiltersMixin(ReadingMixin):
    """Mixin for any RecBole data set: its filters, each obeyed, counted or refused."""

    def _data_processing(self) -> None:
        self._warn_of_alike_tokens()
        super()._data_processing()
        say = self.logger.warning if self.row_counts.surprising else self.logger.info
        say(self.row_counts.table())

    def _warn_of_alike_tokens(self) -> None:
        for field in filter(None, (self.uid_field, self.iid_field)):
            columns = [feat[field] for feat, _ in self._feats() if field in feat]
            if field == self.iid_field and hasattr(self, "item2entity"):
                columns.append(pd.Series(list(self.item2entity), dtype=object))
            warn_of_alike_tokens(field, columns)

    def _data_filtering(self) -> None:
        super()._data_filtering()
        # a knowledge graph takes rows in ways of its own
        left = {"inter": len(self.inter_feat)}
        if hasattr(self, "kg_feat"):
            left.update(kg=len(self.kg_feat), link=len(self.item2entity))
        for source, number in left.items():
            rows = self._rows(source)
            rows.drop(rows.kept - number, _OF_GRAPH[source])
            if not rows.kept:
                raise InputError(f"{self._path(source)}: no row is left: all {_OF_GRAPH[source]}")

    def _user_item_feat_preparation(self) -> None:
        for side, field in zip(_SIDES, (self.uid_field, self.iid_field)):
            feat = getattr(self, f"{side}_feat", None)
            n_without = 0 if feat is None else self.num(field) - 1 - feat[field].nunique()
            if n_without:
                words = f"{n_without:,} {side}s of the log have no row; RecBole fills in means"
                self._rows(side).notes.append(words)
        super()._user_item_feat_preparation()

    # -- the filters, in RecBole's order --------------------------------------------------------

    def _filter_nan_user_or_item(self) -> None:
        """Drop rows of nobody and of nothing; `ReadingMixin` has left out those of features."""
        feat = self.inter_feat
        for field in filter(None, (self.uid_field, self.iid_field)):
            gone = feat.index[feat[field].isna()]
            reason = f"have no {field} ({some_lines((gone + 2).tolist())})"
            with self._counted(reason, asked=False):
                feat.drop(gone, inplace=True)

    def _remove_duplication(self) -> None:
        """Keep the first or the last row of a user and an item, ties in the order of the file.

        RecBole's sort by time leaves ties in any order.
        """
        keep = self.config["rm_dup_inter"]
        if keep is None:
            return
        feat = self.inter_feat
        if self.time_field in feat:
            order = feat[self.time_field].to_numpy().argsort(kind="stable")
        else:
            self.logger.warning("rm_dup_inter: no time is loaded, so the order of the file counts")
            order = np.arange(len(feat))
        again = feat.iloc[order].duplicated([self.uid_field, self.iid_field], keep=keep)
        with self._counted(f"repeat a user and an item (rm_dup_inter: {keep})"):
            feat.drop(again.index[again], inplace=True)

    def _filter_by_field_value(self) -> None:
        for field, wanted in (self.config["val_interval"] or {}).items():
            key = f"val_interval.{field}"
            if field not in self.field2type:
                raise InputError(
                    f"{key}: no column '{field}' was loaded; name it in load_col, or mend the key"
                )
            with self._counted(f"fail {key}: {wanted}"):
                self._filter_by_value(field, wanted, key)

    def _filter_by_value(self, field: str, wanted: Any, key: str) -> None:
        """Keep the rows of all tables that have a wanted value of a field."""
        feats = [feat for feat in self.field2feats(field) if feat is not None]
        for feat, holds in zip(feats, self._meeting(feats, field, wanted, key)):
            feat.drop(feat.index[~holds], inplace=True)

    def _filter_inter_by_user_or_item(self) -> None:
        known = " or ".join(f"{self._rows(source).name}" for _, source in self._feats()[1:])
        reason = f"have a user or item that is not in {known} (filter_inter_by_user_or_item)"
        asked = self.config.is_given("filter_inter_by_user_or_item")
        with self._counted(reason, asked):
            self._drop_without_features()

    def _drop_without_features(self) -> None:
        """Drop the rows whose user or item is in no table of features."""
        super()._filter_inter_by_user_or_item()

    def _filter_by_inter_num(self) -> None:
        """Keep users and items whose number of rows lies within the intervals, round by round."""
        intervals = [self._number_of_rows(side) for side in _SIDES]
        told = [f"{side}_inter_num_interval {spelt(i)}" for side, i in zip(_SIDES, intervals) if i]
        with self._counted(f"fail {' and '.join(told)}"):
            while self._drop_rare(intervals):
                pass

    def _parse_intervals_str(self, intervals_str: Any) -> Optional[List[Interval]]:
        """Read intervals for RecBole's own methods, which log what they cannot read and go on."""
        return None if intervals_str is None else parse_intervals(intervals_str, "interval")

    # -- their parts ----------------------------------------------------------------------------

    def _number_of_rows(self, side: str) -> List[Interval]:
        """Return the intervals of a side; none where every number of rows will do."""
        key = f"{side}_inter_num_interval"
        if self.config[key] is None:
            return []
        intervals = parse_intervals(self.config[key], key)
        feat = getattr(self, f"{side}_feat", None)
        least = 1 if feat is None else 0
        holds_always = any(
            within(np.array([least]), [each])[0] and each.high == np.inf for each in intervals
        )
        return [] if holds_always else intervals

    def _drop_rare(self, intervals: List[List[Interval]]) -> bool:
        """Drop the users and items whose number of rows fails; tell whether there were any."""
        fields = (self.uid_field, self.iid_field)
        banned = [
            self._banned(field, getattr(self, f"{side}_feat", None), each)
            for side, field, each in zip(_SIDES, fields, intervals)
        ]
        if not any(map(len, banned)):
            return False
        gone = np.zeros(len(self.inter_feat), dtype=bool)
        for side, field, tokens in zip(_SIDES, fields, banned):
            feat = getattr(self, f"{side}_feat", None)
            if feat is not None:
                feat.drop(feat.index[feat[field].isin(tokens)], inplace=True)
            gone |= self.inter_feat[field].isin(tokens).to_numpy()
        self.inter_feat.drop(self.inter_feat.index[gone], inplace=True)
        return True

    def _banned(
        self, field: str, feat: Optional[pd.DataFrame], intervals: List[Interval]
    ) -> pd.Index:
        """Return the tokens whose number of rows fails; as in RecBole, of features too."""
        if not intervals:
            return pd.Index([], dtype=object)
        number = self.inter_feat[field].value_counts()
        number = number[number > 0]
        banned = number.index[~within(number.to_numpy(), intervals)].astype(object)
        if feat is None:
            return banned
        found = number.reindex(feat[field]).fillna(0)
        return banned.append(found.index[found.to_numpy() < intervals[0].low].astype(object))

    def _meeting(
        self, feats: List[pd.DataFrame], field: str, wanted: Any, key: str
    ) -> List[np.ndarray]:
        """Mark the rows of each of some tables that have a wanted value of a field."""
        kind = self.field2type[field]
        if kind == FeatureType.FLOAT:
            intervals = parse_intervals(wanted, key)
            return [within(feat[field].to_numpy(), intervals) for feat in feats]
        tokens = self._wanted_tokens(field, wanted, key)
        holds = [feat[field].isin(tokens).to_numpy() for feat in feats]
        for token in tokens:
            if not any((feat[field] == token).any() for feat in feats):
                self.logger.warning(f"{key}: no row has the token {quoted(token)}")
        return holds

    def _wanted_tokens(self, field: str, wanted: Any, key: str) -> List[str]:
        """Return the tokens that a filter names; of sequences there are none."""
        if self.field2type[field] != FeatureType.TOKEN:
            raise InputError(f"{key}: '{field}' holds sequences, and rows are not chosen by those")
        return _tokens(wanted, key)

    # -- counting -------------------------------------------------------------------------------

    def _feats(self) -> List[Any]:
        """Return the tables of rows with what they are: ``inter``, then ``user``, ``item``."""
        feats = [(getattr(self, f"{name}_feat", None), name) for name in ("inter", *_SIDES)]
        return [(feat, name) for feat, name in feats if feat is not None]

    def _path(self, source: str) -> Path:
        return Path(self.dataset_path) / f"{self.dataset_name}.{source}"

    def _rows(self, source: str) -> FileRows:
        return self.row_counts.files[self._path(source)]

    @contextmanager
    def _counted(self, reason: str, asked: bool = True) -> Iterator[None]:
        """Count the rows that the block takes from each table.

        Raises
        ------
        InputError
            If it leaves none.
        """
        before: Dict[str, int] = {source: len(feat) for feat, source in self._feats()}
        yield
        for feat, source in self._feats():
            rows = self._rows(source)
            rows.drop(before[source] - len(feat), reason, asked)
            if before[source] and not len(feat):
                raise InputError(
                    f"{self._path(source)}: no row is left: all {before[source]:,} {reason}"
                )


def _tokens(wanted: Any, key: str) -> List[str]:
    """Return the tokens that a filter names.

    Raises
    ------
    InputError
        If it is no list of tokens.
    """
    fits = isinstance(wanted, (list, tuple, set)) and all(
        isinstance(token, (str, int)) and not isinstance(token, bool) for token in wanted
    )
    if not fits or not wanted:
        raise InputError(f"{key}: expected a list of tokens such as [a, b], not {wanted!r}")
    return [str(token) for token in wanted]
