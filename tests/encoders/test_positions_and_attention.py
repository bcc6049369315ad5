"""What places say to an attention, and what it makes of it; in windows as at one place."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from toy_position import Clock

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import ATTENTIONS, HISTORY_ENCODERS, POSITIONS
from recbole_poem.encoders.sizes import Sizes

SIZES = Sizes(8, 10, 2, 2, 16, 0.3, 0.3, seed=0)
SECONDS = torch.tensor([[0.0, 1, 5, 6, 30, 31], [0.0, 9, 9, 9, 10, 90]], dtype=torch.float64)
FEATURES = {"time": SimpleNamespace(n_slots=0)}


@pytest.fixture
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    POSITIONS.components()
    monkeypatch.setitem(POSITIONS._components, "clock", Clock)


def encoder_of(name: str, features: Any = FEATURES, position: str = "clock") -> Any:
    torch.manual_seed(0)
    chosen = HISTORY_ENCODERS.choose({"name": name, "position": position}, "history_encoder")
    return chosen.make(SIZES, features).eval()


def awake(name: str, position: Any) -> Any:
    """Return an encoder that tells all it is told: nothing is left at zero."""
    reads = POSITIONS.choose(position, "position").component.reads
    encoder = encoder_of(name, {feature: FEATURES[feature] for feature in reads}, position)
    encoder.reset_parameters(0.5)
    for parameter in encoder.tokens.position.parameters():
        torch.nn.init.normal_(parameter)
    return encoder


#: every position that is registered, and the arms of some
EVERY = [
    "clock",
    *POSITIONS.components(),
    {"name": "rote", "combine": "heads", "levels": {"day": 1, "minute": 1}},
    {"name": "interpos", "combine": "mlp", "gaps": "days"},
]


@pytest.mark.usefixtures("_clock")
@pytest.mark.parametrize("position", EVERY, ids=str)
@pytest.mark.parametrize("name", ["transformer", "mixture", "ligr", "hstu"])
def test_a_position_says_the_same_in_a_window_and_at_one_place(name: str, position: Any) -> None:
    encoder, items, rows = awake(name, position), torch.randn(2, 6, 8), {"time": SECONDS}
    place = torch.tensor([3, 5])
    expected = encoder(items, rows)[torch.arange(2), place]
    torch.testing.assert_close(encoder.at(items, rows, place), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.usefixtures("_clock")
@pytest.mark.parametrize("position", EVERY, ids=str)
@pytest.mark.parametrize("name", ["transformer", "mixture", "ligr", "hstu"])
def test_what_stands_behind_a_row_says_nothing_of_it(name: str, position: Any) -> None:
    """Padding has time 0 and no item; whatever stands there, states before it are the same."""
    encoder, items, time = awake(name, position), torch.randn(2, 6, 8), 1.6e9 + 1e4 * SECONDS
    short = encoder(items[:, :4], {"time": time[:, :4]})
    for behind in (0.0, 1.0):
        padded, times = items.clone(), time.clone()
        padded[:, 4:] *= behind
        times[:, 4:] *= behind
        found = encoder(padded, {"time": times})[:, :4]
        torch.testing.assert_close(found, short, atol=1e-5, rtol=1e-4)


def test_every_position_says_something() -> None:
    """Two rows that change their places, with their times, give the last one another state."""
    items, time = torch.randn(2, 6, 8), 1.6e9 + 1e4 * SECONDS
    order = torch.tensor([1, 0, 2, 3, 4, 5])
    for name in POSITIONS.components():
        encoder = awake("transformer", name)
        states = [
            encoder(items[:, turn], {"time": time[:, turn]})[:, -1]
            for turn in (torch.arange(6), order)
        ]
        assert not torch.allclose(*states, atol=1e-3), name


@pytest.mark.usefixtures("_clock")
@pytest.mark.parametrize("name", ["transformer", "mixture", "ligr", "hstu"])
def test_times_have_a_say_from_their_own_row_on_and_only_relatively(name: str) -> None:
    encoder, items = encoder_of(name), torch.randn(2, 6, 8)
    plain = encoder(items, {"time": SECONDS})
    later = SECONDS.clone()
    later[:, 4:] += 7
    moved = encoder(items, {"time": later})
    torch.testing.assert_close(plain[:, :4], moved[:, :4])
    assert not torch.allclose(plain[:, 4], moved[:, 4], atol=1e-3)
    torch.testing.assert_close(encoder(items, {"time": SECONDS + 1000}), plain, atol=1e-4, rtol=0)


@pytest.mark.usefixtures("_clock")
def test_what_a_position_reads_has_to_be_there_and_what_is_there_has_to_be_read() -> None:
    words = "history_encoder.position: it reads the row feature 'time', which is not there; set "
    with pytest.raises(InputError, match=words):
        encoder_of("transformer", {})
    words = r"row_features\.time: nothing in the history encoder reads it; leave it out, or choose"
    with pytest.raises(InputError, match=words):
        encoder_of("transformer", position="learned")


def test_a_learned_position_is_a_vector_of_each_place_and_nothing_else() -> None:
    learned = POSITIONS.choose("learned", "position").make(SIZES)
    tokens, query, key = torch.randn(2, 6, 8), torch.randn(2, 2, 6, 4), torch.randn(2, 2, 6, 4)
    torch.testing.assert_close(
        learned.add(tokens, {}) - tokens, _repeated(learned), atol=1e-6, rtol=0
    )
    turned = learned.rotate(query, key, {}, None)
    assert turned[0] is query
    assert turned[1] is key
    assert learned.bias(query, key, {}, None) is None


def _repeated(learned: Any) -> torch.Tensor:
    return learned.embedding.weight[:6].detach().expand(2, -1, -1)


@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_a_bias_is_added_to_the_scores(drops: bool, causal: bool) -> None:
    """A weight is that of the softmax of product over root of e plus bias, where it may be."""
    sizes = SIZES._replace(attention_dropout=1e-9 if drops else 0.0)  # drops nothing in truth
    softmax = ATTENTIONS.choose("softmax", "attention").make(sizes).train(drops)
    query, key, value = torch.randn(3, 2, 2, 5, 4)
    bias = torch.randn(2, 1, 5, 5)
    allowed = torch.ones(5, 5, dtype=torch.bool).tril()
    if not causal:
        allowed = torch.rand(2, 1, 5, 5) < 0.5
        allowed |= torch.eye(5, dtype=torch.bool)
    scores = query @ key.transpose(2, 3) / 2 + bias
    expected = F.softmax(scores.masked_fill(~allowed, -torch.inf), dim=-1) @ value
    found = softmax(query, key, value, None if causal else allowed, bias)
    torch.testing.assert_close(found, expected)
