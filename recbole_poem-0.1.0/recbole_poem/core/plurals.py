"""Numbers of things, in words."""


def counted(number: int, thing: str) -> str:
    """Return a number and what it counts: ``1 user``, ``2,000 users``."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
