"""Loss terms: each names the fields of a batch that it needs, and returns a weighted part."""

from typing import Any, Callable, Dict, NamedTuple, Optional, Protocol, Tuple

import torch
from recbole.data.interaction import Interaction

from recbole_poem.fusion.scores import LearnedFusion
from recbole_poem.logits.scoring import Interest, Items

#: from request ids (B, R), draw ids (B, R) and the batch so far to a field of the batch
FieldMaker = Callable[[torch.Tensor, torch.Tensor, Interaction], torch.Tensor]
#: log probability of positives (T, P), 0 = none, of an interest of T requests: (T, P)
LogProbability = Callable[[Interest, torch.Tensor], torch.Tensor]
#: windows (P,) and positions in them (P,): where in a batch P positions are
Places = Tuple[torch.Tensor, torch.Tensor]


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


class LossTerm(Protocol):
    """A component of the stage ``losses``, made of its settings; a module if it has weights."""

    #: whether, in stacked training, it also acts on the history states as if there were no rankings
    teaches_history: bool

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
