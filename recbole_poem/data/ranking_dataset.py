"""The data of a multi-task ranker: every exposure is a row to learn from."""

from typing import Any, List

import numpy as np
import torch
from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import (
    RECENT_ITEM,
    RECENT_LABEL,
    REQUEST_CONTEXT,
    REQUEST_GAP,
    REQUEST_ID,
    REQUEST_TIME,
    TASK_LABEL,
    UNEXPOSED_ITEM,
)
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.data.dataset import FlatSequentialDataset
from recbole_poem.log.exposures import Exposures, exposures
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.request_columns import context_of
from recbole_poem.rankers.targets import targets_of


class RankingDataset(FlatSequentialDataset):
    """The flat data set whose rows to predict are all that some target has a label for.

    ``positive_feedback``, which tells what a retrieval model is to find, does not matter here.
    """

    exposures: Exposures

    def _keep_log(self) -> None:
        super()._keep_log()
        # before the split nobody knows which rows are training's; which rows have a label does not
        # depend on it
        log = self.log if self.log.training.any() else self.log.with_training(self.log.item > 0)
        self.exposures = exposures_of(self.config, log)

    def _target_rows(self) -> np.ndarray:
        return self.exposures.labelled & self.log.has_history

    def build(self) -> List[Dataset]:
        """Split, and label the rows by what the training part says."""
        datasets = super().build()
        found = exposures_of(self.config, datasets[0].log)
        for dataset in datasets:
            dataset.exposures = found
        return datasets


def exposures_of(config: Any, log: RequestLog) -> Exposures:
    """Label the rows of a log for the ranker of a configuration.

    Parameters
    ----------
    config : Config
        Of the ranker.
    log : RequestLog
        Targets that have to be fitted are fitted on its training part.

    Raises
    ------
    InputError
        For targets that the log cannot answer, and columns of requests that it does not have.
    """
    targets, n_recent = targets_of(config, log), config["MAX_ITEM_LIST_LENGTH"]
    return exposures(log, targets, n_recent, config["time_unit"], context_of(config, log))


class ExposureDataLoader(AbstractDataLoader):
    """Batches of exposures with what a ranker reads and learns from.

    Parameters
    ----------
    config : Config
    dataset : FlatSequentialDataset
        Whose users and items they are.
    of : Exposures
    rows : (E,) int64
        Rows of the log.
    shuffle : bool
    n_unexposed : int
        n, items drawn uniformly beside each exposure, others in every epoch.
    """

    def __init__(
        self,
        config: Any,
        dataset: Any,
        of: Exposures,
        rows: np.ndarray,
        shuffle: bool = False,
        n_unexposed: int = 0,
    ) -> None:
        self.exposures, self.rows = of, rows
        self._n_unexposed = n_unexposed
        self._epoch = 0
        self.sample_size = len(rows)
        super().__init__(config, dataset, None, shuffle=shuffle)

    def _init_batch_size_and_step(self) -> None:
        self.step = self.config["train_batch_size"]
        self.set_batch_size(self.step)

    def set_epoch(self, epoch: int) -> None:
        """Draw the unexposed items of `epoch` from now on."""
        self._epoch = epoch

    def collate_fn(self, index: Any) -> Interaction:
        """Collect the exposures `index`."""
        of, rows = self.exposures, self.rows[np.asarray(index)]
        columns = {
            self._dataset.uid_field: of.log.user[rows],
            self._dataset.iid_field: of.log.item[rows],
            REQUEST_ID: rows,
            RECENT_ITEM: of.recent(rows),
            RECENT_LABEL: of.recent_labels(rows),
            REQUEST_TIME: of.seconds[rows],
            REQUEST_GAP: of.gap[rows],
            REQUEST_CONTEXT: of.context[rows],
            TASK_LABEL: of.labels[rows],
        }
        batch = Interaction({name: torch.from_numpy(values) for name, values in columns.items()})
        if self._n_unexposed:
            batch[UNEXPOSED_ITEM] = self._unexposed(rows)
        return batch

    def _unexposed(self, rows: np.ndarray) -> torch.Tensor:
        """Draw items from 1 for `rows` (B,), (B, n).

        The number of a row in the log depends on what users do later; its place among the rows of
        its user does not.
        """
        log = self.exposures.log
        user, place = (
            torch.from_numpy(c).unsqueeze(1) for c in (log.user[rows], log.position[rows])
        )
        slot = torch.arange(self._n_unexposed)
        share = uniform(self.config["seed"], Purpose.UNEXPOSED, self._epoch, user, place, slot)
        return 1 + (share * (log.n_items - 1)).long()


def training_loader(
    config: Any, dataset: Any, of: Exposures, rows: np.ndarray
) -> ExposureDataLoader:
    """Return the loader of the exposures that a ranker learns from, with unexposed items."""
    n_unexposed = config["unexposed_negatives"]
    return ExposureDataLoader(config, dataset, of, rows, config["shuffle"], n_unexposed)
