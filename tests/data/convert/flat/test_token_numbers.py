"""Numbers of tokens as they come up, against a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.data.convert.flat.token_numbers import TokenNumbers

TOKEN = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=5)


@given(st.lists(st.lists(TOKEN, max_size=20), max_size=5))
def test_a_token_keeps_the_number_of_its_first_time(parts) -> None:
    numbers, plain = TokenNumbers(), {}
    for part in parts:
        expected = [plain.setdefault(token, len(plain)) for token in part]
        assert numbers.of(part).tolist() == expected
    assert len(numbers) == len(plain)
    assert numbers.strings(0, len(plain)).tolist() == [*plain]
    assert numbers.longest() == max(map(len, plain), default=0)


def test_the_table_grows_with_the_tokens() -> None:
    numbers = TokenNumbers()
    names = np.array([f"token {number}" for number in range(5000)])
    for begin in range(0, 5000, 700):
        part = names[begin : begin + 700]
        assert numbers.of(part).tolist() == list(range(begin, begin + len(part)))
    back = np.random.default_rng(0).permutation(5000)
    assert numbers.of(names[back]).tolist() == back.tolist()
    assert numbers.strings(4998, 5000).tolist() == ["token 4998", "token 4999"]
