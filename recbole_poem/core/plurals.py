"""Numbers of things, in words."""


def counted(number: int, thing: str, things: str = "") -> str:
    """Return a number and what it counts: ``1 user``, ``2,000 users``, ``2 batches``."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"
