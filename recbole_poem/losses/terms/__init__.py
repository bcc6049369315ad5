"""Loss terms: each names the fields of a batch that it needs, and returns a weighted part."""

from typing import (
    Any,
    Callable,
    Dict,
    NamedTuple,
    Optional,
    Protocol,
    Tuple,
    runtime_checkable,
)

import torch
from recbole.data.interaction import Interaction
from torch import nn

from recbole_poem.encoders.history import HistoryEncoder
from recbole_poem.encoders.positions import Rows
from recbole_poem.fusion.scores import LearnedFusion
from recbole_poem.log.requests import RequestLog
from recbole_poem.logits.scoring import Interest, Items

#: from request ids (B, R), draw ids (B, R) and the batch so far to a field of the batch; the batch
#: has the items and targets of its windows, the rows behind their positions, and its number
FieldMaker = Callable[[torch.Tensor, torch.Tensor, Interaction], torch.Tensor]
#: windows (P,) and positions in them (P,): where in a batch P positions are
Places = Tuple[torch.Tensor, torch.Tensor]


class LogProbability(Protocol):
    """The softmax over the catalogue, exact or sampled as the keys say."""

    def __call__(
        self, interest: Interest, wanted: torch.Tensor, by: Optional[Items] = None
    ) -> torch.Tensor:
        """Return the log probability (T, P) of positives.

        Parameters
        ----------
        interest : Interest
            Of T requests.
        wanted : (T, P) int64
            0 = none.
        by : Items, optional
            What scores the catalogue; default: the model's.
        """


class Learnt(NamedTuple):
    """What a batch is learned from.

    Attributes
    ----------
    batch : Interaction
    asks : (B, R) bool
        Which of its request slots hold a request; Q of them do.
    asking : Interest
        Of the Q requests.
    target : (Q,) int64
        What was consumed at them.
    places : Places
        Where the requests are; a field (B, W, ...) gives their part of it by these.
    others : Interest or None
        Of the T positions that carry no request, and their targets (T,); None where these are
        learned from elsewhere.
    other_target : (T,) int64
    other_places : Places
    items : Items
    log_probability : callable
    request_weight : float
        Of a position that carries a request, against one that does not.
    n_processes : int
        That share the batch.
    score_fusion : LearnedFusion or None
        None where none is learned.
    context : (Q, C) or None
        Who asks at the Q requests, as the score fusion is told.
    history : (B, W, K, d) or None
        The history states at every position; None where these are learned from elsewhere.
    encode : callable or None
        From item ids (B, W), in the place of the batch's, to their history states (B, W, K, d), by
        the same weights with a new dropout; None as `history`.
    seen : (B, W) int64 or None
        Items of the histories, 0 = padding; None as `history`.
    rows : Rows or None
        Their row features; None as `history`.
    n_items : int, optional
        Of the catalogue, with the padding; None = `items` are all of them.
    """

    batch: Interaction
    asks: torch.Tensor
    asking: Interest
    target: torch.Tensor
    places: Places
    others: Optional[Interest]
    other_target: torch.Tensor
    other_places: Places
    items: Items
    log_probability: LogProbability
    request_weight: float
    n_processes: int
    score_fusion: Optional[LearnedFusion] = None
    context: Optional[torch.Tensor] = None
    history: Optional[torch.Tensor] = None
    encode: Optional[Callable[[torch.Tensor], torch.Tensor]] = None
    seen: Optional[torch.Tensor] = None
    rows: Optional[Rows] = None
    n_items: Optional[int] = None


class LossTerm(Protocol):
    """A component of the stage ``losses``, made of its settings.

    One with weights of its own is a torch module, made of `recbole_poem.losses.parts.Parts` as
    well; its weights are learned, saved and averaged with the model's.
    """

    #: whether, in stacked training, it also acts on the history states as if there were no rankings
    teaches_history: bool
    #: whether it acts on the user state of requests; one that does not reads `Learnt.history` alone
    teaches_state: bool
    #: whether a model learns to tell items by nothing else; others go beside such a term
    stands_alone: bool
    #: whether it asks for log probabilities of the softmax over the catalogue, in `positives`
    asks_softmax: bool
    #: whether the rows of its batch's items are all that it reads of items, in whatever order they
    #: are numbered; a term that does not say so learns with all items at hand alone
    reads_rows_alone: bool

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the fields of a batch that the term needs, by their names.

        Parameters
        ----------
        settings : Settings
        data : recbole_poem.data.negatives.TrainingData
            What the training part offers.
        """

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Tell whether its fields are made of the request cache."""

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return the positives (Q, P) whose log probability it wants; 0 = none."""

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Return the weighted part of the loss, of the log probabilities (Q, P) asked for."""


@runtime_checkable
class ReadsColumns(Protocol):
    """A loss term that reads columns of the log, which its settings name."""

    @staticmethod
    def check_columns(settings: Any, log: RequestLog) -> None:
        """Refuse columns that a log does not have, before rankings are made.

        Raises
        ------
        InputError
        """


@runtime_checkable
class SpeaksAtEnd(Protocol):
    """A loss term that has something to say of a training that was too short for it."""

    def at_end(self, n_batches: int) -> Optional[str]:
        """Return what to say where the weights that are kept come of so many batches, or None."""


@runtime_checkable
class FollowsEpochs(Protocol):
    """A loss term that is told when an epoch begins, and what the model is then."""

    def begin_epoch(self, item_embedding: nn.Embedding, history_encoder: HistoryEncoder) -> None:
        """Look at the weights of the model before another epoch moves them."""
