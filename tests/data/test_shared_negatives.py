"""The negatives that a batch shares: their probabilities, and draws by them."""

import pytest
import torch
from toy_log import log_at

from recbole_poem.core.errors import InputError
from recbole_poem.data.shared_negatives import SharedNegatives

ITEMS = [1, 1, 1, 3, 3, 2, 2, 2]
TRAINING = [True, True, True, True, False, True, False, False]
LOG = log_at(range(8), ITEMS, n_items=5, training=TRAINING)


@pytest.mark.parametrize("rows_at_once", [3, 100])
def test_popularity_is_training_rows_and_one(
    monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr("recbole_poem.log.requests.ROWS_AT_ONCE", rows_at_once)
    log_q = SharedNegatives(LOG, "popularity", 4, seed=0).log_q
    torch.testing.assert_close(log_q.exp(), torch.tensor([0.0, 4, 2, 2, 1]) / 9)
    assert log_q[0] == -torch.inf


def test_items_are_drawn_by_their_probabilities() -> None:
    for distribution in ("popularity", "uniform"):
        negatives = SharedNegatives(LOG, distribution, 20_000, seed=1)
        drawn = negatives.draw(0, 0)
        share = torch.bincount(drawn, minlength=5) / len(drawn)
        torch.testing.assert_close(share, negatives.log_q.exp(), rtol=0, atol=0.01)
        assert not torch.equal(drawn, negatives.draw(0, 1))
        assert torch.equal(drawn, negatives.draw(0, 0))


def test_another_distribution_is_refused() -> None:
    with pytest.raises(InputError, match=r"^negative_distribution: there is no 'zipf'; known are"):
        SharedNegatives(LOG, "zipf", 4, seed=0)
