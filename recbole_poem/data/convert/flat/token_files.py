"""Files of tokens: by their numbers, and the numbers in the order of the tokens."""

from pathlib import Path
from typing import Dict, Iterator

import numpy as np

from recbole_poem.data.convert.flat.array_file import ArrayFile
from recbole_poem.data.convert.flat.token_numbers import TokenNumbers
from recbole_poem.log.flat.header import Array

TOKENS_AT_ONCE = 1_000_000
_PADDING = "[PAD]"  # RecBole's name of id 0


def write_tokens(path: Path, known: TokenNumbers) -> Dict[str, Array]:
    """Write tokens by their ids, padding first."""
    length = max(len(_PADDING), known.longest())
    with ArrayFile(path, f"<U{length}", len(known) + 1) as file:
        file.append(np.array([_PADDING]))
        for tokens in _parts(known):
            file.append(tokens)
    return {file.name: file.entry}


def write_order(path: Path, of: Path) -> Dict[str, Array]:
    """Write the ids in the order of their tokens, which a file `of` has."""
    tokens = np.load(of, mmap_mode="r")
    with ArrayFile(path, np.int64, len(tokens)) as file:
        file.append(np.asarray(tokens).argsort(kind="stable"))
    return {file.name: file.entry}


def _parts(known: TokenNumbers) -> Iterator[np.ndarray]:
    for begin in range(0, len(known), TOKENS_AT_ONCE):
        yield known.strings(begin, min(begin + TOKENS_AT_ONCE, len(known)))
