"""What learned score fusions share: their settings, what they learn from, and who asks."""

from dataclasses import dataclass
from typing import Any, ClassVar, Dict, List, NamedTuple, Optional, Tuple, Type

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import Range, setting, setting_of
from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.places import Places


def learns(component: Type[Any]) -> bool:
    """Tell whether a score fusion is a `recbole_poem.fusion.scores.LearnedFusion`."""
    return hasattr(component, "loss")


_LABELS = Range(
    lambda v: (
        isinstance(v, dict)
        and bool(v)
        and all(isinstance(name, str) and isinstance(of, dict) for name, of in v.items())
    ),
    "names, each with a condition such as {rating: '[4,inf)'}, or {} for positive_feedback",
)


@dataclass(frozen=True)
class LearnedSettings:
    """Settings that every learned fusion has."""

    labels: Dict[str, Any] = setting(
        {"consumed": {}},
        _LABELS,
        "what is to come on top: names, and the condition on the rows that a ranking led to",
    )
    candidates: Choice = setting_of(
        SCORE_FUSIONS, "reciprocal_rank", "chooses the candidates, before anything is learned"
    )

    def check(self, where: str) -> None:
        """Refuse to choose candidates by what is learned later.

        Raises
        ------
        InputError
            Naming the setting.
        """
        if learns(self.candidates.component):
            raise InputError(
                f"{where}.candidates: {self.candidates.name} has to be learned, and the candidates "
                "are chosen before; take reciprocal_rank"
            )


class Lists(NamedTuple):
    """Rankings of Q requests, and what came of their candidates.

    Attributes
    ----------
    scores : (Q, N, M)
    valid : (Q, N) bool
        Which slots have a candidate.
    labels : (Q, N, L) bool
        Which candidates came to what, one column a label; False where there is no candidate.
    context : (Q, C), optional
        Who asked; None = not known.
    n_processes : int
        That share the batch.
    """

    scores: torch.Tensor
    valid: torch.Tensor
    labels: torch.Tensor
    context: Optional[torch.Tensor] = None
    n_processes: int = 1

    def telling(self) -> "Lists":
        """Return the rankings that a label puts a candidate on top of."""
        tells = self.labels.any(dim=-1).any(dim=-1)
        context = None if self.context is None else self.context[tells]
        of = self.scores[tells], self.valid[tells], self.labels[tells]
        return Lists(*of, context, self.n_processes)


class Personal(nn.Module):
    """Numbers that depend on who asks, and begin at zero: those of everybody, and a difference.

    Parameters
    ----------
    context_size : int
        C, of who asks; 0 = nothing is known of anybody.
    n_numbers : int
    """

    def __init__(self, context_size: int, n_numbers: int) -> None:
        super().__init__()
        self.usual = nn.Parameter(torch.zeros(n_numbers))
        self.of_user: Optional[nn.Linear] = None
        if context_size:
            self.of_user = nn.Linear(context_size, n_numbers, bias=False)

    def reset_parameters(self) -> None:
        """Begin at zero."""
        nn.init.zeros_(self.usual)
        if self.of_user is not None:
            nn.init.zeros_(self.of_user.weight)

    def forward(self, context: Optional[torch.Tensor]) -> torch.Tensor:
        """Return the numbers of contexts (Q, C), (Q, n); (1, n) where nobody is known."""
        usual = self.usual.unsqueeze(0)
        if context is None or self.of_user is None:
            return usual
        difference: torch.Tensor = self.of_user(F.layer_norm(context, context.shape[-1:]))
        return usual + difference


class OverPlaces(nn.Module):
    """What fusions share that learn over the places of scores, and hand out shares.

    Parameters
    ----------
    n_objectives : int
        M.
    cells : int
        S, of the places.
    """

    reads_ranks_alone: ClassVar[bool] = False
    gives_weights: ClassVar[bool] = True

    def __init__(self, n_objectives: int, cells: int) -> None:
        super().__init__()
        self.n_features = n_objectives + 1
        self.places = Places(n_objectives, cells)

    @classmethod
    def of_cache(cls, settings: Any, n_objectives: int) -> Any:
        """Return who chooses the candidates before anything is learned."""
        return settings.candidates.make(n_objectives)

    def fit(self, scores: torch.Tensor) -> None:
        """Put the knots of the places, by candidates (n, M) of training rankings."""
        self.places.fit(scores)

    @property
    def spans(self) -> List[Tuple[float, float]]:
        """The lowest and the highest score of each objective that the places were put by."""
        lowest, highest = self.places.knots[:, 0].tolist(), self.places.knots[:, -1].tolist()
        return list(zip(lowest, highest))
