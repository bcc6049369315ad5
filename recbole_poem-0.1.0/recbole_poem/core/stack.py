"""Which versions of the packages below the plugin work, and what to say when they do not.

The bounds are those of ``setup.cfg`` (a test holds the two together); the reasons stand there.
Nothing outside the standard library is imported here, apart from ``packaging`` where it exists.
"""

import sys
from importlib import metadata
from typing import Dict, List, NamedTuple, Optional

try:
    from packaging.specifiers import SpecifierSet
except ModuleNotFoundError:  # reported by problems(), like every other missing package
    SpecifierSet = None  # type: ignore[assignment,misc]

PYTHON = ">=3.11,<3.12"

#: package -> (bounds, what goes wrong outside them)
BOUNDS: Dict[str, "tuple[str, str]"] = {
    "recbole": ("==1.2.1", "the plugin overrides inner methods of exactly this release"),
    "torch": (
        ">=2.1,<2.14",
        "older ones lack scaled_dot_product_attention, newer ones are untried",
    ),
    "dgl": ("==1.1.3", "2.x cannot be imported beside a current torch"),
    "packaging": ("", "dgl imports it without declaring it"),
    "numpy": (">=1.23,<2", "numpy 2 removed names that recbole and ray use"),
    "pandas": (">=2,<3", "under pandas 3 recbole silently leaves NaN in its batches"),
    "scipy": (">=1.9,<1.13", "LightGCN, NGCF and others of RecBole fail with later ones"),
    "numba": (">=0.58,<0.69", "it compiles the loops of Swing; later ones are untried"),
    "setuptools": ("<81", "ray 2.6.3 imports pkg_resources, which later ones lack"),
    "pyyaml": (">=5.4", "the properties are YAML"),
    "plotly": (">=4", "charts of benchmarks and tuning"),
    "filelock": (">=3.4", "two runs that need one request cache take turns"),
    "threadpoolctl": (">=2", "EASE takes its inverse on one thread"),
    "tqdm": (">=4.48", "progress bars"),
}


#: extra -> what it needs beside the above, package -> bounds; the others that it takes along
EXTRAS: Dict[str, "tuple[Dict[str, str], tuple[str, ...]]"] = {
    "parquet": ({"pyarrow": ">=17,<18"}, ()),
    "tune": ({"hyperopt": "==0.2.5"}, ("parquet",)),
    "serve": (
        {
            "redis": ">=5",
            "hiredis": ">=2.2",
            "fastapi": ">=0.110",
            "pydantic": ">=2.7",
            "uvicorn": ">=0.29",
            "httptools": ">=0.6",
            "uvloop": ">=0.19",
            "prometheus_client": ">=0.20",
            "psutil": ">=5.9",
        },
        ("parquet",),
    ),
    "index": ({"faiss-cpu": ">=1.8,<1.16"}, ()),
    "world": ({"gymnasium": ">=1.1,<2"}, ()),
}
#: packages of extras that these platforms do without
_NOT_FOR = {"win32": {"uvloop"}}


class StackError(ImportError):
    """The installed packages cannot work together; the message says what to install."""


class Finding(NamedTuple):
    """One package: what is needed, what is there, and whether that will do."""

    package: str
    bounds: str
    found: Optional[str]
    reason: str

    @property
    def fits(self) -> bool:
        """Whether the version found lies within the bounds."""
        if self.found is None:
            return False
        return SpecifierSet is None or self.found in SpecifierSet(self.bounds, prereleases=True)

    @property
    def sentence(self) -> str:
        """What is wrong and what to install, for a package that does not fit."""
        found = "is not installed" if self.found is None else f"{self.found} is installed"
        return (
            f"{self.package} {found}, but recbole_poem needs {self.package}{self.bounds} "
            f"({self.reason}): pip install '{self.package}{self.bounds}'"
        )


def installed(package: str) -> Optional[str]:
    """Return the version of a package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def findings() -> List[Finding]:
    """Compare every requirement with what is installed, without importing any of it."""
    return [
        Finding(package, bounds, installed(package), reason)
        for package, (bounds, reason) in BOUNDS.items()
    ]


def extra_words(extra: str) -> str:
    """Say whether what an extra needs is there, and how to install it if not."""
    own, others = EXTRAS[extra]
    needed = {**own, **{name: bound for one in others for name, bound in EXTRAS[one][0].items()}}
    for package in _NOT_FOR.get(sys.platform, ()):
        needed.pop(package, None)
    found = [Finding(package, bounds, installed(package), "") for package, bounds in needed.items()]
    wrong = [
        f"{each.package} is missing"
        if each.found is None
        else f"{each.package} {each.found}, needs {each.bounds}"
        for each in found
        if not each.fits
    ]
    if not wrong:
        return "installed"
    return f"not installed ({'; '.join(wrong)}): pip install 'recbole_poem[{extra}]'"


def problems() -> List[str]:
    """One sentence for every requirement that is not met; empty where all is well."""
    sentences = [finding.sentence for finding in findings() if not finding.fits]
    if sys.version_info[:2] != (3, 11):
        sentences.insert(
            0,
            f"Python {sys.version.split()[0]} is running, but recbole_poem needs Python {PYTHON} "
            "(dgl 1.1.3 and ray 2.6.3 have no wheel for others): make the environment with "
            "python3.11",
        )
    return sentences


def require() -> None:
    """Raise `StackError` with one sentence per unmet requirement."""
    sentences = problems()
    if sentences:
        raise StackError("\n".join(sentences))
