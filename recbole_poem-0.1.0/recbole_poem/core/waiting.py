"""How torch's threads wait for each other: a variable that is read when torch is loaded."""

import os
import sys
from typing import Dict

VARIABLE = "OMP_WAIT_POLICY"
_LATE: Dict[str, bool] = {}


def passively() -> None:
    """Let torch's threads sleep while they wait, unless the environment says otherwise."""
    _LATE["torch"] = "torch" in sys.modules and VARIABLE not in os.environ
    os.environ.setdefault(VARIABLE, "PASSIVE")


def warning(threads: int) -> str:
    """Say what to do where torch was loaded first, and its threads spin; nothing elsewhere.

    Parameters
    ----------
    threads : int
        On which torch computes; one waits for nobody.
    """
    if threads == 1 or not _LATE.get("torch"):
        return ""
    return (
        "torch was imported before recbole_poem, so its threads spin while they wait; on a busy "
        f"machine import recbole_poem first, set {VARIABLE}=PASSIVE, or give threads=1"
    )
