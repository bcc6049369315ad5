"""What POEM makes of requests, recorded once and replayed without Python.

For a single request most of the model's time is Python between small operations. Its operations are
the same for every batch, so that a recording of them (``torch.jit.trace``) gives the same numbers,
and the interpreter is free for other requests meanwhile.
"""

import warnings
from logging import getLogger
from typing import List, Tuple

import torch
from recbole.data.interaction import Interaction

from recbole_poem.logits.scoring import Interest, Items, all_logits
from recbole_poem.models.poem import POEM


class Interests:
    """POEM's `forward` for batches of any size.

    What takes the size of the recorded batch for a number cannot be recorded, and is played anew
    for each batch.

    Parameters
    ----------
    model : POEM
        In evaluation mode; its weights do not change any more.
    example : Interaction
        A batch of two requests, as the model will read them.
    """

    def __init__(self, model: POEM, example: Interaction) -> None:
        self._fields: List[str] = model.request_fields
        model.requires_grad_(False)
        with warnings.catch_warnings():
            # the shapes that Python looks at here do not depend on the batch
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            played = _Fields(model, self._fields).eval()
            recorded = torch.jit.trace(played, self._of(example), check_trace=False)
        self._recorded = torch.jit.freeze(recorded)  # what does not depend on the batch is kept
        if not self._holds(played, example[:1]):
            getLogger().info("a component takes the size of a batch for a number: not recorded")
            self._recorded = played
        for _ in range(3):  # the recording is optimised at its first calls
            self(example)

    def _holds(self, played: torch.nn.Module, batch: Interaction) -> bool:
        """Tell whether the recording of two requests says of one what the model says."""
        with torch.inference_mode():
            expected = played(*self._of(batch))
            try:
                found = self._recorded(*self._of(batch))
            except RuntimeError:  # it asks for two
                return False
        pairs = list(zip(expected, found))
        return all(a.shape == b.shape and torch.allclose(a, b, atol=1e-4) for a, b in pairs)

    def __call__(self, batch: Interaction) -> Interest:
        """Return the interest of the requests of a batch."""
        with torch.inference_mode():
            return Interest(*self._recorded(*self._of(batch)))

    def _of(self, batch: Interaction) -> Tuple[torch.Tensor, ...]:
        return tuple(batch[field] for field in self._fields)


class Catalogue:
    """POEM's `full_sort_predict` by what was recorded.

    Parameters
    ----------
    interests : Interests
    items : Items
    """

    def __init__(self, interests: Interests, items: Items) -> None:
        self._interests, self._items = interests, items

    def __call__(self, batch: Interaction) -> torch.Tensor:
        """Score the catalogue, (B, n_items)."""
        return all_logits(self._interests(batch), self._items)


class _Fields(torch.nn.Module):
    """POEM as a function of tensors, which is what can be recorded."""

    def __init__(self, model: POEM, fields: List[str]) -> None:
        super().__init__()
        self._model, self._names = model, fields
        with torch.no_grad():  # the items do not change: what is made of all of them is made once
            self.register_buffer("_table", model.table())

    def forward(self, *values: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        """Return the parts of the interest."""
        batch = Interaction(dict(zip(self._names, values)))
        return tuple(self._model(batch, self._table))
