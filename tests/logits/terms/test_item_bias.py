"""One number for each item: what it adds to all forms of a score, and that it is learned."""

import torch

from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.logits.added import LogitTerms
from recbole_poem.logits.scoring import Items, all_logits, logits_of, of_state, shared_logits


def test_it_adds_its_number_to_every_form_of_a_score() -> None:
    terms = LogitTerms(LOGIT_TERMS.choose(["item_bias"], "logit_terms"), 0, 0, {}, 5)
    bias = torch.tensor([0.0, 1.0, -2.0, 0.5, 3.0])
    embedding, state = torch.randn(5, 4), torch.randn(3, 2, 4)
    items = Items(terms.of_items(embedding))
    step = torch.zeros(3, 0, dtype=torch.int64)
    assert torch.equal(items.embedding[:, :4], embedding)  # learning begins without it
    with torch.no_grad():
        terms["item_bias"].of_item.copy_(bias)
    items = Items(terms.of_items(embedding))
    expected = (state @ embedding.T).amax(dim=1) + bias
    interest = of_state(terms.of_user(state), step)
    assert torch.allclose(all_logits(interest, items), expected, atol=1e-6)
    chosen = torch.tensor([[1, 4], [2, 2], [3, 1]])
    assert torch.allclose(logits_of(interest, items, chosen), expected.gather(1, chosen))
    assert torch.allclose(shared_logits(interest, items, torch.tensor([4, 1])), expected[:, [4, 1]])
    # an index finds by it: products of vectors alone
    products = interest.continued(()) @ items.from_now_on().T
    assert torch.allclose(products.amax(dim=1), expected, atol=1e-6)
    all_logits(interest, items).sum().backward()
    assert torch.equal(terms["item_bias"].of_item.grad, torch.full((5,), 3.0))


def test_without_it_states_and_items_are_what_they_were() -> None:
    terms = LogitTerms({}, 0, 0, {}, 5)
    embedding, state = torch.randn(5, 4), torch.randn(3, 1, 4)
    assert torch.equal(terms.of_items(embedding), embedding)
    assert torch.equal(terms.of_user(state), state)
