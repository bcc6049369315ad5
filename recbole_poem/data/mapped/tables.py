"""Tables of users and items of a flat store, mapped where no filter takes anything of theirs.

What may go are rows of users or items that the log lacks. Where a filter would take more, both
tables are read from their files, as without a store.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, Iterator, Optional, Tuple

from recbole.utils.enum_type import FeatureSource, FeatureType

from recbole_poem.core.atomic import AtomicFile, Format
from recbole_poem.core.atomic.row_counts import some_lines
from recbole_poem.core.intervals import parse_intervals, within
from recbole_poem.data.filters import FiltersMixin
from recbole_poem.data.mapped.mapped_table import MappedTable

_SIDES = ("user", "item")


class StoredTablesMixin(FiltersMixin):
    """Mixin for a data set over a store: ``user_feat`` and ``item_feat`` lie on the disk."""

    inter_feat: Any

    def _load_user_or_item_feat(
        self, token: str, dataset_path: str, source: Any, field_name: str
    ) -> Optional[Any]:
        if source.value not in self._mapped_sides:
            return super()._load_user_or_item_feat(token, dataset_path, source, field_name)
        path = Path(dataset_path) / f"{token}.{source.value}"
        store = self.inter_feat.store
        stored = store.header.tables[source.value]
        file = AtomicFile(path, Format.of(self.config))
        columns = self._chosen(file, *self._get_load_and_unload_col(source))
        self._refuse_shared_names(file, columns, source)
        rows = self.row_counts.of(path, stored.read)
        lines = list(stored.nameless)
        rows.drop(stored.n_nameless, f"have no {stored.field} ({some_lines(lines)})")
        of = {column.name: column for column in stored.columns}
        for name, kind in columns:
            length = of[name].length if name in of else 1
            self.set_field_property(name, FeatureType(kind), source, length)
            if kind == "float":
                self.field2bucketnum[name] = 2
                if of[name].missing:
                    note = f"{of[name].missing:,} have no {name}; RecBole fills in the mean"
                    rows.notes.append(note)
        rows.drop(stored.n_repeated, f"repeat the {stored.field} of an earlier row")
        self.field2source[stored.field] = FeatureSource(f"{source.value}_id")
        return MappedTable(store, stored, [column.name for column in columns])

    @cached_property
    def _mapped_sides(self) -> Tuple[str, ...]:
        """The tables that are mapped: all that are loaded, or none."""
        loaded = [side for side in _SIDES if self._is_loaded(side)]
        reasons = [self._reason(side) for side in loaded] + [self._rows_go()]
        for reason in filter(None, reasons if loaded else []):
            self.logger.info(f"tables of users and items are read from their files: {reason}")
            return ()
        return tuple(loaded)

    def _is_loaded(self, side: str) -> bool:
        load, _ = self._get_load_and_unload_col(FeatureSource(side))
        return load != set() and self._path(side).is_file()

    def _reason(self, side: str) -> Optional[str]:
        """Say why a table is not mapped; None if it is."""
        store, path, field = self.inter_feat.store, self._path(side), self._field_of(side)
        stored = store.header.tables.get(side)
        if stored is None:
            return f"the store has no {path.name}; make it again with recbole-poem convert flat"
        load, unload = self._get_load_and_unload_col(FeatureSource(side))
        names = {name for name in stored.names if load is None or name in load} - set(unload or ())
        there = {stored.field, *(column.name for column in stored.columns)}
        if stored.field != field or field not in names:
            return f"the store knows {path.name} by {stored.field}, which has to be loaded"
        if not there.issuperset(names):
            return f"{path.name} has sequences of numbers, such as {min(names - there)}"
        if set(self.config["seq_len"] or {}) & names:
            return f"seq_len cuts sequences of {path.name}"
        place = store.array(stored.place)[1 : len(store.tokens(field))]
        if self.config["filter_inter_by_user_or_item"] is True and not place.all():
            return f"{path.name} lacks some of the log (filter_inter_by_user_or_item)"
        unfit: Optional[str] = store.unfit(path, side)
        return unfit

    def _rows_go(self) -> Optional[str]:
        """Say which other filter takes rows of the log, or of tables more than strangers."""
        for key in ("val_interval", "rm_dup_inter"):
            if self.config[key]:
                return f"{key} may take rows"
        for side in _SIDES:
            key = f"{side}_inter_num_interval"
            if self.config[key] is not None:
                intervals = parse_intervals(self.config[key], key)
                number = self.inter_feat.counts(self._field_of(side))[1:]
                if not within(number, intervals).all() or number.min() < intervals[0].low:
                    return f"{key} takes rows"
        return None

    def _field_of(self, side: str) -> Any:
        return self.uid_field if side == "user" else self.iid_field

    def _mapped(self) -> Iterator[Tuple[str, MappedTable]]:
        """Yield the tables that are mapped, by their sides."""
        for side in _SIDES:
            table = getattr(self, f"{side}_feat", None)
            if isinstance(table, MappedTable):
                yield side, table

    def _user_item_feat_preparation(self) -> None:
        """Order frames by their ids; a mapped table is read so."""
        mapped = dict(self._mapped())
        for side, table in mapped.items():
            setattr(self, f"{side}_feat", None)
            n_without = self.num(self._field_of(side)) - 1 - len(table)
            if n_without:
                words = f"{n_without:,} {side}s of the log have no row; RecBole fills in means"
                self._rows(side).notes.append(words)
        super()._user_item_feat_preparation()
        for side, table in mapped.items():
            setattr(self, f"{side}_feat", table)

    def _normalize(self) -> None:
        super()._normalize()
        fields = self.config["normalize_field"] or []
        if self.config["normalize_all"] and not fields:
            fields = self.float_like_fields
        for side, table in self._mapped():
            for field in fields:
                if field in table and not table.scale(field):
                    self.logger.warning(f"All the same value in [{field}] from [{side}_feat].")

    def _change_feat_format(self) -> None:
        for side, table in list(self._mapped()):
            setattr(self, f"{side}_feat", table.interaction())
        super()._change_feat_format()
