"""Modules in place of packages that a machine does not have, so far as a script can do without.

A machine that is lent for its accelerator may have a Python and a torch of its own, and no package
index. What imports there a graph library or a tuner, and does not call it, needs only its names.
"""

import importlib
import sys
from contextlib import nullcontext
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ContextManager, Dict, List, Optional, Sequence, Tuple

#: packages that tell, and that nothing is read of
QUIET = ("colorlog", "colorama", "texttable", "thop", "torch.utils.tensorboard")
#: what numpy 2 took away and RecBole 1.2.1 still asks for
_FORMER = {"float_": "float64", "complex_": "complex128", "unicode_": "str_", "bool8": "bool_"}


def stand_in(packages: Sequence[str]) -> List[str]:
    """Put modules into the place of those packages that cannot be imported.

    Parameters
    ----------
    packages : sequence of str
        Names as they are imported. What those of `QUIET` are asked for is taken and does nothing;
        what others are asked for raises.

    Returns
    -------
    list of str
        Those that are stood in for, and names that were given back to numpy.
    """
    missing = [name for name in packages if not works(name)]
    if missing:
        sys.meta_path.insert(0, _Finder(missing))
    return [*missing, *_former_names()]


def works(package: str) -> bool:
    """Tell whether a package can be imported; nothing is left of one that cannot."""
    try:
        importlib.import_module(package)
    except Exception:  # what is built for another version of torch dies of anything
        for name in [name for name in sys.modules if _is_in(name, package)]:
            del sys.modules[name]
        return False
    return True


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _former_names() -> List[str]:
    """Give numpy the names that RecBole asks for, and return them."""
    import numpy as np

    given: Dict[str, str] = {old: new for old, new in _FORMER.items() if not hasattr(np, old)}
    for old, new in given.items():
        setattr(np, old, getattr(np, new))
    return [f"numpy.{old}" for old in given]


class _Finder(MetaPathFinder, Loader):
    """Finds the packages, and every module in them."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = set(packages)

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Optional[ModuleSpec]:
        """Say that a module of the packages is here."""
        if not any(_is_in(fullname, package) for package in self._packages):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make a module that has every name."""
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing."""


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if (self.__name__, name) in _DONE_WITHOUT:
            return _DONE_WITHOUT[self.__name__, name]
        if any(_is_in(self.__name__, package) for package in QUIET):
            return type(name, (_Quiet,), {})
        return type(name, (_Absent,), {"home": self.__name__})


class _Absent:
    """Some class or function of a package that is not there."""

    home = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ModuleNotFoundError(f"{self.home}.{type(self).__name__} is not on this machine")


class _Quiet:
    """What takes anything, does nothing, and writes nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> "_Quiet":
        return self

    def __add__(self, other: str) -> str:
        return ""


def _uncompiled(function: Any = None, **options: Any) -> Any:
    """Return a loop as it is: Python runs it, slowly."""
    return function if function is not None else _uncompiled


def _unlimited(*args: Any, **kwargs: Any) -> ContextManager[None]:
    """Leave the threads as they are."""
    return nullcontext()


#: what is called and can be done without
_DONE_WITHOUT: Dict[Tuple[str, str], Any] = {
    ("numba", "njit"): _uncompiled,
    ("dgl", "seed"): _Quiet,  # nothing draws with it
    ("threadpoolctl", "threadpool_limits"): _unlimited,
}
