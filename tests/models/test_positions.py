"""Positions of windows against a loop over them."""

import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID, REQUEST_POSITION
from recbole_poem.models.positions import positions


def test_every_target_is_at_a_request_or_at_another_position() -> None:
    is_target = torch.tensor([[True, True, False, True], [False, True, False, False]])
    batch = Interaction(
        {
            REQUEST_ID: torch.tensor([[7, 9], [4, -1]]),
            REQUEST_POSITION: torch.tensor([[3, 0], [1, 0]]),
        }
    )
    carrying, others = positions(batch, is_target)
    assert list(zip(carrying.window.tolist(), carrying.position.tolist())) == [
        (0, 3), (0, 0), (1, 1)
    ]  # fmt: skip
    assert list(zip(others.window.tolist(), others.position.tolist())) == [(0, 1)]


def test_a_position_has_seen_the_items_up_to_itself() -> None:
    items = torch.tensor([[5, 6, 7, 8], [1, 2, 0, 0]])
    batch = Interaction(
        {REQUEST_ID: torch.tensor([[3], [4]]), REQUEST_POSITION: torch.tensor([[2], [0]])}
    )
    carrying, _ = positions(batch, items > 0)
    assert carrying.up_to(items).tolist() == [[5, 6, 7, 0], [1, 0, 0, 0]]
