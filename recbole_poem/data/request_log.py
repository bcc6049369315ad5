"""Data sets that keep the log, whose rows are requests: a condition says which are predicted."""

from typing import Any, Dict, Iterable, List, Mapping

import numpy as np
import pandas as pd
import torch
from recbole.data.dataset import Dataset
from recbole.utils.enum_type import FeatureType

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.splits import halves
from recbole_poem.data.time_order import TimeOrderMixin
from recbole_poem.data.trends import trends_of
from recbole_poem.log.clock import Dated
from recbole_poem.log.feedback import estimated_labels, positive_rows
from recbole_poem.log.requests import RequestLog, first_rows
from recbole_poem.log.watch_time import parse_watch_time

#: the history of a row in files that are split beforehand
_HISTORY = "item_id_list"


class LogMixin(TimeOrderMixin):
    """Mixin for any data set: keeps the flat log, and knows which of its rows are targets.

    A target is not the first row of its user, and meets ``positive_feedback``. The inter field
    ``request_id`` tells which rows of `log` those of ``inter_feat`` are.
    """

    log: RequestLog

    @property
    def _required_time_field(self) -> Any:
        return self.time_field

    def _fields_to_keep(self) -> List[str]:
        return [f for f in self.inter_feat if self.field2type[f] == FeatureType.FLOAT]

    def _log_times(self) -> np.ndarray:
        return self.log.time

    def _row_times(self) -> np.ndarray:
        return self.log.time[self.inter_feat[REQUEST_ID].numpy()]

    def _has_history(self, users: np.ndarray) -> np.ndarray:
        return np.ones(len(users), dtype=bool)  # every row to predict has

    def _change_feat_format(self) -> None:
        self._keep_log()
        if self.config["benchmark_filename"] is None and not self._target_rows().any():
            raise InputError(
                f"{self.dataset_path}: no row is left to predict: a target needs an earlier row of "
                "its user and has to meet positive_feedback"
            )
        super()._change_feat_format()

    def _keep_log(self) -> None:
        """Sort the interactions by user and time, and keep what the file says of them.

        Files that are split beforehand stay in their order, by which they are told apart.
        """
        user = self.inter_feat[self.uid_field].to_numpy()
        order = np.lexsort((self._file_values[self.time_field], *halves(user)))
        values = {field: column[order] for field, column in self._file_values.items()}
        del self._file_values
        as_split = self.inter_feat.copy() if self.config["benchmark_filename"] else None
        columns = {f: self.inter_feat.pop(f).to_numpy()[order] for f in list(self.inter_feat)}
        self.inter_feat = pd.DataFrame(columns, copy=False) if as_split is None else as_split
        tokens = {field: columns[field] for field in self._other_tokens(columns)}
        user, item = columns[self.uid_field], columns[self.iid_field]
        self._set_log(user, item, first_rows(user), values, tokens)

    def _set_log(
        self,
        user: np.ndarray,
        item: np.ndarray,
        first: np.ndarray,
        values: Mapping[str, np.ndarray],
        tokens: Mapping[str, np.ndarray],
    ) -> None:
        """Keep a log; see `RequestLog` for its columns."""
        self.log = RequestLog(
            user=user,
            item=item,
            time=values[self.time_field],
            first=first,
            values=values,
            n_users=self.user_num,
            n_items=self.item_num,
            training=np.zeros(len(user), dtype=bool),
            watch_time=parse_watch_time(self.config["watch_time"]),
            tokens=tokens,
        )
        if self.splits_by_time:
            self.log = self.log.with_training_before(self.cuts().valid)

    def _other_tokens(self, names: Iterable[str]) -> List[str]:
        """List the token columns among some, users and items left out."""
        ids = (self.uid_field, self.iid_field)
        return [f for f in names if f not in ids and self.field2type[f] == FeatureType.TOKEN]

    def _target_rows(self) -> np.ndarray:
        """Mark the rows to predict: not the first of their user, and positive, (R,) bool."""
        condition = self.config["positive_feedback"]
        estimated = estimated_labels(self.log, condition)
        if estimated and not self.splits_by_time:
            raise InputError(
                f"positive_feedback: {', '.join(estimated)} is estimated from training rows, which "
                "only split_by_time tells before the targets are known; use it in eval_args, or "
                "watch_ratio or long_view here"
            )
        positive = self._positive_rows(condition)
        positive &= self.log.has_history
        return positive

    def _positive_rows(self, condition: Any) -> np.ndarray:
        """Mark the rows of the log that meet a condition, (R,) bool."""
        return positive_rows(self.log, condition, "positive_feedback")

    def _rows_to_predict(self) -> Any:
        """Return the numbers of the rows to predict, (N,) int64, as `LogRows` reads them."""
        return torch.from_numpy(np.flatnonzero(self._target_rows()))

    def _log_trained_on(self, train: Dataset) -> RequestLog:
        """Return the log whose training part is what the training split `train` holds."""
        return self.log.with_training_targets(train.inter_feat[REQUEST_ID].numpy())


