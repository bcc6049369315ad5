"""A device that is not the CPU, on a machine that has none.

Its tensors call themselves "meta" and have their numbers in main memory. As with CUDA, what meets
in one operation has to be of one device: numbers without a dimension and indices may stay behind.
The operations are the CPU's, so that what is worked out is the same to the last bit.
"""

from typing import Any, Dict, Iterator, Tuple

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

OTHER = torch.device("meta")
_aten = torch.ops.aten
_COPIES = {_aten.copy_.default, _aten._to_copy.default}
_INDEXES = {_aten.index.Tensor, _aten.index_put.default, _aten.index_put_.default}
_INDEXES |= {_aten._index_put_impl_.default}


class TwoDevicesError(RuntimeError):
    """What CUDA would refuse."""


class _There(torch.Tensor):
    """A tensor of the other device."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "_There":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=OTHER,
        )
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return _called(function, args, kwargs or {})

    def __repr__(self) -> str:  # type: ignore[override]
        return f"there({self.inner!r})"


class another_device(TorchDispatchMode):  # noqa: N801 (it is used as a function)
    """Within it, `OTHER` is a device."""

    def __enter__(self) -> Any:
        self._functions = _Factories()
        self._functions.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._functions.__exit__(*error)

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return _called(function, args, kwargs or {})


class _Factories(TorchFunctionMode):
    """Gives tensors of given numbers their numbers: torch leaves them out for "meta"."""

    def __torch_function__(
        self, function: Any, types: Any, args: Tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in (torch.tensor, torch.as_tensor) and _is_other(kwargs.get("device")):
            return function(*args, **{**kwargs, "device": "cpu"}).to(OTHER)
        if function is torch.Tensor.new_tensor and args[0].device == OTHER:
            kwargs = {"dtype": args[0].dtype, **kwargs}
            return torch.tensor(*args[1:], **kwargs).to(OTHER)
        if function is torch.Tensor.tolist:  # which reads the memory itself
            return function(args[0].cpu())
        return function(*args, **kwargs)


def _is_other(device: Any) -> bool:
    return device is not None and torch.device(device) == OTHER


def _called(function: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Any:
    """Call an operation with what is inside, and wrap what it returns."""
    given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    wrapped = {id(each.inner): each for each in given if isinstance(each, _There)}
    if "device" in kwargs and kwargs["device"] is not None:
        there = _is_other(kwargs["device"])
        kwargs = {**kwargs, "device": torch.device("cpu")}
    else:
        there = bool(wrapped)
    if there and function not in _COPIES:
        for stranger in _strangers(function, args, given):
            raise TwoDevicesError(
                f"{function}: a tensor of the CPU, {tuple(stranger.shape)}, meets those of {OTHER}"
            )
        if getattr(kwargs.get("generator"), "device", OTHER) != OTHER:
            raise TwoDevicesError(f"{function}: a generator of the CPU draws for {OTHER}")
    if function is _aten.copy_.default:
        there = isinstance(args[0], _There)
    args, kwargs = tree_map_only(_There, lambda each: each.inner, (args, kwargs))
    found = function(*args, **kwargs)
    if function is _aten._to_copy.default and not there and wrapped:
        return found
    if function is _aten._local_scalar_dense.default or not there:
        return found

    def wrap(inner: torch.Tensor) -> torch.Tensor:
        return wrapped[id(inner)] if id(inner) in wrapped else _There(inner)

    return tree_map_only(torch.Tensor, wrap, found)


def _strangers(function: Any, args: Any, given: Any) -> Iterator[torch.Tensor]:
    """Yield tensors of the CPU that CUDA would not take in this place."""
    indices = set()
    if function in _INDEXES:
        indices = {id(each) for each in args[1] if each is not None}
    for each in given:
        if not isinstance(each, _There) and each.dim() and id(each) not in indices:
            yield each
