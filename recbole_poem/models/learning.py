"""How POEM learns of a batch: what it makes of the positions, and which terms of the loss read it.

All terms of the loss act on the user state that evaluation uses. In joint training they move all
of the model. In stacked training the history learns as if there were no rankings, from the terms
that teach it; all terms act on the user state, and their gradients stop at the history states and
at what scores the items, which are those of evaluation.
"""

from typing import Any, List, Optional, Sequence, Tuple

import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID, SAMPLED_NEGATIVE, TARGET_ID
from recbole_poem.logits.scoring import Interest, Items, best_matching
from recbole_poem.losses.softmax import full_log_probability, sampled_log_probability
from recbole_poem.losses.terms import Learnt, LossTerm
from recbole_poem.models.positions import Positions, positions


def log_probability_of(batch: Interaction, items: Items, log_q: Optional[torch.Tensor]) -> Any:
    """Return the function of an interest and positives (T, P) to their log softmax (T, P).

    It is exact where `log_q` is None, else over the batch's sample. Of several interests of a
    request a positive is learned by the best-matching one.
    """

    def of_one(interest: Interest, wanted: torch.Tensor) -> torch.Tensor:
        if log_q is None:
            return full_log_probability(interest, items, wanted)
        return sampled_log_probability(interest, items, wanted, batch[SAMPLED_NEGATIVE], log_q)

    def of_several(interest: Interest, wanted: torch.Tensor) -> torch.Tensor:
        if interest.state.shape[1] == 1:
            return of_one(interest, wanted)
        single = best_matching(interest, items, wanted)
        return of_one(single, wanted.reshape(-1, 1)).view_as(wanted)

    return of_several


def parts_of(terms: Sequence[LossTerm], learnt: Learnt) -> List[torch.Tensor]:
    """Return the part of each term; the log probabilities they ask for are computed at once."""
    wanted = [term.positives(learnt) for term in terms]
    widths = [each.shape[1] for each in wanted]
    found = learnt.log_probability(learnt.asking, torch.cat(wanted, dim=1))
    return [term(learnt, part) for term, part in zip(terms, found.split(widths, dim=1))]


def names_of_parts(model: Any) -> List[str]:
    """Return the names of what `calculate_parts` returns: of the terms, in the same order."""
    terms = model.losses.items()
    of_history = [f"history {name}" for name, term in terms if term.teaches_history]
    return [*of_history, *model.losses] if model.is_stacked else list(model.losses)


def calculate_parts(model: Any, batch: Interaction) -> Tuple[torch.Tensor, ...]:
    """Return the weighted parts of the loss of a batch.

    Parameters
    ----------
    model : POEM
    batch : Interaction
        From `recbole_poem.data.dataloader.POEMTrainDataLoader`.
    """
    target = batch[TARGET_ID]  # (B, W)
    carrying, others = positions(batch, target > 0)
    asks = batch[REQUEST_ID] >= 0  # (B, R), Q of them hold
    table = model.table()  # of all items, once a step
    history, items = model.states(batch, table), model.scoring_items()
    rest = at_rest(model, batch, table.detach(), carrying) if model.is_stacked else None
    of_requests = history[carrying]
    context = (of_requests if rest is None else rest[0]).mean(dim=1).detach()
    read = None
    if model.ranking_side is not None:
        of_rankings = table.detach() if model.is_stacked else table
        read = model.ranking_side.of_windows(of_rankings, batch, asks, context)
    seen, steps = carrying.up_to(batch[model.ITEM_SEQ]), model.steps(batch, target)
    before = others.up_to(batch[model.ITEM_SEQ])
    terms = list(model.losses.values())
    below = None if model.is_stacked else read
    asking = model.interest(of_requests, steps[carrying], seen, below, items)
    learnt = Learnt(
        batch=batch,
        asks=asks,
        asking=asking,
        target=target[carrying],
        others=model.interest(history[others], steps[others], before, None, items),
        other_target=target[others],
        items=items,
        log_probability=log_probability_of(batch, items, model.log_q),
        request_weight=model.request_weight,
        n_processes=model.n_processes,
        score_fusion=None if read is None else model.ranking_side.score_fusion,
        context=context,
    )
    if rest is None:
        return tuple(parts_of(terms, learnt))
    state, fixed = rest
    on_top = learnt._replace(
        asking=model.interest(state, steps[carrying], seen, read, fixed, at_rest=True),
        others=None,
        items=fixed,
        log_probability=log_probability_of(batch, fixed, model.log_q),
    )
    of_history = [term for term in terms if term.teaches_history]
    return tuple(parts_of(of_history, learnt) + parts_of(terms, on_top))


def at_rest(
    model: Any, batch: Interaction, table: torch.Tensor, where: Positions
) -> Tuple[torch.Tensor, Items]:
    """Return the history states at positions, (P, K, d), and what scores items, as in evaluation.

    What learns on top of them would learn to trust them as little as dropout leaves of them.
    """
    model.history_encoder.eval()
    with torch.no_grad():
        states = model.states(batch, table)
        items = model.scoring_items()
    model.history_encoder.train(model.training)
    return states[where], items.detach()  # parts of which are parameters as they are
