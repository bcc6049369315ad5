"""Windows of a toy world for losses with weights of their own: a state is the last item."""

from typing import Any, Optional

import torch
from recbole.data.interaction import Interaction
from torch import nn

from recbole_poem.core.fields import (
    ACTION,
    BATCH_NUMBER,
    FIRST_LEARNS,
    REWARD,
    SESSION_END,
    TARGET_ID,
)
from recbole_poem.core.stages import LOSSES
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.logits.scoring import Interest, Items, all_logits, of_state
from recbole_poem.losses.parts import Parts, term_of
from recbole_poem.losses.terms import Learnt


class LastItem(nn.Module):
    """The state is the embedding of the last item."""

    n_interests = 1

    def reset_parameters(self, std: float) -> None:
        pass

    def forward(self, items: torch.Tensor, rows: Any) -> torch.Tensor:
        return items.unsqueeze(2)

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        return items


def term(name: str, n_items: int, size: int, **settings: Any) -> Any:
    """Make a loss of `n_items`, padding included, and states (size,)."""
    chosen = LOSSES.of_one().choose({"name": name, **settings}, "losses")
    sizes = Sizes(size, 9, 1, 1, size, 0.0, 0.0, 7)
    return term_of(chosen, Parts(n_items, sizes, 1, 0.5, LastItem))


def log_probability(interest: Interest, wanted: torch.Tensor, by: Optional[Items]) -> torch.Tensor:
    logits = all_logits(interest, by)
    logits[:, 0] = -torch.inf
    return logits.log_softmax(dim=1).gather(1, wanted)


def learnt(
    embedding: torch.Tensor,
    rows: torch.Tensor,
    reward: Any,
    ends: Any,
    first_learns: bool = True,
    number: int = 0,
) -> Learnt:
    """Make windows (B, W) of rows (B, W + 1), 0 = none; the first position is a request.

    Parameters
    ----------
    embedding : (n_items, d)
        Of the first network, whose states are the last items'.
    rows : (B, W + 1) int64
    reward, ends : (B, W)
    first_learns : bool
    number : int
        Of the batch.
    """
    seen, action = rows[:, :-1], rows[:, 1:]
    there, here = action > 0, torch.zeros(len(rows), dtype=torch.int64)
    history = embedding[seen].unsqueeze(2)
    places = torch.arange(len(rows)), here
    other_places = there.index_put(places, torch.tensor(False)).nonzero(as_tuple=True)
    items = Items(embedding)
    fields = {
        ACTION: action,
        TARGET_ID: action,
        REWARD: torch.as_tensor(reward, dtype=torch.float32),
        SESSION_END: torch.as_tensor(ends),
        FIRST_LEARNS: torch.tensor([first_learns]),
        BATCH_NUMBER: torch.tensor([number]),
    }
    return Learnt(
        batch=Interaction(fields),
        asks=there[:, :1],
        asking=of_state(history[places]),
        target=action[places],
        places=places,
        others=of_state(history[other_places]),
        other_target=action[other_places],
        other_places=other_places,
        items=items,
        log_probability=lambda interest, wanted, by=items: log_probability(interest, wanted, by),
        request_weight=1.0,
        n_processes=1,
        history=history,
        seen=seen,
        rows={},
    )


def loss_of(loss: Any, of: Learnt) -> torch.Tensor:
    """Return a loss as the model asks for it."""
    wanted = loss.positives(of)
    if not wanted.shape[1]:
        return loss(of, torch.zeros(wanted.shape))
    return loss(of, of.log_probability(of.asking, wanted))
