"""Masking what the user has seen, for every sequential model alike (key ``mask_seen``).

RecBole's full ranking of sequential models never masks seen items
(data/dataloader/general_dataloader.py, ``is_sequential``); its `Trainer` does mask whatever
history the loader hands it. The first loader here hands it the items of all rows before the
request. Of other models RecBole always masks; the second loader tells it of rows that they do not
learn from.
"""

from typing import Any, Optional, Tuple

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.log.requests import RequestLog

EvalBatch = Tuple[
    Interaction, Optional[Tuple[torch.Tensor, torch.Tensor]], torch.Tensor, torch.Tensor
]


def seen_items(log: RequestLog, requests: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """List what the users consumed before `requests` (B,), the target itself left out.

    Returns
    -------
    (index, item), both (E,) int64
        ``item[e]`` was consumed before request ``requests[index[e]]``.
    """
    index, row = log.rows_before(requests)
    item = log.item[row]
    is_target = item == log.item[requests][index]
    return index[~is_target], item[~is_target]


class SeenMaskingDataLoader(FullSortEvalDataLoader):
    """RecBole's full-ranking loader, with the seen items to mask beside each batch."""

    def collate_fn(self, index: Any) -> EvalBatch:
        """Collect prediction rows and their seen items."""
        interaction, _, positive_u, positive_i = super().collate_fn(index)
        requests = interaction[REQUEST_ID].numpy()
        rows, items = seen_items(self._dataset.log, requests)
        history = (torch.from_numpy(rows), torch.from_numpy(items))
        return interaction, history, positive_u, positive_i


class ContextMaskingDataLoader(FullSortEvalDataLoader):
    """RecBole's full-ranking loader for models without sequences, which masks by user.

    RecBole masks the targets of earlier parts; here it is all that the user consumed before the
    first target of the part that is evaluated, rows that are no targets included.
    """

    def __init__(self, config: Any, dataset: Any, sampler: Any, shuffle: bool = False) -> None:
        self._log: RequestLog = dataset.log
        self._first_request = np.full(self._log.n_users, len(self._log))
        users = dataset.inter_feat[dataset.uid_field].numpy()
        np.minimum.at(self._first_request, users, dataset.inter_feat[REQUEST_ID].numpy())
        super().__init__(config, dataset, sampler, shuffle=shuffle)

    def _set_user_property(self, uid: Any, used_item: Any, positive_item: Any) -> None:
        if uid is not None:
            end = self._first_request[uid]
            used_item = set(self._log.item[self._log.first[end] : end])
        super()._set_user_property(uid, used_item, positive_item)
