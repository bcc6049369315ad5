"""What a model of RecBole or of somebody else changes beside its weights while it trains.

MultiVAE counts the steps of its annealing, DiffRec notes the losses of its steps, NCL its clusters.
None of it is in a state dict. A training that goes on without it is another one, or fails.
"""

from typing import Any, Dict, NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import nn

from recbole_poem.core.number_types import is_number_type
from recbole_poem.training import checkpoint


class _Seen(NamedTuple):
    """A value, and what tells whether it has been written to since."""

    value: Any
    mark: Any


class BesideWeights:
    """The numbers, tensors and arrays of a model that are not as they were when it was made.

    Parameters
    ----------
    model : AbstractRecommender
        Before its first step. What it has by ``other_parameter_name`` is kept elsewhere.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._begun = {name: _Seen(value, _mark(value)) for name, value in vars(model).items()}

    def state_dict(self) -> Dict[str, Any]:
        """Return what `load_state_dict` continues from, as tensors and plain values."""
        elsewhere = getattr(self._model, "other_parameter_name", ())
        return {
            name: checkpoint.plain(value, name)
            for name, value in vars(self._model).items()
            if name not in elsewhere and _holds_numbers(value) and self._is_new(name, value)
        }

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Give the model what another one of its kind had changed; tensors go to its device."""
        device = next(self._model.parameters()).device
        for name, value in checkpoint.restore(state).items():
            setattr(self._model, name, value.to(device) if torch.is_tensor(value) else value)

    def _is_new(self, name: str, value: Any) -> bool:
        begun = self._begun.get(name)
        if begun is None or type(begun.value) is not type(value):
            return True
        is_other = torch.is_tensor(value) and begun.value is not value
        return is_other or begun.mark != _mark(value)


def _holds_numbers(value: Any) -> bool:
    is_array = isinstance(value, np.ndarray) and value.dtype != object
    return is_array or torch.is_tensor(value) or is_number_type(type(value))


def _mark(value: Any) -> Any:
    """Return what differs once a value has changed in place."""
    if torch.is_tensor(value):
        return value._version
    if isinstance(value, np.ndarray) and value.dtype != object:
        return crc32(value.tobytes())
    return value if is_number_type(type(value)) else None
