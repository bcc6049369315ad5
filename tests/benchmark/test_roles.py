"""What a row is to POEM: itself, what feeds it, or a baseline."""

from typing import Any, Dict

import pytest

from recbole_poem.benchmark.report.roles import BASELINE, POEM, UPSTREAM, role_of

READER: Dict[str, Any] = {"name": "ridge"}


@pytest.mark.parametrize(
    ("model", "config", "role"),
    [
        ("POEM", {"ranking_reader": READER, "losses": {"feedback": {}}}, POEM),
        ("POEM", {"ranking_reader": "none", "losses": {"gbce": {}}}, BASELINE),
        ("POEM", {"ranking_reader": "none", "losses": {"feedback": {}, "system": {}}}, POEM),
        ("POEM", {"ranking_reader": "none", "losses": {"feedback": {}, "preference": {}}}, POEM),
        ("POEM", {}, POEM),  # a record from before there were readers
        ("SASRec", {}, BASELINE),
        ("Pop", {"ranking_reader": READER}, BASELINE),
        ("Upstream", {"ranking_reader": READER}, UPSTREAM),
    ],
)
def test_a_row_that_reads_no_ranking_is_a_baseline(
    model: str, config: Dict[str, Any], role: str
) -> None:
    assert role_of({"model": model, "config": config}) == role
