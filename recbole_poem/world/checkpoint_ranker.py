"""A trained ranker in the world's place: it gets what a platform's gets, and no more."""

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.multi_task_ranker import MultiTaskRanker
from recbole_poem.rankers.ranking_requests import RankingRequests
from recbole_poem.serving.loading import Loaded
from recbole_poem.world.dataset import BEGIN, feedback, item_tokens, user_tokens
from recbole_poem.world.history import NONE
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.world import World

_CELLS = 2**13  # candidates that are scored at once, so that they stay in the processor's cache


class CheckpointRanker:
    """Scores candidates by a trained `MultiTaskRanker`: one score a target, its prediction.

    The history is that of training, the latest exposures with what came of them, up to now. Of the
    user's mind it sees nothing.

    Parameters
    ----------
    loaded : Loaded
        Of a checkpoint that was trained on the data set of this world.
    world : World

    Attributes
    ----------
    objectives : list of str
        Names of the targets.
    checkpoint : str

    Raises
    ------
    InputError
        If it is a checkpoint of another model, or reads what this world does not
        tell, or does not know a video or a user of it.
    """

    def __init__(self, loaded: Loaded, world: World) -> None:
        if not isinstance(loaded.model, MultiTaskRanker):
            raise InputError(
                f"{loaded.name}: {type(loaded.model).__name__} is no ranker; give a checkpoint of "
                "MultiTaskRanker, or the word world"
            )
        if "request_context" in (loaded.config.component("ranker_input") or {}):
            raise InputError(
                f"{loaded.name}: the ranker reads columns of requests (request_context), which "
                "live requests of this world do not have; train one without them"
            )
        self.checkpoint = loaded.name
        self._model: MultiTaskRanker = loaded.model
        self._world, self._log = world, loaded.dataset.log
        self._n_recent = int(loaded.config["MAX_ITEM_LIST_LENGTH"])
        dataset = loaded.dataset
        self._item = _ids(loaded, dataset.iid_field, item_tokens(world.n_items), "video")
        self._user = _ids(loaded, dataset.uid_field, user_tokens(world.n_users), "user")
        self.objectives = [target.name for target in self._model.targets]

    def score(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """Score candidates; see `recbole_poem.world.cascade.Ranker.score`."""
        there = items != NONE
        # what is no candidate is not looked at: about every third of two retrievals
        first = np.argsort(~there, axis=1, kind="stable")[:, : there.sum(axis=1).max(initial=0)]
        packed = self._scored(asked, np.take_along_axis(items, first, axis=1))
        found = np.zeros((*items.shape, packed.shape[2]), dtype=packed.dtype)
        np.put_along_axis(found, first[..., None], packed, axis=1)
        return found

    @torch.no_grad()
    def _scored(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        device = next(self._model.parameters()).device
        requests = self.requests(asked, items)
        at_once = max(1, _CELLS // max(1, items.shape[1]))
        parts = [
            self._model.score(RankingRequests(*(column[rows].to(device) for column in requests)))
            for rows in torch.arange(len(items)).split(at_once)
        ]
        return torch.cat(parts).cpu().numpy()

    def requests(self, asked: Asked, items: np.ndarray) -> RankingRequests:
        """Return what the model reads of requests and their candidates (B, R)."""
        history = asked.history
        recent = slice(None, -self._n_recent - 1, -1)  # the latest first
        item, time = history.item[:, recent], history.time[:, recent]
        there = item != NONE
        now, last = np.floor(asked.time).astype(np.int64), history.time[:, -1]
        columns = (
            self._user[asked.user],
            np.where(items == NONE, 0, self._item[items]),
            np.where(there, self._item[item], 0),
            BEGIN + now,
            np.where(history.item[:, -1] == NONE, -1, now - last.astype(np.int64)),
            np.where(
                (there & (time < asked.time[:, None]))[..., None],
                self._labels(item, time, history.seconds[:, recent], history.reactions[:, recent]),
                np.float32(np.nan),
            ),
            np.empty((len(items), 0)),
        )
        return RankingRequests(*map(torch.from_numpy, columns))

    def _labels(
        self, item: np.ndarray, time: np.ndarray, seconds: np.ndarray, reactions: np.ndarray
    ) -> np.ndarray:
        """Return what came of exposures (B, H) for each target, (B, H, M) float32."""
        flat, log = item.ravel(), self._log
        by_reaction = np.moveaxis(reactions, -1, 0).reshape(len(self._world.reactions), flat.size)
        by_name = dict(zip(self._world.reactions, by_reaction))
        told = feedback(self._world, flat, seconds.ravel(), by_name)
        lived = RequestLog(
            user=np.ones_like(flat),
            item=self._item[flat],
            time=BEGIN + time.ravel(),
            first=np.zeros_like(flat),
            values={name: column.astype(float) for name, column in told.items()},
            n_users=log.n_users,
            n_items=log.n_items,
            training=np.zeros(flat.size, dtype=bool),
            watch_time=log.watch_time,
        )
        labels = [target.labels(lived) for target in self._model.targets]
        of_targets = np.stack(labels, axis=-1).astype(np.float32)
        return of_targets.reshape(*item.shape, len(labels))


def _ids(loaded: Loaded, field: str, tokens: np.ndarray, what: str) -> np.ndarray:
    """Return the id of each token in a training."""
    known = loaded.dataset.field2token_id[field]
    missing = [token for token in tokens if token not in known]
    if missing:
        raise InputError(
            f"{loaded.name}: the ranker does not know the {what} '{missing[0]}' of this world; "
            "give a checkpoint that was trained on its data set"
        )
    return np.array([known[token] for token in tokens], dtype=np.int64)