class RequestLogMixin(LogMixin):
    """Mixin for sequential data sets: rows that are no targets are context.

    The training part of `log` is final after `build`, and `trends` holds what is known of all items
    when, by the field of a row's step.
    """

    trends: Dict[str, Dated]

    def _set_alias(self, alias_name: str, default_value: List[Any]) -> None:
        """Read the histories of files that are split beforehand as the items that they are.

        Raises
        ------
        InputError
            If the files hold no histories.
        """
        if alias_name == "item_id" and self.config["benchmark_filename"] is not None:
            # RecBole looks for this very name (data/dataset/sequential_dataset.py:164)
            if _HISTORY not in self.inter_feat or self.iid_field != "item_id":
                raise InputError(
                    f"benchmark_filename: {self.config['model']} reads the history of each row in "
                    f"a column '{_HISTORY}:token_seq' beside 'item_id:token', which "
                    f"{self.dataset_path} lacks or load_col does not name; without it give one "
                    ".inter file and eval_args"
                )
            default_value = [*default_value, _HISTORY]
        super()._set_alias(alias_name, default_value)

    def _aug_presets(self) -> None:
        """Name the columns of histories, as RecBole does.

        Raises
        ------
        InputError
            If the file has a column of such a name.
        """
        suffix = self.config["LIST_SUFFIX"]
        for field in list(self.inter_feat):
            if f"{field}{suffix}" in self.inter_feat:
                raise InputError(
                    f"{self.dataset_path}: column '{field}{suffix}' has the name of the histories "
                    f"that are made of '{field}'; rename it, or leave it out with unload_col"
                )
        super()._aug_presets()

    def _benchmark_presets(self) -> None:
        """Count the items of each row's history, as RecBole does.

        Raises
        ------
        InputError
            If a history is empty, or longer than what the model reads.
        """
        super()._benchmark_presets()
        most, length = self.config["MAX_ITEM_LIST_LENGTH"], self.inter_feat[_HISTORY].agg(len)
        if length.min() < 1 or length.max() > most:
            raise InputError(
                f"benchmark_filename: the histories in {self.dataset_path} have {length.min()} to "
                f"{length.max()} items; {self.config['model']} takes 1 to {most} of them, and "
                "MAX_ITEM_LIST_LENGTH may be raised"
            )

    def data_augmentation(self) -> None:
        """Augment as RecBole does; then number the rows and drop those that are no targets."""
        super().data_augmentation()
        # RecBole makes a row of every interaction that is not the first of its user, in order
        requests = np.flatnonzero(self.log.has_history)
        self.inter_feat[REQUEST_ID] = torch.from_numpy(requests)
        targets = np.flatnonzero(self._target_rows()[requests])
        if len(targets) < len(requests):
            self.inter_feat = self.inter_feat[targets]

    def build(self) -> List[Dataset]:
        """Split, and tell the log its training part: what the training split holds.

        A split by time has told it already: all rows before validation, targets or not.
        """
        datasets = super().build()
        if REQUEST_ID in datasets[0].inter_feat and not self.splits_by_time:
            self.log = self._log_trained_on(datasets[0])
            for dataset in datasets:
                dataset.log = self.log
        self._tell_steps(datasets)
        return datasets

    def _tell_steps(self, datasets: List[Dataset]) -> None:
        """Count what the logit terms know when, and tell the rows of all splits their steps."""
        self.trends = trends_of(self.config, datasets[0].log)
        for dataset in datasets:
            dataset.trends = self.trends
            for field, trends in self.trends.items():
                rows = dataset.inter_feat[REQUEST_ID].numpy()
                dataset.inter_feat[field] = trends.step(self.log.time[rows])


class PredictedRowsMixin(LogMixin):
    """Mixin for data sets without sequences: what sequential models predict is all that there is.

    With ``positive_feedback`` the other rows are context to sequential models. A model that reads
    no context learns from the same targets, and is evaluated on the same ones.
    """

    def _change_feat_format(self) -> None:
        if self.config["benchmark_filename"] is not None:
            raise InputError(
                "positive_feedback: needs one .inter file, not those of benchmark_filename"
            )
        super()._change_feat_format()
        rows = np.flatnonzero(self._target_rows())
        self.inter_feat = self.inter_feat[rows]
        self.inter_feat[REQUEST_ID] = torch.from_numpy(rows)
