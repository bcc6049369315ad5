"""A trained checkpoint that answers raw histories, of users whom training never saw.

The answers are those of the evaluation: the same windows, the same model, the same scores. What a
request brings beside its history is the entry of the previous request, where there is one.
"""

from functools import cached_property
from logging import getLogger
from typing import Any, Dict, Iterable, List, Optional, Sequence

import dgl
import numpy as np
import pandas as pd
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender

from recbole_poem import checkpoint
from recbole_poem.cascade.fusion import fuse, rank_weights
from recbole_poem.config import Config
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.data.preparation import swing_graph
from recbole_poem.data.windows import gather_windows
from recbole_poem.errors import InputError
from recbole_poem.experiment import create_dataset
from recbole_poem.fields import CACHE_ITEM, CACHE_SCORE, REQUEST_ID
from recbole_poem.graph.neighbours import similar_items
from recbole_poem.serving.entry import Entry
from recbole_poem.serving.entry_batch import EntryBatch, look_up
from recbole_poem.serving.histories import FlatHistories, Histories, flatten
from recbole_poem.upstream.build import objective_weights

_CELLS = 2**26  # scores that are held at once: 256 MiB


class Recommender:
    """Recommends to raw histories; made by `load`.

    Parameters
    ----------
    config : Config
    model : SequentialRecommender
        Trained.
    dataset : Dataset
        The training split, whose items the model knows.
    """

    def __init__(self, config: Config, model: SequentialRecommender, dataset: Any) -> None:
        self.config, self.model = config, model.eval()
        self._dataset = dataset
        self._tokens = pd.Index(np.asarray(dataset.field2id_token[dataset.iid_field]).astype(str))
        self._log = dataset.log

    @classmethod
    def load(cls, path: str, config_dict: Optional[Dict[str, Any]] = None) -> "Recommender":
        """Load the best epoch of a checkpoint that the command wrote, of any sequential model.

        The data set is read for its items; no request cache is built or opened.

        Parameters
        ----------
        path : str
            The checkpoint.
        config_dict : dict, optional
            Keys to change, such as ``data_path`` or ``gpu_id``.

        Raises
        ------
        InputError
            If the file is missing, cut short, foreign, does not fit its data set any more, or is of
            a model that is not sequential.
        """
        state = checkpoint.read(path)
        given = {**state["config"], "hide_target": False, **(config_dict or {})}
        given = {key: value for key, value in given.items() if key != "nproc"}
        name = given.pop("model")
        config = Config(name, given.pop("dataset"), config_dict=given)
        if not issubclass(config.model_class, SequentialRecommender):
            raise InputError(
                f"{path}: {name} is not sequential, it knows its users by number alone"
            )
        whole = create_dataset(config)
        checkpoint.check_tokens(state, whole, path)
        train = whole.build()[0]
        if isinstance(train, POEMDataset):
            names = state["other_parameter"].get("objectives")
            if not isinstance(names, list):
                raise InputError(f"{path}: the checkpoint names no objectives; train it again")
            train.objectives = tuple(map(str, names))
            train.objective_weights = objective_weights(config, max(1, len(names)))
        model = config.model_class(config, train).to(config["device"])
        checkpoint.load_weights(model, state, path)
        return cls(config, model, train)

    @property
    def objectives(self) -> List[str]:
        """Names of the scores that the model reads in an entry; empty if it reads none."""
        reads = getattr(self.model, "entry_reader", None) is not None
        return list(self.model.objectives) if reads else []

    # -- recommending ---------------------------------------------------------------------------

    def recommend(
        self,
        histories: Histories,
        k: int = 10,
        entries: Optional[Sequence[Optional[Entry]]] = None,
        filter_seen: bool = True,
        allow: Optional[Iterable[Any]] = None,
        deny: Optional[Iterable[Any]] = None,
        draws: Optional[Sequence[int]] = None,
    ) -> pd.DataFrame:
        """Recommend items to each request.

        Parameters
        ----------
        histories
            Raw item tokens, see `recbole_poem.serving.histories.flatten`. Tokens that training
            never saw are left out and counted.
        k : int
            Length of the lists; fewer where fewer items may be recommended.
        entries : sequence of Entry or None, optional
            What the ranking stage said at each user's previous request, in the order of the
            requests; None where nothing is known.
        filter_seen : bool
            Whether items of the given history may not be recommended.
        allow, deny : iterables of tokens, optional
            The only items that may be recommended, and items that may not.
        draws : sequence of int, optional
            Keys of the random draw from the groups of an entry, one a request. As a rule the
            history is the key, so that the same request gets the same answer.

        Returns
        -------
        DataFrame
            Columns request, rank (from 1), item, score; ``attrs["unknown_items"]`` counts the
            tokens of histories and entries that were left out. An empty history gets the
            candidates of its entry, by fused score, and then what is popular.

        Raises
        ------
        InputError
            For arguments that do not fit each other.
        """
        if not isinstance(k, int) or k < 1:
            raise InputError(f"k: expected a whole number from 1, not {k!r}")
        flat = flatten(histories, self._tokens)
        n_requests = len(flat.request)
        for name, given in (("entries", entries), ("draws", draws)):
            if given is not None and len(given) != n_requests:
                raise InputError(f"{name}: {len(given)} for {n_requests} requests")
        read = look_up(
            [None] * n_requests if entries is None else entries, self.objectives, self._tokens
        )
        allowed = self._allowed(allow, deny)
        size = max(1, _CELLS // len(self._tokens))
        parts = [
            self._recommend(flat, slice(b, b + size), read, k, filter_seen, allowed, draws)
            for b in range(0, n_requests, size)
        ]
        columns = ["request", "rank", "item", "score"]
        found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        n_unknown = flat.n_unknown + read.n_unknown
        if n_unknown:
            getLogger().info(f"{n_unknown} item tokens are unknown to the model and were left out")
        found.attrs["unknown_items"] = n_unknown
        return found

    @torch.no_grad()
    def _recommend(
        self,
        flat: FlatHistories,
        block: slice,
        entries: EntryBatch,
        k: int,
        filter_seen: bool,
        allowed: np.ndarray,
        draws: Optional[Sequence[int]],
    ) -> pd.DataFrame:
        """Recommend to a block of the requests."""
        requests = np.arange(len(flat.request))[block]
        entries = entries.of(block)
        scores = self._scores(flat, requests, entries, None if draws is None else draws[block])
        scores[:, ~torch.from_numpy(allowed)] = -torch.inf
        if filter_seen:
            length = flat.length[requests]
            row = np.repeat(np.arange(len(requests)), length)
            seen = flat.item[flat.begin[requests[0]] : flat.begin[requests[-1] + 1]]
            scores[row, seen] = -torch.inf
        best, found = scores.topk(min(k, scores.shape[1]), dim=1)
        given, place = (best > -torch.inf).nonzero(as_tuple=True)
        return pd.DataFrame(
            {
                "request": flat.request[requests[given.numpy()]],
                "rank": place.numpy() + 1,
                "item": self._tokens.to_numpy()[found[given, place].numpy()],
                "score": best[given, place].numpy(),
            }
        )

    def _scores(
        self,
        flat: FlatHistories,
        requests: np.ndarray,
        entries: EntryBatch,
        draws: Optional[Sequence[int]],
    ) -> torch.Tensor:
        """Score the catalogue for some requests: (B, n_items) on the CPU."""
        scores = torch.empty(len(requests), len(self._tokens))
        has_history = flat.length[requests] > 0
        told, untold = np.flatnonzero(has_history), np.flatnonzero(~has_history)
        if len(untold):
            scores[untold] = self._without_history(entries.of(untold))
        if len(told):
            batch = self._interaction(flat, requests[told])
            if self.objectives:
                batch[CACHE_ITEM], batch[CACHE_SCORE] = entries.items[told], entries.scores[told]
                batch[REQUEST_ID] = (
                    _key(batch[self.model.ITEM_SEQ])
                    if draws is None
                    else torch.as_tensor(draws)[told]
                )
            scores[told] = self._model_scores(batch.to(self.config["device"])).cpu()
        return scores

    def _interaction(self, flat: FlatHistories, requests: np.ndarray) -> Interaction:
        """Return the windows of requests with at least one known item."""
        width = self.config["MAX_ITEM_LIST_LENGTH"]
        length = np.minimum(flat.length[requests], width)
        start = flat.begin[requests + 1] - length
        columns = (torch.from_numpy(column) for column in (flat.item, start, length))
        item, first, n = columns
        return Interaction(
            {
                self.model.ITEM_SEQ: gather_windows(item, first, n, width),
                self.model.ITEM_SEQ_LEN: n,
                self.model.USER_ID: torch.zeros_like(n),  # nobody whom training saw
            }
        )

    def _model_scores(self, batch: Interaction) -> torch.Tensor:
        """Score the catalogue for requests with a history."""
        try:
            return self.model.full_sort_predict(batch).view(len(batch), len(self._tokens))
        except NotImplementedError as error:
            raise InputError(
                f"{type(self.model).__name__} scores single items, it cannot rank a catalogue"
            ) from error

    def _without_history(self, entries: EntryBatch) -> torch.Tensor:
        """Score where there is no history: candidates from 1, other items by popularity below."""
        shape = len(entries.items), len(self._tokens)
        scores = torch.from_numpy(self._popularity).expand(shape).clone()
        if entries.items.shape[1]:
            valid = entries.items > 0
            kappa, power = self.config["rank_kappa"], self.config["rank_power"]
            quintuple = rank_weights(entries.scores, valid, kappa, power)
            weights = torch.tensor(self._dataset.objective_weights, dtype=torch.float32)
            fused = 1 + fuse(quintuple, weights)
            scores = scores.scatter_reduce(1, entries.items, fused * valid, "amax")
        scores[:, 0] = -torch.inf
        return scores

    @cached_property
    def _popularity(self) -> np.ndarray:
        """Share of each item in the training rows, (n_items,) float32."""
        count = np.bincount(self._log.item[self._log.training], minlength=len(self._tokens))
        return (count / max(count.sum(), 1)).astype(np.float32)

    # -- what a request brings ------------------------------------------------------------------

    def _allowed(self, allow: Optional[Iterable[Any]], deny: Optional[Iterable[Any]]) -> np.ndarray:
        """Mark the items that may be recommended, (n_items,) bool."""
        allowed = np.ones(len(self._tokens), dtype=bool)
        if allow is not None:
            allowed[:] = False
            allowed[self._ids(allow)] = True
        if deny is not None:
            allowed[self._ids(deny)] = False
        allowed[0] = False
        return allowed

    def _ids(self, tokens: Iterable[Any]) -> np.ndarray:
        ids = self._tokens.get_indexer(pd.Index([str(token) for token in tokens], dtype=object))
        return ids[ids > 0]

    # -- items ----------------------------------------------------------------------------------

    @cached_property
    def _graph(self) -> dgl.DGLGraph:
        return swing_graph(self.config, self._log)

    def similar_items(self, item: Any, k: int = 10) -> pd.DataFrame:
        """Return the neighbours of an item in the Swing graph: item, similarity, best first.

        Raises
        ------
        InputError
            If the item is unknown, or the checkpoint is not of POEM.
        """
        if not isinstance(self._dataset, POEMDataset):
            raise InputError("similar_items: the item graph is POEM's; load a checkpoint of POEM")
        ids = self._ids([item])
        if not len(ids):
            raise InputError(f"similar_items: the model does not know the item '{item}'")
        found, similarity = similar_items(self._graph, torch.from_numpy(ids), k)
        kept = found[0] > 0
        tokens = self._tokens.to_numpy()[found[0][kept].numpy()]
        return pd.DataFrame({"item": tokens, "similarity": similarity[0][kept].numpy()})


def _key(windows: torch.Tensor) -> torch.Tensor:
    """Return a number for each window (B, L) that depends on its items and their places: (B,)."""
    factor = torch.arange(1, 2 * windows.shape[1], 2, device=windows.device) * 0x9E3779B1
    return (windows * factor).sum(dim=1) & (2**31 - 1)
