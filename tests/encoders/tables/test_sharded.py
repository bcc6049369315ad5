"""Rows of several owners: fetched, moved and drawn as one process would."""

from typing import Any, Dict, List

import pytest
import torch
from recbole.data.interaction import Interaction
from toy_processes import on_processes

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import ITEM_IDS
from recbole_poem.core.stages import ITEM_TABLES
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.encoders.tables.exchange import renumbered
from recbole_poem.encoders.tables.sharded import Sharded

N_ITEMS = 23
SIZES = Sizes(4, 6, 1, 1, 8, 0.0, 0.0, seed=7)


def table(n_processes: int = 1, n_items: int = N_ITEMS) -> Sharded:
    made: Sharded = ITEM_TABLES.choose("sharded", "item_table").make(n_items, SIZES, n_processes)
    made.begin(0.5)
    return made


def batches(number: int = 5) -> List[torch.Tensor]:
    """Draw histories (8, 3), some of them the same items, and padding among them."""
    generator = torch.Generator().manual_seed(2)
    return [torch.randint(0, N_ITEMS, (8, 3), generator=generator) for _ in range(number)]


def trained(rank: int, n_processes: int) -> Dict[str, Any]:
    """Learn something of batches that the processes share; a gradient is a mean over them."""
    made = table(n_processes)
    for items in batches():
        own = items.tensor_split(n_processes)[rank]
        opened = made.opened(Interaction({"item": own}), ["item", "absent"])
        rows = opened.weight[opened.batch["item"]]
        loss = (
            n_processes * (rows * opened.named(opened.batch["item"]).unsqueeze(-1)).square().sum()
        )
        loss.backward()
        made.step(0.01, 0.9)
    with made.averaged():
        average = made.rows.clone()
    return {"ids": made.ids, "rows": made.rows, "average": average}


@pytest.mark.parametrize("n_processes", [2, 4])
def test_several_processes_learn_what_one_does(n_processes: int) -> None:
    one = trained(0, 1)
    assert one["ids"].tolist() == list(range(N_ITEMS))
    parts = on_processes(n_processes, trained)
    order = torch.cat([part["ids"] for part in parts]).argsort()
    for name in ("rows", "average"):
        together = torch.cat([part[name] for part in parts])[order]
        torch.testing.assert_close(together, one[name], rtol=1e-5, atol=1e-6)
    assert [len(part["ids"]) for part in parts] == [
        len(range(rank, N_ITEMS, n_processes)) for rank in range(n_processes)
    ]


def begun(rank: int, n_processes: int, n_items: int) -> Dict[str, torch.Tensor]:
    made = table(n_processes, n_items)
    return {"ids": made.ids, "rows": made.rows}


def test_rows_begin_the_same_whoever_owns_them() -> None:
    """Also where the draws are of several blocks of items."""
    n_items = 33_333
    one, parts = begun(0, 1, n_items), on_processes(3, begun, n_items)
    for part in parts:
        assert torch.equal(part["rows"], one["rows"][part["ids"]])
    assert (one["rows"][0] == 0).all()
    assert one["rows"][1:].std().item() == pytest.approx(0.5, rel=0.01)
    assert len(one["rows"][1:].unique()) > 0.99 * 4 * n_items


def test_items_are_numbered_anew_in_the_order_of_their_ids() -> None:
    batch = Interaction({"a": torch.tensor([[7, 3], [0, 9]]), "b": torch.tensor([3, 3])})
    anew, ids = renumbered(batch, ["a", "b"])
    assert ids.tolist() == [0, 3, 7, 9]
    assert anew["a"].tolist() == [[2, 1], [0, 3]]
    assert anew["b"].tolist() == [1, 1]
    assert torch.equal(anew[ITEM_IDS], ids)
    assert batch["a"].tolist() == [[7, 3], [0, 9]]


def test_padding_is_number_0_where_a_batch_has_none() -> None:
    anew, ids = renumbered(Interaction({"a": torch.tensor([4, 2])}), ["a"])
    assert ids.tolist() == [0, 2, 4]
    assert anew["a"].tolist() == [2, 1]


def test_rows_of_a_batch_alone_move() -> None:
    made = table()
    before = made.rows.clone()
    opened = made.opened(Interaction({"item": torch.tensor([3, 5])}), ["item"])
    opened.weight.sum().backward()
    made.step(0.1)
    moved = (made.rows != before).any(dim=1).nonzero().squeeze(1)
    assert moved.tolist() == opened.ids.tolist() == [0, 3, 5]
    assert made.average is None


def test_evaluation_leaves_nothing_to_learn_from() -> None:
    made = table()
    with torch.no_grad():
        made.opened(Interaction({"item": torch.tensor([3])}), ["item"])
    with pytest.raises(AssertionError, match="no batch was opened"):
        made.step(0.1)


def test_there_is_no_table_of_all_items() -> None:
    with pytest.raises(InputError, match="item_table: sharded has no table of all items"):
        _ = table().weight


def test_the_rows_are_no_weights_that_processes_would_copy() -> None:
    made = table()
    assert list(made.parameters()) == list(made.buffers()) == []
    assert made.state_dict() == {}


def test_rows_go_with_the_model_to_its_precision() -> None:
    holder = torch.nn.ModuleDict({"table": table()})
    holder.double()
    assert holder["table"].rows.dtype == torch.float64


@pytest.mark.parametrize("value", [0, -1, 1.5, "many"])
def test_a_block_has_one_score_at_least(value: Any) -> None:
    with pytest.raises(InputError, match=r"item_table.scores_at_once: expected a whole number"):
        ITEM_TABLES.choose({"name": "sharded", "scores_at_once": value}, "item_table")


def test_an_average_goes_on_with_another_decay() -> None:
    """What was averaged before stands; a decay of 0 leaves the rows alone."""
    one, other = table(), table()
    for made in (one, other):
        for items in batches(2):
            opened = made.opened(Interaction({"item": items[:2]}), ["item"])
            opened.weight.square().sum().backward()
            made.step(0.1, 0.9)
    with one.averaged():
        expected = one.rows.clone()
    other.average_by(0.5)
    with other.averaged():
        assert torch.equal(other.rows, expected)
    other.average_by(0)
    last = other.rows.clone()
    with other.averaged():
        assert torch.equal(other.rows, last)
