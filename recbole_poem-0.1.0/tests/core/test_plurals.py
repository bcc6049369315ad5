"""Numbers of things."""

from recbole_poem.core.plurals import counted


def test_one_has_no_s() -> None:
    assert [counted(n, "user") for n in (0, 1, 2000)] == ["0 users", "1 user", "2,000 users"]
