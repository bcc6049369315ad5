"""What RecBole 1.2.1 says of itself on today's pandas and torch: nothing that a user could mend."""

import warnings
from contextlib import contextmanager
from typing import Iterator


def ignore() -> None:
    """Ignore RecBole's FutureWarnings from now on; for a command, whose process is its own."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"recbole(\.|$)")


@contextmanager
def ignored() -> Iterator[None]:
    """Ignore them within a block or, as a decorator, a call; for a user's process."""
    with warnings.catch_warnings():
        ignore()
        yield
