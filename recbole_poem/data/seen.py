"""Masking what the user has seen, for every sequential model alike (key ``mask_seen``).

RecBole's full ranking of sequential models never masks seen items
(data/dataloader/general_dataloader.py, ``is_sequential``); its `Trainer` does mask whatever
history the loader hands it. The loader here hands it the items of all rows before the request.
"""

from typing import Any, Optional, Tuple

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.interaction import Interaction

from recbole_poem.fields import REQUEST_ID
from recbole_poem.upstream.requests import RequestLog

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
