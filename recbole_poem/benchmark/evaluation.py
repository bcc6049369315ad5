"""What a trained model recommends each user: the target's rank and the head of the list.

Both protocols come from one pass: RecBole's, which ranks seen items like all others, and the one
that ranks them last.
"""

from functools import partial
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np
import pandas as pd
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.utils import ModelType
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.request_log import PredictedRowsMixin
from recbole_poem.data.seen import seen_items
from recbole_poem.models.table_fit import is_sharded
from recbole_poem.rerankers.chain import chain_of
from recbole_poem.rerankers.lists import Lists, in_time_order

#: "recbole": seen items are ranked like all others; "masked": they are ranked last.
PROTOCOLS = ("recbole", "masked")


class Recommendations(NamedTuple):
    """The outcome of one pass; U prediction rows, ordered by user and target.

    Attributes
    ----------
    user, target : (U,) str
        Raw tokens.
    rank : dict of protocol to (U,) int32
        Of the target among all items, 1 = first; ties go to the lower item id.
    top : dict of protocol to (U, k) int32
        The items of the k largest scores, best first.
    """

    user: np.ndarray
    target: np.ndarray
    rank: Dict[str, np.ndarray]
    top: Dict[str, np.ndarray]


def validation_protocol(config: Dict[str, Any]) -> str:
    """Return the protocol that a run's validation follows.

    Parameters
    ----------
    config : dict
        Of its record. RecBole masks what was seen for all but sequential models.
    """
    sequential = config.get("MODEL_TYPE") == str(ModelType.SEQUENTIAL)
    return "recbole" if sequential and not config.get("mask_seen") else "masked"


@torch.no_grad()
def recommend(trainer: Any, loader: Any, k: int, show_progress: bool = False) -> Recommendations:
    """Rank the catalogue for every row of a full-ranking loader.

    Parameters
    ----------
    trainer : recbole.trainer.Trainer
        Its model is evaluated as it is.
    loader : FullSortEvalDataLoader
        One that brings what its users have seen; whether it does decides "masked".
    k : int
        Length of the lists.

    Raises
    ------
    InputError
        If the loader samples its candidates, the items are shared out, or a score is NaN.
    """
    check_full_ranking(loader)
    check_lists(trainer.config)
    dataset = loader._dataset
    trainer.model.eval()
    trainer.tot_item_num = dataset.item_num
    if trainer.item_tensor is None:
        trainer.item_tensor = dataset.get_item_feature().to(trainer.device)
    lists = [Lists(chain_of(trainer.config, dataset), trainer.model, dataset) for _ in PROTOCOLS]
    if lists[0].in_time_order:
        loader = in_time_order(loader)
    first_requests = _first_requests(dataset) if isinstance(dataset, PredictedRowsMixin) else None
    parts = []
    for batch in tqdm(loader, "recommend", disable=not show_progress):
        interaction, seen, row, target = batch
        _, scores, _, _ = trainer._full_sort_batch_eval((interaction, None, row, target))
        if bool(scores.isnan().any()):
            raise InputError(f"{type(trainer.model).__name__} scores an item NaN")
        users = interaction[dataset.uid_field][row]
        if first_requests is not None:
            scores, row = scores[row.to(scores.device)], torch.arange(len(row))
            asked = pd.MultiIndex.from_arrays([users.cpu().numpy(), target.cpu().numpy()])
            seen_row, item = seen_items(dataset.log, first_requests.loc[asked].to_numpy())
            seen = (torch.from_numpy(seen_row), torch.from_numpy(item))
        ranked = [partial(_ranked, each, interaction, row, target, k) for each in lists]
        parts.append((users, target, *_both_protocols(scores, seen, row, target, *ranked)))
    columns = [torch.cat(column).cpu().numpy() for column in zip(*parts)]
    user = dataset.id2token(dataset.uid_field, columns[0]).astype(str)
    item = dataset.id2token(dataset.iid_field, columns[1]).astype(str)
    order = np.lexsort((item, user))
    ranks, tops = columns[2:4], columns[4:6]
    return Recommendations(
        user[order],
        item[order],
        {name: rank[order].astype(np.int32) for name, rank in zip(PROTOCOLS, ranks)},
        {name: top[order].astype(np.int32) for name, top in zip(PROTOCOLS, tops)},
    )


def _first_requests(dataset: PredictedRowsMixin) -> pd.Series:
    """Return the first request of each user for each item, indexed by (user, item)."""
    rows = dataset.inter_feat
    columns = (rows[field].numpy() for field in (dataset.uid_field, dataset.iid_field, REQUEST_ID))
    known = pd.DataFrame(dict(zip(("user", "item", "request"), columns)))
    return known.groupby(["user", "item"])["request"].min()


