"""The number for what was consumed already: once a row of the history, and not for padding."""

import torch

from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.logits.scoring import Items, of_state
from recbole_poem.logits.terms import Asked


def test_every_row_of_the_history_adds_the_number_and_padding_adds_nothing() -> None:
    term = LOGIT_TERMS.choose("repeat", "logit_terms")["repeat"].make(0, 100)
    interest = of_state(torch.zeros(1, 1, 2), torch.zeros(1, 0, dtype=torch.int64))
    asked = Asked(interest, torch.tensor([[4, 2, 4, 0]]), None, Items(torch.zeros(5, 2)))
    assert not term(asked).logit.any()  # from zero
    torch.nn.init.constant_(term.logit, -1.5)
    item, logit = term(asked)
    assert item.tolist() == [[4, 2, 4, 0]]
    assert logit.tolist() == [[-1.5, -1.5, -1.5, 0]]
    assert not term.reads_ranking
