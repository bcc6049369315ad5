"""The best of many scores, a catalogue's at once."""

from typing import Tuple

import torch
import torch.nn.functional as F

_BLOCK = 128  # scores


def top_k(scores: torch.Tensor, k: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return the k highest scores of each row and their columns, best first.

    As ``scores.topk(k)`` does, but from the blocks with the k highest maxima alone, among which the
    k highest scores are: one pass over the catalogue instead of several.

    Parameters
    ----------
    scores : (B, n)
    k : int
        From 1; fewer columns are returned where n is smaller.
    """
    n = scores.shape[1]
    n_blocks = n // _BLOCK
    k = min(k, n)
    if n_blocks <= 2 * k:
        return scores.topk(k, dim=1)
    whole = scores[:, : n_blocks * _BLOCK].unflatten(1, (n_blocks, _BLOCK))
    rest = scores[:, n_blocks * _BLOCK :]
    chosen = whole.amax(dim=2).topk(k, dim=1).indices  # (B, k)
    among = whole.gather(1, chosen.unsqueeze(2).expand(-1, -1, _BLOCK)).flatten(1)
    among = torch.cat([among, rest], dim=1)
    best, place = among.topk(k, dim=1)
    block = F.pad(chosen, (0, 1), value=n_blocks).gather(1, (place // _BLOCK).clamp_max(k))
    in_block = torch.where(place < k * _BLOCK, place % _BLOCK, place - k * _BLOCK)
    return best, block * _BLOCK + in_block