def check_lists(config: Any) -> None:
    """Refuse a model that makes no list of all scores.

    Raises
    ------
    InputError
        If its items are shared out.
    """
    if is_sharded(config):
        raise InputError(
            "item_table: sharded makes no list of all scores, which a benchmark reads; set "
            "item_table: dense, or open the checkpoint, which gathers the rows"
        )


def check_full_ranking(loader: Any) -> None:
    """Refuse a loader that samples its candidates.

    Raises
    ------
    InputError
        If it does.
    """
    if not isinstance(loader, FullSortEvalDataLoader):
        raise InputError("eval_args: the benchmark ranks the whole catalogue; set mode to full")


def as_sequential(
    found: Recommendations, whole: Dataset, split: Dataset, phase: str
) -> Recommendations:
    """Give a model that is not sequential the rows that sequential ones have, so that all compare.

    RecBole evaluates it per user: an item that a user's rows name twice counts once. And under
    leave-one-out a user of n rows has n - 1 samples in a sequential model and n in others (but for
    `PredictedRowsMixin`), the last of which is left for training: with two samples sequential
    models have no validation row, with one no test row.

    Parameters
    ----------
    found : Recommendations
        Of a model that is not sequential.
    whole, split : Dataset
        The data set before its split, and the part that was evaluated.
    phase : str
        "valid" or "test".
    """
    user, item = (split.inter_feat[field].numpy() for field in (split.uid_field, split.iid_field))
    if not whole.splits_by_time:
        n_rows = np.bincount(whole.inter_feat[whole.uid_field].numpy(), minlength=whole.user_num)
        n_samples = n_rows if isinstance(whole, PredictedRowsMixin) else n_rows - 1
        kept = n_samples[user] >= {"valid": 3, "test": 2}[phase]
        user, item = user[kept], item[kept]
    names = [split.id2token(split.uid_field, user), split.id2token(split.iid_field, item)]
    rows = pd.DataFrame({"user": names[0], "target": names[1]}).astype(str)
    rows = rows.sort_values(["user", "target"])
    known = pd.DataFrame({"user": found.user, "target": found.target})
    place = rows.merge(known.reset_index(), how="left")["index"].to_numpy()
    return Recommendations(
        found.user[place],
        found.target[place],
        {protocol: rank[place] for protocol, rank in found.rank.items()},
        {protocol: top[place] for protocol, top in found.top.items()},
    )


def _both_protocols(
    scores: torch.Tensor,
    seen: Optional[Tuple[torch.Tensor, torch.Tensor]],
    row: torch.Tensor,
    target: torch.Tensor,
    plainly: Callable[[torch.Tensor], "_Ranked"],
    masked: Callable[[torch.Tensor], "_Ranked"],
) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ranks and lists of the targets (U,): first without masking, then with.

    Parameters
    ----------
    scores : (B, n_items) float
        Changed.
    seen : (row, item) of what the users of the batch have seen, or None
    row, target : (U,) int64
    plainly, masked : function
        `_ranked` by each protocol, of scores (B, n_items).
    """
    rank, top = plainly(scores)
    if seen is None:
        return rank, rank, top, top
    rank_last(scores, seen, row.to(scores.device), target.to(scores.device))
    masked_rank, masked_top = masked(scores)
    return rank, masked_rank, top, masked_top


#: ranks (U,) and lists (U, k)
_Ranked = Tuple[torch.Tensor, torch.Tensor]


def _ranked(
    lists: Lists,
    interaction: Interaction,
    row: torch.Tensor,
    target: torch.Tensor,
    k: int,
    scores: torch.Tensor,
) -> _Ranked:
    """Return ranks and lists of the targets (U,) of some prediction rows and their scores."""
    row, target = row.to(scores.device), target.to(scores.device)
    if lists:
        scores = lists.reordered(scores, interaction, target)
    return rank_targets(scores[row], target), _largest(scores, k)[row]


def rank_last(
    scores: torch.Tensor,
    seen: Tuple[torch.Tensor, torch.Tensor],
    row: torch.Tensor,
    target: torch.Tensor,
) -> None:
    """Give what was seen the score -inf; a target that was seen before is still to be found.

    Parameters
    ----------
    scores : (B, n_items) float
        Changed.
    seen : (row, item) of what the users of the batch have seen
    row, target : (U,) int64
    """
    kept = scores[row, target]
    scores[seen] = -torch.inf
    scores[row, target] = kept


def rank_targets(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the rank (U,) of the items `target` (U,) by `scores` (U, n_items), 1 = first.

    An item with the same score is ahead if its id is lower.
    """
    own = scores.gather(1, target.unsqueeze(1))
    lower = torch.arange(scores.shape[1], device=scores.device) < target.unsqueeze(1)
    return 1 + ((scores > own) | ((scores == own) & lower)).sum(1)


def _largest(scores: torch.Tensor, k: int) -> torch.Tensor:
    return scores.topk(min(k, scores.shape[1] - 1)).indices
