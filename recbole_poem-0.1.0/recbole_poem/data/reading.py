"""How a data set reads its atomic files: exactly, and in little memory.

RecBole parses in Python, keeps every token of every row as a string, and lets pandas guess at
quotes and missing values. Here `recbole_poem.core.atomic` reads every file of a data set. Tokens of
``.inter`` are numbered while they are read. What the columns mean is left to RecBole.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Collection, Dict, List, Optional, Tuple

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals
from recbole.data.dataset import Dataset
from recbole.utils.enum_type import FeatureSource, FeatureType

from recbole_poem.core.atomic import AtomicFile, Column, Format, Table
from recbole_poem.core.atomic.row_counts import FileRows, RowCounts, some_lines
from recbole_poem.core.errors import InputError

_FILES = (FeatureSource.INTERACTION, FeatureSource.USER, FeatureSource.ITEM, FeatureSource.KG)


class ReadingMixin(Dataset):
    """Mixin for any RecBole data set: reads its files by the rules of `recbole_poem.core.atomic`.

    Token columns of ``.inter`` are categorical until RecBole has turned them into ids.
    """

    #: the rows of its files
    row_counts: RowCounts

    def _get_preset(self) -> None:
        super()._get_preset()
        self.row_counts = RowCounts()
        self._file_of: Dict[str, Tuple[Path, Any]] = {}
        self._columns_of_inter: List[Column] = []
        self._refuse_unknown_files()

    def _refuse_unknown_files(self) -> None:
        """Refuse files of ``load_col`` and ``unload_col`` that no data set has."""
        known = [source.value for source in _FILES] + ["link", "net"]
        known += self.config["additional_feat_suffix"] or []
        for key in ("load_col", "unload_col"):
            for name in self.config[key] or {}:
                if name not in known:
                    near = get_close_matches(str(name), known, n=1)
                    hint = f"; the nearest is {near[0]}" if near else ""
                    raise InputError(
                        f"{key}: there is no kind of file '{name}'; known are {', '.join(known)}"
                        f"{hint}"
                    )

    def _load_feat(self, filepath: str, source: Any) -> Optional[pd.DataFrame]:
        load, unload = self._get_load_and_unload_col(source)
        if load == set():
            return None
        file = AtomicFile(filepath, Format.of(self.config))
        columns = self._chosen(file, load, unload)
        if not columns:
            self.logger.warning(f"{filepath}: load_col and unload_col leave none of its columns")
            return None
        self._refuse_shared_names(file, columns, source)
        table = file.read([column.name for column in columns])
        rows = self.row_counts.of(file.path, len(table.frame))
        self._require_ids(table, source)
        frame = self._with_ids(table, source, rows)
        for column in columns:
            self._describe(frame, column, source)
            missing = int(frame[column.name].isna().sum()) if column.type == "float" else 0
            if missing:
                rows.notes.append(f"{missing:,} have no {column.name}; RecBole fills in the mean")
        if source is not FeatureSource.INTERACTION:  # as RecBole has them
            tokens = [column.name for column in columns if column.type == "token"]
            return frame.astype(dict.fromkeys(tokens, object))
        return frame

    def _load_user_or_item_feat(
        self, token: str, dataset_path: str, source: Any, field_name: str
    ) -> Optional[pd.DataFrame]:
        path = Path(dataset_path) / f"{token}.{source.value}"
        if (self.config["load_col"] or {}).get(source.value) and not path.is_file():
            self._lacks(f"load_col: there is no file {path}, so none of its columns")
        feat = super()._load_user_or_item_feat(token, dataset_path, source, field_name)
        if feat is not None:  # RecBole has kept the first row of each user or item
            rows, field = self.row_counts.files[path], getattr(self, field_name)
            rows.drop(rows.kept - len(feat), f"repeat the {field} of an earlier row")
        return feat

    def _chosen(
        self, file: AtomicFile, load: Optional[Collection[str]], unload: Optional[Collection[str]]
    ) -> List[Column]:
        """Return the columns that the configuration asks for."""
        for key, names in (("load_col", load), ("unload_col", unload)):
            missing = [str(name) for name in names or () if name not in file.names]
            if missing:
                has = ", ".join(file.names)
                self._lacks(f"{key}: {file.path} has no column {', '.join(missing)} (it has {has})")
        return [
            column
            for column in file.columns
            if (load is None or column.name in load) and column.name not in (unload or ())
        ]

    def _lacks(self, words: str) -> None:
        """Refuse a configuration that names what is not there; of a preset it is only told."""
        if self.config.is_given("load_col") or self.config.is_given("unload_col"):
            raise InputError(words)
        self.logger.warning(words)

    def _refuse_shared_names(self, file: AtomicFile, columns: List[Column], source: Any) -> None:
        """Refuse a column whose name another file has: RecBole knows one column of a name.

        Files that are split beforehand are of one kind, and have to have the same columns.
        """
        ids = (self.uid_field, self.iid_field)
        for column in columns if source != "link" else ():
            other = self._file_of.setdefault(column.name, (file.path, source))
            if other[1] is not source and column.name not in ids:
                raise InputError(
                    f"{file.path}: column '{column.name}' is in {other[0]} as well, and RecBole "
                    "knows one column of a name; rename it, or load one of them (load_col)"
                )
        if source is FeatureSource.INTERACTION:
            first = self._columns_of_inter = self._columns_of_inter or columns
            differing = set(first) ^ set(columns)
            if differing:
                names = ", ".join(sorted(":".join(column) for column in differing))
                raise InputError(
                    f"{file.path}: its columns are not those of the other files of "
                    f"benchmark_filename: {names}"
                )

    def _require_ids(self, table: Table, source: Any) -> None:
        """Refuse rows without a value where RecBole would take padding, or a mean, for one."""
        if source is FeatureSource.INTERACTION and self.config["benchmark_filename"] is not None:
            needed = (self.uid_field, self.iid_field, self.time_field)
            table.require([field for field in needed if field in table.frame])
        if source in (FeatureSource.KG, "link"):
            table.require(list(table.frame))

    def _with_ids(self, table: Table, source: Any, rows: FileRows) -> pd.DataFrame:
        """Return the rows of users or items less those that do not say whose they are."""
        field = {FeatureSource.USER: self.uid_field, FeatureSource.ITEM: self.iid_field}.get(source)
        if field is None:
            return table.frame
        if field not in table.frame:
            raise InputError(
                f"{table.file.path}: column '{field}' is missing or not named in load_col "
                f"(loaded: {', '.join(table.frame)})"
            )
        lines = table.missing(field)
        rows.drop(len(lines), f"have no {field} ({some_lines(lines.tolist())})")
        return table.frame[table.frame[field].notna()]

    def _describe(self, frame: pd.DataFrame, column: Column, source: Any) -> None:
        """Tell RecBole what a column is, and cut its sequences to ``seq_len``."""
        length = 1
        if column.type.endswith("_seq"):
            longest = frame[column.name].map(len).max() if len(frame) else 0
            limit = (self.config["seq_len"] or {}).get(column.name)
            length = int(longest if limit is None else min(longest, limit))
            if length < longest:
                frame[column.name] = frame[column.name].str[:length]
        if source == "link":  # its fields are those of other files
            return
        self.set_field_property(column.name, FeatureType(column.type), source, length)
        if column.type.startswith("float"):
            self.field2bucketnum[column.name] = 2

    def _concat_remaped_tokens(self, remap_list: List[Any]) -> Tuple[Any, np.ndarray]:
        if any(kind != FeatureType.TOKEN for _, _, kind in remap_list):
            return super()._concat_remaped_tokens(remap_list)
        tokens = [pd.Categorical(feat[field]) for feat, field, _ in remap_list]
        return union_categoricals(tokens), np.cumsum([len(column) for column in tokens])[:-1]
