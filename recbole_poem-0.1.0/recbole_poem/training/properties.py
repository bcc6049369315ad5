"""The plugin's YAML files: where they are, and what a preset changes."""

from pathlib import Path
from typing import Dict, List, Set

from recbole_poem.core.config_files import read_yaml
from recbole_poem.core.errors import InputError

_ROOT = Path(__file__).parents[1]
_PACKAGED = _ROOT / "properties"
#: Inside the package once installed, beside it in a checkout.
PROPERTIES = _PACKAGED if _PACKAGED.is_dir() else _ROOT.parent / "properties"


def preset_file(preset: str) -> Path:
    """Return the file of a preset that is not ``best``.

    Raises
    ------
    InputError
        If it is none of those that there are.
    """
    files: Dict[str, Path] = {
        file.stem: file for file in sorted((PROPERTIES / "preset").glob("*.yaml"))
    }
    if preset not in files:
        raise InputError(f"preset: expected best or one of {', '.join(files)}, not {preset!r}")
    return files[preset]


def files_behind(preset: str, dataset: str) -> List[Path]:
    """Return what a preset says of any data set, and of this one, if anything."""
    files = (PROPERTIES / "preset" / preset / f"{name}.yaml" for name in ("any", dataset))
    return [file for file in files if file.is_file()]


def preset_keys(preset: str) -> Set[str]:
    """Return the keys that a preset sets whatever the data set; none for ``best``."""
    files = (PROPERTIES / "preset" / name for name in (f"{preset}.yaml", f"{preset}/any.yaml"))
    return {key for file in files if file.is_file() for key in read_yaml(file)}
