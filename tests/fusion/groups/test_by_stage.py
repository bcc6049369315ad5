"""Groups by the stages of a cascade, whatever the fused scores say."""

import pytest
import torch

from recbole_poem.core.stages import GROUPINGS
from recbole_poem.fusion.cascade_stages import STAGES
from recbole_poem.fusion.fused_ranking import FusedRanking


def grouping():
    return GROUPINGS.choose("by_stage", "grouping").make()


def ranking(stages):
    """Return a ranking of four candidates and a slot without one, the worst in front."""
    items = torch.tensor([[4, 2, 9, 5, 0]])
    fused = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.0]])
    return FusedRanking(items, items > 0, fused.unsqueeze(-1), fused, stages)


def test_a_group_is_a_stage_and_the_best_stage_is_the_first():
    names = ["shown", "prerank_rest", "rank_top", "shown", "shown"]
    stages = torch.tensor([[STAGES.index(name) for name in names]])
    found = grouping()(ranking(stages))
    assert found.dtype == torch.int64
    assert found.tolist() == [[0, 6, 2, 0, 7]]
    assert grouping().n_groups == 7 == len(STAGES)


def test_a_ranking_without_stages_is_a_defect_of_who_brings_it():
    with pytest.raises(RuntimeError, match="by_stage: the ranking tells no stages"):
        grouping()(ranking(None))
