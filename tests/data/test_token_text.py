"""Tokens as text in JSON, whatever is in them and wherever they are cut."""

import json
from typing import List

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.data import token_text

ODD = st.text(alphabet='a",\\ []é\n', max_size=6).filter(lambda token: not token.endswith("\0"))


@given(st.lists(ODD, max_size=12), st.sampled_from([1, 2, 100]), st.sampled_from([0, 3, 1000]))
def test_tokens_come_back_and_the_text_is_that_of_json(
    tokens: List[str], n_tokens: int, n_bytes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_text, "_TOKENS_AT_ONCE", n_tokens)
        patch.setattr(token_text, "_BYTES_AT_ONCE", n_bytes)
        text = bytes(token_text.write(np.array(tokens, dtype=str)))
        assert text == json.dumps(tokens).encode()
        assert token_text.read(text).tolist() == tokens


@pytest.mark.parametrize("text", [b"", b'["a"', b'["a" "b"]', b"[1, 2", b'{"a": 1}'])
def test_what_is_no_list_of_tokens_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        token_text.read(text)
