"""How POEM learns of a batch: what it makes of the positions, and which terms of the loss read it.

All terms of the loss act on the user state that evaluation uses. In joint training they move all
of the model. In stacked training the history learns as if there were no rankings, from the terms
that teach it; all terms act on the user state, and their gradients stop at the history states and
at what scores the items, which are those of evaluation.
"""

from functools import partial
from typing import Any, List, Optional, Sequence, Tuple

import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID, SAMPLED_NEGATIVE, TARGET_ID
from recbole_poem.encoders.tables import Opened
from recbole_poem.logits.scoring import Interest, Items, best_matching
from recbole_poem.losses.softmax import full_log_probability, sampled_log_probability
from recbole_poem.losses.terms import Learnt, LogProbability, LossTerm
from recbole_poem.models.positions import Positions, positions


def log_probability_of(
    batch: Interaction, items: Items, log_q: Optional[torch.Tensor]
) -> LogProbability:
    """Return the function of an interest and positives (T, P) to their log softmax (T, P).

    It is exact where `log_q` is None, else over the batch's sample. Of several interests of a
    request a positive is learned by the best-matching one.
    """

    def of_one(interest: Interest, wanted: torch.Tensor, by: Items) -> torch.Tensor:
        if log_q is None:
            return full_log_probability(interest, by, wanted)
        return sampled_log_probability(interest, by, wanted, batch[SAMPLED_NEGATIVE], log_q)

    def of_several(
        interest: Interest, wanted: torch.Tensor, by: Optional[Items] = None
    ) -> torch.Tensor:
        by = items if by is None else by
        if interest.state.shape[1] == 1:
            return of_one(interest, wanted, by)
        single = best_matching(interest, by, wanted)
        return of_one(single, wanted.reshape(-1, 1), by).view_as(wanted)

    return of_several


def parts_of(terms: Sequence[LossTerm], learnt: Learnt) -> List[torch.Tensor]:
    """Return the part of each term; the log probabilities they ask for are computed at once."""
    wanted = [term.positives(learnt) for term in terms]
    widths = [each.shape[1] for each in wanted]
    together = torch.cat(wanted, dim=1)
    found = together.float()  # empty where no term asks, which spares the whole catalogue
    if together.shape[1]:
        found = learnt.log_probability(learnt.asking, together)
    return [term(learnt, part) for term, part in zip(terms, found.split(widths, dim=1))]


def names_of_parts(model: Any) -> List[str]:
    """Return the names of what `calculate_parts` returns: of the terms, in the same order."""
    terms = model.losses.items()
    if not model.is_stacked:
        return list(model.losses)
    of_history = [f"history {name}" for name, term in terms if term.teaches_history]
    return of_history + [name for name, term in terms if term.teaches_state]


def calculate_parts(model: Any, batch: Interaction) -> Tuple[torch.Tensor, ...]:
    """Return the weighted parts of the loss of a batch.

    Parameters
    ----------
    model : POEM
    batch : Interaction
        From `recbole_poem.data.dataloader.POEMTrainDataLoader`.
    """
    opened = model.opened(batch)
    batch, weight, ids = opened
    target = batch[TARGET_ID]  # (B, W)
    carrying, others = positions(batch, target > 0)
    asks = batch[REQUEST_ID] >= 0  # (B, R), Q of them hold
    table = model.table(weight)  # of all items, once a step
    history, items = model.states(batch, table), model.scoring_items(weight, ids)
    log_q = None if model.log_q is None else opened.of(model.log_q)
    rest = at_rest(model, opened, table.detach(), carrying) if model.is_stacked else None
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
        places=carrying,
        others=model.interest(history[others], steps[others], before, None, items),
        other_target=target[others],
        other_places=others,
        items=items,
        log_probability=log_probability_of(batch, items, log_q),
        request_weight=model.request_weight,
        n_processes=model.n_processes,
        score_fusion=None if read is None else model.ranking_side.score_fusion,
        context=context,
        history=history,
        encode=partial(model.states, batch, table),
        seen=batch[model.ITEM_SEQ],
        rows=model.rows(batch),
        n_items=model.n_items,
    )
    if rest is None:
        return tuple(parts_of(terms, learnt))
    state, fixed = rest
    on_top = learnt._replace(
        asking=model.interest(state, steps[carrying], seen, read, fixed, at_rest=True),
        others=None,
        history=None,
        encode=None,
        seen=None,
        rows=None,
        items=fixed,
        log_probability=log_probability_of(batch, fixed, log_q),
    )
    of_history = [term for term in terms if term.teaches_history]
    of_state = [term for term in terms if term.teaches_state]
    return tuple(parts_of(of_history, learnt) + parts_of(of_state, on_top))


def at_rest(
    model: Any, opened: Opened, table: torch.Tensor, where: Positions
) -> Tuple[torch.Tensor, Items]:
    """Return the history states at positions, (P, K, d), and what scores items, as in evaluation.

    What learns on top of them would learn to trust them as little as dropout leaves of them.
    """
    model.history_encoder.eval()
    with torch.no_grad():
        states = model.states(opened.batch, table)
        items = model.scoring_items(opened.weight, opened.ids)
    model.history_encoder.train(model.training)
    return states[where], items.detach()  # parts of which are parameters as they are
