"""What is said of the loss of an epoch: its parts by their names, over all processes."""

from typing import Any, Dict

import torch
import torch.distributed


def named_losses(model: Any, loss: Any) -> Dict[str, float]:
    """Return the parts of a loss by their names, which a model has as ``loss_names``.

    Parameters
    ----------
    model : nn.Module
    loss : float or tuple of float
        One number has the name ``""``; parts without names have their numbers, from 1.
    """
    if not isinstance(loss, tuple):
        return {"": loss}
    names = getattr(model, "loss_names", None)
    return dict(zip(names or map(str, range(1, len(loss) + 1)), loss))


def epoch_line(epoch: int, seconds: float, parts: Dict[str, float], places: int) -> str:
    """Return a line about an epoch, in the form of RecBole's, with `places` decimals."""
    told = ", ".join(f"{name} loss: {loss:.{places}f}" for name, loss in parts.items())
    return f"epoch {epoch} training [time: {seconds:.2f}s, {told}]"


def mean_over_processes(loss: Any, device: torch.device) -> Any:
    """Average an epoch's loss, a number or a tuple of parts, over the processes."""
    parts = torch.tensor(loss, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(parts)
    averaged = parts / torch.distributed.get_world_size()
    return tuple(averaged.tolist()) if isinstance(loss, tuple) else averaged.item()
