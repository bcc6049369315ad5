"""The re-rankers of a run, one after the other: evaluation, replay and service ask it alike."""

from typing import Any, List, NamedTuple, Sequence, cast

import torch
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.models.poem import POEM
from recbole_poem.rerankers import Context, Feedback, Observer, Reranker


class Head(NamedTuple):
    """The items of B requests that could change places.

    Attributes
    ----------
    item, score : (B, P)
        Best first.
    placed : (B, P) int64
        The same items in the order of the list.
    """

    item: torch.Tensor
    score: torch.Tensor
    placed: torch.Tensor

    def over(self, scores: torch.Tensor) -> torch.Tensor:
        """Hand out the head's scores of a catalogue (B, n_items) in the order of the list.

        What is below them keeps its place, and ranks and lists follow from the scores as ever.
        """
        return scores.scatter(1, self.placed, self.score)


class Chain:
    """Re-rankers in the order in which they are listed; false without any.

    Parameters
    ----------
    rerankers : sequence of Reranker

    Attributes
    ----------
    pool : int
        Items with the highest scores that change places; 0 without a re-ranker.
    reads_states : bool
        Whether one of them reads user states.
    observes : bool
        Whether one of them learns from what came of its lists.
    slot_hours : float
        The longest time until an evaluation tells what came of lists; 0 where none observes.
    n_shown : int
        S, places of a list that count as shown; 0 where none observes.
    """

    def __init__(self, rerankers: Sequence[Reranker]) -> None:
        self._rerankers: List[Reranker] = list(rerankers)
        self._observers = [
            cast(Observer, each) for each in self._rerankers if hasattr(each, "observe")
        ]
        self.pool = max((each.pool for each in self._rerankers), default=0)
        self.reads_states = any(each.reads_states for each in self._rerankers)
        self.observes = bool(self._observers)
        self.slot_hours = max((each.slot_hours for each in self._observers), default=0.0)
        self.n_shown = max((each.n_shown for each in self._observers), default=0)

    def __bool__(self) -> bool:
        return bool(self._rerankers)

    def head(self, context: Context, scores: torch.Tensor) -> Head:
        """Place the best items of a catalogue by their scores (B, n_items)."""
        score, item = scores.topk(min(self.pool, scores.shape[1]), dim=1)
        return Head(item, score, item.gather(1, self.placed(context, item, score)))

    def placed(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> torch.Tensor:
        """Return in which order the best items of B requests are put on their lists.

        Parameters
        ----------
        context : Context
        item, score : (B, P)
            Different items, best first, `pool` of them or all; -inf = not to be recommended.

        Returns
        -------
        (B, P) int64
            Columns of `item`, best first.
        """
        column = torch.arange(item.shape[1], device=item.device).expand_as(item)
        for each in self._rerankers:
            size = each.pool
            order, head = each.rerank(context, item[:, :size], score[:, :size])
            score = torch.cat([head, score[:, size:]], dim=1)
            item, column = (
                torch.cat([of[:, :size].gather(1, order), of[:, size:]], dim=1)
                for of in (item, column)
            )
        return column

    def shown(self, placed: torch.Tensor, score: torch.Tensor) -> torch.Tensor:
        """Return the part of lists that counts as shown, (B, S) int64.

        Parameters
        ----------
        placed : (B, P) int64
            Items in the order of the list.
        score : (B, P)
            As they are handed out to them; -inf = not to be recommended, which nobody is shown: 0.
        """
        return placed.masked_fill(score == -torch.inf, 0)[:, : self.n_shown]

    def observe(self, feedback: Feedback) -> None:
        """Let those that observe learn what came of lists, each of the items that it places."""
        for each in self._observers:
            item, score = feedback.item[:, : each.pool], feedback.score[:, : each.pool]
            each.observe(feedback._replace(item=item, score=score))

    def forget(self) -> None:
        """Let those that observe know nothing any more."""
        for each in self._observers:
            each.forget()


def chain_of(config: Any, dataset: Dataset) -> Chain:
    """Return the re-rankers that a configuration lists.

    Raises
    ------
    InputError
        If one lacks what it goes by.
    """
    if not config.component("rerankers"):  # a model that ranks no lists has no such stage
        return Chain([])
    chain = []
    for name, choice in config.component("rerankers").items():
        made = choice.make(config, dataset)
        if made.reads_states and not issubclass(config.model_class, POEM):
            raise InputError(
                f"rerankers.{name}: it reads user states, and {config['model']} gives scores "
                "alone; leave it out, or take POEM"
            )
        if hasattr(choice.component, "observe"):
            _check_in_time_order(config, name)
        chain.append(made)
    return Chain(chain)


def _check_in_time_order(config: Any, name: str) -> None:
    """Refuse what cannot be evaluated in the order of time.

    Raises
    ------
    InputError
        If the rows are split over processes, lie in several files, or their items are sampled.
    """
    where = f"rerankers.{name}: it learns from row to row, in the order of time"
    if not config["single_spec"]:
        raise InputError(f"{where}, so one process has to evaluate; set nproc to 1")
    if config["benchmark_filename"] is not None:
        raise InputError(f"{where}; give one .inter file and not those of benchmark_filename")
    if any(mode != "full" for mode in config["eval_args"]["mode"].values()):
        raise InputError(f"{where}, and of the whole catalogue; set the mode of eval_args to full")
