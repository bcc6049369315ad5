"""The difference of two attention maps: what it adds up to, what cancels, what it focuses on."""

from types import SimpleNamespace
from typing import Any, Dict, Optional

import pytest
import torch
from toy_position import Clock

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import ATTENTIONS, HISTORY_ENCODERS, POSITIONS
from recbole_poem.encoders.sizes import Sizes

SIZES = Sizes(16, 10, 2, 4, 16, 0.0, 0.0, seed=0)
BOTH = ["norm", "rows"]
CAUSAL = torch.ones(8, 8, dtype=torch.bool).tril()


def attention(sizes: Sizes = SIZES, name: str = "focused", **settings: Any) -> Any:
    return ATTENTIONS.choose({"name": name, **settings}, "attention").make(sizes)


def with_shares(focused: Any, *shares: float) -> Any:
    """Give each pair its lambda."""
    with torch.no_grad():
        focused.log_odds.copy_(torch.tensor(shares, dtype=torch.float64).logit())
    return focused


def heads(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def weights(
    focused: Any, query: torch.Tensor, key: torch.Tensor, bias: Optional[torch.Tensor] = None
) -> torch.Tensor:
    """Read the weights of each pair, (B, pairs, T, 2 e), off values that are the identity."""
    width = 2 * query.shape[3]
    value = torch.eye(width).view(1, 1, width, 2, -1).permute(0, 1, 3, 2, 4)
    value = value.expand(len(query), query.shape[1] // 2, -1, -1, -1).flatten(1, 2)
    return of_pairs(focused(query, key, value, None, bias))


def of_pairs(mixed: torch.Tensor) -> torch.Tensor:
    """Join what the two heads of a pair hold, (B, pairs, T, 2 e)."""
    return torch.cat([mixed[:, ::2], mixed[:, 1::2]], dim=3)


def slow(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    allowed: torch.Tensor,
    bias: torch.Tensor,
    share: torch.Tensor,
) -> torch.Tensor:
    """Mix the values of each pair by the difference of its maps, one query after the other."""
    n_heads, length, width = query.shape[1:]
    mixed = torch.zeros(len(query), n_heads // 2, length, 2 * width)
    for b in range(len(query)):
        for pair in range(n_heads // 2):
            values = torch.cat([value[b, 2 * pair], value[b, 2 * pair + 1]], dim=1)
            for t in range(length):
                may = allowed[b, 0, t]
                maps = []
                for h in (2 * pair, 2 * pair + 1):
                    score = query[b, h, t] @ key[b, h, may].T / width**0.5 + bias[b, h, t, may]
                    maps.append(score.softmax(0))
                mixed[b, pair, t] = (maps[0] - share[pair] * maps[1]) @ values[may]
    return mixed


@pytest.mark.parametrize("normalise", BOTH)
@pytest.mark.parametrize("causal", [False, True])
def test_it_is_the_difference_of_two_maps_normalised(causal: bool, normalise: str) -> None:
    focused = with_shares(attention(normalise=normalise, share=0.3), 0.3, 0.8)
    query, key, value = heads(3, 2, 4, 8, 4)
    allowed = CAUSAL.expand(2, 1, 8, 8)
    if not causal:
        allowed = (heads(2, 1, 8, 8, seed=3) < 0) | torch.eye(8, dtype=torch.bool)
    bias, share = heads(2, 4, 8, 8, seed=1), torch.tensor([0.3, 0.8])
    mixed = slow(query, key, value, allowed, bias, share)
    if normalise == "rows":
        expected = mixed / (1 - share).view(-1, 1, 1)
    else:
        expected = (1 - 0.3) * mixed / (mixed.square().mean(3, keepdim=True) + 1e-5).sqrt()
    found = focused(query, key, value, None if causal else allowed, bias)
    torch.testing.assert_close(of_pairs(found), expected)


def test_with_lambda_0_or_two_like_maps_it_is_plain_attention() -> None:
    query, key, value = heads(3, 2, 4, 8, 4)
    plain = attention(SIZES._replace(n_heads=2), "softmax")
    expected = plain(query[:, ::2], key[:, ::2], of_pairs(value), None)
    alone = with_shares(attention(normalise="rows"), 1e-30, 1e-30)
    torch.testing.assert_close(of_pairs(alone(query, key, value, None)), expected)
    alike = with_shares(attention(normalise="rows"), 0.2, 0.9)
    query, key = (part[:, ::2].repeat_interleave(2, dim=1) for part in (query, key))
    torch.testing.assert_close(
        of_pairs(alike(query, key, value, None)), expected, atol=1e-5, rtol=1e-4
    )


def test_rows_sum_to_1_whatever_lambda_is_and_later_ones_weigh_nothing_in_both_maps() -> None:
    focused = with_shares(attention(normalise="rows"), 0.2, 0.9)
    found = weights(focused, *heads(2, 3, 4, 8, 4))
    torch.testing.assert_close(found.sum(3), torch.ones(3, 2, 8))
    assert (found[..., ~CAUSAL] == 0).all()
    assert (found < 0).any()


def test_noise_that_both_maps_have_cancels() -> None:
    """Half of each map is the same noise: with lambda 1, what is left is as without it."""
    focused = with_shares(attention(), 1.0, 1.0)  # the sigmoid of infinity
    nothing, maps = torch.zeros(1, 4, 8, 4), heads(1, 4, 8, 8).softmax(3)
    value = heads(1, 4, 8, 4, seed=1)
    allowed = torch.ones(1, 1, 8, 8, dtype=torch.bool)

    def mixed(noise: torch.Tensor) -> torch.Tensor:
        disturbed = (maps + noise) / 2
        return focused(nothing, nothing, value, allowed, disturbed.log())

    one, other = (mixed(heads(1, 1, 8, 8, seed=seed).mul(3).softmax(3)) for seed in (2, 3))
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)
    plain = attention(SIZES, "softmax")
    assert (plain(nothing, nothing, value, allowed, maps.log()) - one).abs().max() > 0.1


def test_one_token_among_many_that_disturb_gets_more_than_a_softmax_gives_it() -> None:
    sizes, length = Sizes(200, 200, 1, 2, 8, 0.0, 0.0, seed=0), 200
    noise = heads(1, 1, 1, length, seed=5)
    scores = noise.repeat(1, 2, length, 1)
    scores[:, 0, :, 7] = 4.0  # the second map sees what disturbs, and not the token
    scores[:, 1, :, 7] = -4.0
    nothing = torch.zeros(1, 2, length, 100)
    focused = attention(sizes, normalise="rows", share=0.8)
    mass = weights(focused, nothing, nothing, scores)[0, 0, -1]
    plain = scores[0, 0, -1].softmax(0)
    assert mass[7] > 3 * plain[7]
    others = torch.arange(length) != 7
    assert mass[others].abs().sum() < plain[others].sum()


@pytest.mark.parametrize("normalise", BOTH)
def test_lambda_is_learned_of_each_pair_and_weights_are_as_many_as_of_a_softmax(
    normalise: str,
) -> None:
    focused = attention(normalise=normalise, share=0.3)
    torch.testing.assert_close(focused.log_odds.sigmoid(), torch.tensor([0.3, 0.3]))
    query, key, value = heads(3, 2, 4, 8, 4)
    (focused(query, key, value, None) * value).sum().backward()
    assert (focused.log_odds.grad != 0).all()
    more = {name: p.numel() for name, p in focused.named_parameters() if name != "log_odds"}
    assert more == ({} if normalise == "rows" else {"norm.weight": 8})  # 2 e, shared by pairs


def test_attention_weights_are_dropped_in_training_alone() -> None:
    focused = attention(SIZES._replace(attention_dropout=0.5), normalise="rows")
    query, key = heads(2, 3, 4, 8, 4)
    kept = weights(focused.eval(), query, key)
    torch.manual_seed(0)
    dropped = torch.stack([weights(focused.train(), query, key) for _ in range(4000)])
    assert ((dropped == 0).float().mean((0, 1, 2))[-1] - 0.25).abs().max() < 0.02  # of both maps
    assert (dropped.mean(0) - kept).abs().max() < 0.1


@pytest.fixture
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    POSITIONS.components()
    monkeypatch.setitem(POSITIONS._components, "clock", Clock)


@pytest.mark.usefixtures("_clock")
@pytest.mark.parametrize("name", ["transformer", "mixture", "ligr"])
@pytest.mark.parametrize("normalise", BOTH)
def test_positions_turn_and_bias_it_as_any_attention(name: str, normalise: str) -> None:
    """At one place as in a window, relatively, and from their own row on."""
    torch.manual_seed(0)
    given = {"name": "focused", "normalise": normalise}
    chosen = HISTORY_ENCODERS.choose(
        {"name": name, "position": "clock", "attention": given}, "history_encoder"
    )
    encoder = chosen.make(SIZES, {"time": SimpleNamespace(n_slots=0)}).eval()
    seconds = torch.tensor([[0.0, 1, 5, 6, 30, 31], [0.0, 9, 9, 9, 10, 90]], dtype=torch.float64)
    items, place = heads(2, 6, 16), torch.tensor([3, 5])

    def states(time: torch.Tensor) -> torch.Tensor:
        return encoder(items, {"time": time})

    plain = states(seconds)
    expected = plain[torch.arange(2), place]
    torch.testing.assert_close(encoder.at(items, {"time": seconds}, place), expected)
    torch.testing.assert_close(states(seconds + 1000), plain, atol=1e-3, rtol=0)
    later = seconds.clone()
    later[:, 4:] += 7
    torch.testing.assert_close(states(later)[:, :4], plain[:, :4])
    assert not torch.allclose(states(later)[:, 4], plain[:, 4], atol=1e-3)


def refused(sizes: Sizes = SIZES, **settings: Any) -> str:
    with pytest.raises(InputError) as error:
        attention(sizes, **settings)
    return str(error.value)


def test_what_cannot_be_is_refused() -> None:
    words = "n_heads: the attention focused takes heads by twos, and 3 is odd; set n_heads: 4, or"
    assert refused(SIZES._replace(n_heads=3)).startswith(words)
    bad: Dict[str, Any] = {"share": 1, "normalise": "none"}
    assert refused(share=1) == "attention.share: expected a number above 0, below 1, not 1"
    assert "expected one of norm, rows" in refused(normalise=bad["normalise"])
