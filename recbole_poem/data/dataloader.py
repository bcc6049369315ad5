"""Training batches of POEM: windows with a target at every position, and the requests they carry.

A batch holds B windows of up to W rows. Every row of the training split is the target of exactly
one window position per epoch. Of each window, R positions are drawn as *requests*: they carry what
the model reads and learns from beside the history. The windows, their order and every draw depend
on the seed, the epoch and the row alone, so that several processes share one epoch's batches.
"""

from typing import Any, Callable, Dict, Mapping, Optional

import numpy as np
import torch
from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import (
    BATCH_NUMBER,
    DRAW_ID,
    NEXT_ROW,
    RANKING_DRAW,
    REQUEST_ID,
    REQUEST_POSITION,
    SAMPLED_NEGATIVE,
    SYSTEM_POSITIVE,
    TARGET_ID,
)
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.core.processes import n_processes
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.data.rankings_read import epochs_of
from recbole_poem.data.shared_negatives import SharedNegatives
from recbole_poem.data.windows import gather_windows, next_rows
from recbole_poem.log.row_features import field_of

#: from request ids, draw ids and the batch so far to a field of the batch
FieldMaker = Callable[[torch.Tensor, torch.Tensor, Interaction], torch.Tensor]


class POEMTrainDataLoader(AbstractDataLoader):
    """Windows over the training rows, cut anew at each epoch.

    ``train_batch_size`` counts prediction rows, as RecBole's does: a batch has so many windows
    that it holds at most that many targets. Of several processes each holds a share of every
    batch; windows without a row fill up the shares of the last one.

    Parameters
    ----------
    config : Config
    dataset : POEMDataset
        The training split.
    fields : mapping
        What makes the fields that the terms of the loss need, by their names: of request ids
        (B, R), draw ids (B, R) and the batch so far. System positives are made first, whatever the
        order of the terms: negatives must not be among them.
    reads_rankings : bool
        Whether requests carry the rankings of the requests before them.
    shared_negatives : SharedNegatives or None
        Source of the sampled softmax's negatives, where the catalogue is too large for all items.
    shuffle : bool
    """

    def __init__(
        self,
        config: Any,
        dataset: POEMDataset,
        fields: Mapping[str, FieldMaker],
        reads_rankings: bool,
        shared_negatives: Optional[SharedNegatives] = None,
        shuffle: bool = False,
    ) -> None:
        log = dataset.log
        self._epochs = epochs_of(config, dataset)
        self._steps = {name: each.step(log.time) for name, each in dataset.trends.items()}
        self._fields = dict(sorted(fields.items(), key=lambda each: each[0] != SYSTEM_POSITIVE))
        self._reads_rankings = reads_rankings
        self._shared_negatives = shared_negatives
        self._max_length = config["MAX_ITEM_LIST_LENGTH"]
        self._seed = config["seed"]
        self.item_list = dataset.iid_field + config["LIST_SUFFIX"]
        self._dataset = dataset
        self._shuffle_windows = shuffle
        self._n_processes = n_processes(config)
        self.set_epoch(0)
        self.sample_size = len(self._start)
        super().__init__(config, dataset, None, shuffle=False)

    def set_epoch(self, epoch: int) -> None:
        """Cut the windows of `epoch` and put them in its order."""
        start, length = self._epochs.windows(epoch, self._shuffle_windows)
        fill = (0, -len(start) % self._n_processes)
        self._start = torch.from_numpy(np.pad(start, fill))
        self._length = torch.from_numpy(np.pad(length, fill))
        self._epoch = epoch

    def _init_batch_size_and_step(self) -> None:
        self.step = max(1, self.config["train_batch_size"] // self._max_length)
        self.set_batch_size(self.step)

    def collate_fn(self, index: Any) -> Interaction:
        """Collect the windows `index`, their targets and their requests."""
        index = torch.as_tensor(index)
        start, length = self._start[index], self._length[index]
        width = max(1, int(length.max()))
        item = self._dataset.flat[self._dataset.iid_field]
        is_target = self._epochs.targets(start, length, width)
        target = gather_windows(item, start + 1, length, width) * is_target
        batch = Interaction(
            {
                self._dataset.uid_field: self._dataset.flat[self._dataset.uid_field][start],
                self.item_list: gather_windows(item, start, length, width),
                TARGET_ID: target,
                NEXT_ROW: next_rows(start, length, width),
            }
        )
        batch[BATCH_NUMBER] = torch.tensor([self._epoch * self._n_batches + self._step_of(index)])
        for name, values in self._dataset.row_windows(start, length, width).items():
            batch[field_of(name)] = values * self._knows(name, start).unsqueeze(1)
        for name, step in self._steps.items():
            batch[name] = gather_windows(step, start + 1, length, width)
        self._add_requests(batch, start, is_target)
        if self._shared_negatives is not None:
            drawn = self._shared_negatives.draw(self._epoch, self._step_of(index))
            batch[SAMPLED_NEGATIVE] = drawn
        return batch

    def _step_of(self, index: torch.Tensor) -> int:
        """Return the step of the epoch, from 0, whose share of this process are windows `index`."""
        return int(index.min()) // (self.step * self._n_processes)

    @property
    def _n_batches(self) -> int:
        """Steps of an epoch; the number of windows does not depend on the epoch."""
        return -(-len(self._start) // (self.step * self._n_processes))

    def _knows(self, name: str, start: torch.Tensor) -> torch.Tensor:
        """Draw which windows know a row feature, (B,) bool; the others teach to do without."""
        draw = start + self._epoch * len(self._dataset.log)
        share = uniform(self._seed, Purpose.HISTORY_GAP, draw)
        return share >= self._dataset.row_features[name].dropout

    def _add_requests(
        self, batch: Interaction, start: torch.Tensor, is_target: torch.Tensor
    ) -> None:
        """Draw R target positions of each window, and collect what their requests carry."""
        request, position, draw = self._epochs.requests(self._epoch, start, is_target)
        batch[REQUEST_ID], batch[REQUEST_POSITION], batch[DRAW_ID] = request, position, draw
        if self._reads_rankings:
            for name, values in self._rankings(request.numpy()).items():
                batch[name] = values
        for name, make in self._fields.items():
            batch[name] = make(request, draw, batch)

    def _rankings(self, request: np.ndarray) -> Dict[str, torch.Tensor]:
        """Read what requests (B, R) read, by the fields of a batch."""
        if self.config["n_rankings"] == 1:
            return self._dataset.rankings(request, self.config["request_lag"])
        fields, written = self._dataset.several_rankings(request)
        # a ranking is drawn from once in an epoch, whoever reads it
        draw = torch.from_numpy(written.clip(min=0)) + self._epoch * len(self._dataset.log)
        return {**fields, RANKING_DRAW: draw}
