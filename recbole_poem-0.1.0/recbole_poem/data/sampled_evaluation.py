"""Sampled evaluation whose negatives are the same each time.

RecBole draws them from numpy's stream of the process when a batch is made, so that equal weights
have other metrics at every look, and training goes on with other random numbers after one.
"""

from typing import Any

import numpy as np
from recbole.data.dataloader import NegSampleEvalDataLoader
from recbole.data.interaction import Interaction

from recbole_poem.core.noise import Purpose, uniform


class RepeatableEvalDataLoader(NegSampleEvalDataLoader):
    """RecBole's loader; the negatives of a user depend on the seed, the part and the user alone.

    So they are the same in batches of any size, on any number of workers and processes. The stream
    of the process goes on afterwards as if nothing had been drawn.
    """

    def _neg_sampling(self, inter_feat: Any) -> Interaction:
        if self._sampler is None:  # labels are given
            return super()._neg_sampling(inter_feat)
        is_valid = int(self._sampler.phase == "valid")
        user = inter_feat[self.uid_field][0]
        start = uniform(self.config["seed"], Purpose.EVALUATION, is_valid, user)
        stream = np.random.get_state()
        np.random.seed(int(start * 2**32))
        try:
            return super()._neg_sampling(inter_feat)
        finally:
            np.random.set_state(stream)
