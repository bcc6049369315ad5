"""Random candidates of rankings, for the tests of what groups and draws them."""

import numpy as np
import torch
from hypothesis import strategies as st


@st.composite
def fused_candidates(draw_from):
    """Fused scores with ties, distinct items and valid slots of three requests, (3, N)."""
    seed, n = draw_from(st.integers(0, 10**6)), draw_from(st.integers(1, 14))
    share = draw_from(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    rng = np.random.default_rng(seed)
    fused = torch.from_numpy(rng.integers(0, 6, (3, n)) / 8).float()
    items = torch.from_numpy(np.stack([rng.permutation(50)[:n] + 1 for _ in range(3)]))
    valid = torch.from_numpy(rng.random((3, n)) < share)
    return fused, torch.where(valid, items, 0), valid
