"""A flat data set whose log is a flat store: the same rows, ids, windows and splits.

RecBole's steps from a frame of text to a log of numbers are taken here over columns that lie on
disk. A step that needs no more than a mark, a count or an extent of a column makes no copy. If
filters take rows, or a checkpoint numbers them otherwise, what is left is copied once, to the disk
where it has room, in the store's narrow types.
"""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import torch
from recbole.utils.enum_type import FeatureSource, FeatureType

from recbole_poem.core.atomic import AtomicFile, Format
from recbole_poem.core.atomic.row_counts import RowCounts
from recbole_poem.data.mapped.columns import FlatColumn, LogColumns, Widened
from recbole_poem.data.mapped.filters import StoredFiltersMixin
from recbole_poem.data.mapped.mapped_table import MappedTable
from recbole_poem.data.mapped.splits import StoredSplitsMixin
from recbole_poem.data.mapped.stored_rows import StoredRows
from recbole_poem.data.mapped.tables import StoredTablesMixin
from recbole_poem.log.flat import FlatStore, TokenIds, folder_of
from recbole_poem.log.flat.store import FIRST


class StoredLogMixin(StoredFiltersMixin, StoredTablesMixin, StoredSplitsMixin):
    """Mixin for a flat data set: its log comes from the flat store beside the ``.inter`` file.

    `recbole_poem.data.mapped.choice` says when a store does.
    """

    row_counts: RowCounts

    def _load_inter_feat(self, token: str, dataset_path: str) -> None:
        path = Path(dataset_path) / f"{token}.inter"
        store = FlatStore(folder_of(dataset_path, token))
        self.store_folder = store.folder
        file = AtomicFile(path, Format.of(self.config))
        columns = self._chosen(file, *self._get_load_and_unload_col(FeatureSource.INTERACTION))
        self._refuse_shared_names(file, columns, FeatureSource.INTERACTION)
        self.inter_feat = StoredRows(store, {column.name: column.type for column in columns})
        self._require_fields(str(path))
        rows = self.row_counts.of(path, store.header.rows)
        missing = {column.name: column.missing for column in store.header.columns}
        for name, kind in columns:
            self.set_field_property(name, FeatureType(kind), FeatureSource.INTERACTION, 1)
            if kind == "float":
                self.field2bucketnum[name] = 2
                if missing[name]:
                    rows.notes.append(
                        f"{missing[name]:,} have no {name}; RecBole fills in the mean"
                    )

    def _counts(self) -> Dict[str, int]:
        rows, fields = self.inter_feat, (self.uid_field, self.iid_field)
        users, items = (int(np.count_nonzero(rows.counts(field))) for field in fields)
        return {"users": users, "items": items, "interactions": len(rows)}

    # -- ids ---------------------------------------------------------------------------------

    def _get_remap_list(self, field_list: Any) -> List[Any]:
        rows, found = self.inter_feat, super()._get_remap_list(field_list)
        mapped = [rows, *(table for _, table in self._mapped())]
        stored = [
            (feat, str(f), self.field2type[f]) for feat in mapped for f in field_list if f in feat
        ]
        return stored + found

    def _remap(self, remap_list: List[Any]) -> None:
        feats = [feat for feat, *_ in remap_list]
        if not feats or not isinstance(feats[0], (StoredRows, MappedTable)):
            return super()._remap(remap_list)
        field = remap_list[0][1]
        if isinstance(feats[0], MappedTable):
            tokens = feats[0].tokens(field)
            self.field2id_token[field], self.field2token_id[field] = tokens, TokenIds(tokens)
        elif isinstance(feats[-1], MappedTable):  # the log is whole
            self.field2id_token[field], self.field2token_id[field] = feats[-1].tokens_of_ids()
        else:
            self._number(field, feats[1:])
        return self._follow_known(remap_list)

    def _number(self, field: str, feats: List[pd.DataFrame]) -> None:
        """Give the tokens of a field ids in the order of the log, then those of the frames."""
        store, met = self.inter_feat.store, self.inter_feat.met(field)
        tokens, ids = store.tokens(field), store.token_ids(field)
        if met is not None:
            number = np.zeros(len(tokens), np.int64)
            number[met] = np.arange(1, len(met) + 1)
            self.inter_feat.renumber(field, number)
            tokens = tokens[np.r_[0, met]]
            ids = ids.among(tokens, number)
        if feats:
            asked = np.concatenate([feat[field].to_numpy(dtype=object) for feat in feats])
            new = pd.unique(asked[ids.of(asked) < 0])
            if len(new):
                tokens = np.concatenate([tokens, new.astype(str)])
                ids = TokenIds(tokens)
        for feat in feats:
            feat[field] = ids.of(feat[field].to_numpy(dtype=object))
        self.field2id_token[field], self.field2token_id[field] = tokens, ids

    def _replace(self, remap_list: List[Any], tokens: np.ndarray, ids: np.ndarray) -> None:
        rows, field, _ = remap_list[0]
        if not isinstance(rows, (StoredRows, MappedTable)):
            return super()._replace(remap_list, tokens, ids)
        tokens = np.concatenate([self.field2id_token[field][:1], tokens])
        self.field2id_token[field], self.field2token_id[field] = tokens, TokenIds(tokens)
        rows.renumber(field, ids)
        for feat, *_ in remap_list[1:]:
            if isinstance(feat, MappedTable):
                feat.renumber_ids(ids)
            else:
                feat[field] = ids[feat[field].to_numpy()]
        return None

    # -- numbers -----------------------------------------------------------------------------

    def _keep_file_values(self) -> None:
        """Tell the time; the numbers stay in the store. The mean stands for what is missing."""
        rows = self.inter_feat
        self._tell_time_span(np.array(rows.extent(self.time_field)))
        for column in rows.store.header.columns:
            if column.missing and column.name in rows and column.type == "float":
                rows.fill(column.name)

    def _normalize(self) -> None:
        super()._normalize()
        fields = self.config["normalize_field"] or []
        if self.config["normalize_all"] and not fields:
            fields = self.float_like_fields
        for field in fields:
            if field in self.inter_feat and not self.inter_feat.scale(field):
                self.logger.warning(f"All the same value in [{field}] from [inter_feat].")

    # -- the log -----------------------------------------------------------------------------

    def _keep_log(self) -> None:
        """Map the log; where rows went or have new ids, copy what is left of it."""
        rows = self.inter_feat
        found = rows.arranged(self.uid_field)
        tokens = {f: found[f] for f in self._other_tokens(rows)}
        floats = {f: found[f] for f in self._fields_to_keep()}
        user, item = found[self.uid_field], found[self.iid_field]
        columns: Dict[str, Any] = {
            self.uid_field: torch.from_numpy(user),
            self.iid_field: torch.from_numpy(item),
            **{f: FlatColumn(column, np.int64) for f, column in tokens.items()},
            **{
                f: FlatColumn(
                    column,
                    np.float64 if f == self.time_field else np.float32,
                    rows.steps.get(f, ()),
                )
                for f, column in floats.items()
            },
        }
        self.inter_feat = LogColumns({f: columns[f] for f in rows}, len(user))
        self._set_log(
            user, item, found[FIRST], Widened(floats, np.float64), Widened(tokens, np.int64)
        )
