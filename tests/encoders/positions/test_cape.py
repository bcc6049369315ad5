"""Context-aware positions: against slow loops, and where their answer is known."""

from typing import Any

import pytest
import torch

from recbole_poem.core.stages import HISTORY_ENCODERS, POSITIONS
from recbole_poem.encoders.sizes import Sizes

SIZES = Sizes(8, 6, 2, 2, 16, 0.0, 0.0, seed=0)


def cape(is_awake: bool = True) -> Any:
    torch.manual_seed(0)
    position = POSITIONS.choose({"name": "cape", "size": 3}, "position").make(SIZES)
    if is_awake:
        torch.nn.init.normal_(position.places)
    return position.requires_grad_(False)


def slow(position: Any, query: Any, key: Any, padding: int, row: int, column: int) -> float:
    """Read one number of one head from the paper's equations; `padding` rows stand in front.

    The gates of padding and of later rows are 0.
    """
    place = 0.0
    for k in range(column, row + 1):
        if k >= padding:
            place += 1 - float(torch.sigmoid(query[row] @ key[k] / 2))  # the root of e = 4
    place = min(place, SIZES.max_length)
    asked = position.project(query[row])
    asked = asked * torch.sigmoid(asked)
    table = position.places.view(3, -1)
    low = int(place)
    high = min(low + 1, table.shape[1] - 1)
    lower, upper = float(asked @ table[:, low]), float(asked @ table[:, high])
    return lower + (place - low) * (upper - lower)


@pytest.mark.parametrize("length", [1, 3, 6])
def test_padding_on_the_right_gives_what_slow_loops_over_padding_on_the_left_give(
    length: int,
) -> None:
    """What stands behind a window, or before it, counts for nothing."""
    position, padding = cape(), 6 - length
    query, key = 2 * torch.randn(2, 1, 2, 6, 4)
    found = position.bias(query, key, {}, None)
    left = [torch.cat([torch.randn(padding, 4), part[0, 1, :length]]) for part in (query, key)]
    for row in range(length):
        for column in range(row + 1):
            expected = slow(position, *left, padding, row + padding, column + padding)
            assert float(found[0, 1, row, column]) == pytest.approx(expected, abs=1e-5)


def test_what_comes_after_a_query_has_no_step() -> None:
    query, key = torch.randn(2, 2, 2, 6, 4)
    position, place = cape(), torch.tensor([4, 1])
    found = position.steps(query, key, None)
    assert torch.equal(found, found.tril())
    assert bool((found.diff(dim=-1) <= 0).all())
    one = query[torch.arange(2), :, place].unsqueeze(2)
    alone = position.steps(one, key, place)
    torch.testing.assert_close(alone, found[torch.arange(2), :, place].unsqueeze(2))


@pytest.mark.parametrize(("sign", "farther"), [(-1, 1), (1, 0)])
def test_steps_of_1_are_relative_places_and_steps_of_0_are_none(sign: int, farther: int) -> None:
    """Rows that are all unlike the query are as far as they are; those all alike are beside it."""
    position = cape()
    query = 100 * torch.ones(1, 2, 6, 4)
    found = position.bias(query, sign * query, {}, None)[0, 0]
    of_place = torch.nn.functional.silu(position.project(query[0, 0])) @ position.places.view(3, -1)
    for row in range(6):
        for column in range(row + 1):
            place = farther * (row - column + 1)
            torch.testing.assert_close(found[row, column], of_place[row, place])


@pytest.mark.parametrize("name", ["transformer", "mixture"])
def test_it_begins_as_attention_without_places(name: str) -> None:
    """The encoder's usual beginning leaves the table at zero, and what it says is then nothing."""
    items, encoders = torch.randn(2, 6, 8), []
    for position in ("cape", "learned"):
        torch.manual_seed(1)
        block = {"name": name, "position": position}
        encoders.append(HISTORY_ENCODERS.choose(block, "history_encoder").make(SIZES, {}).eval())
    one, other = encoders
    one.reset_parameters(0.5)
    assert not one.tokens.position.places.any()
    assert one.tokens.position.project.weight.any()
    other.load_state_dict(one.state_dict(), strict=False)
    torch.nn.init.zeros_(other.tokens.position.embedding.weight)
    torch.testing.assert_close(one(items, {}), other(items, {}))
    torch.nn.init.normal_(one.tokens.position.places)
    assert not torch.allclose(one(items, {}), other(items, {}), atol=1e-3)


def test_the_table_learns_from_its_beginning() -> None:
    position = cape(is_awake=False).requires_grad_(True)
    query, key = torch.randn(2, 2, 2, 6, 4)
    position.bias(query, key, {}, None).tril().sum().backward()
    assert bool(position.places.grad.any())
