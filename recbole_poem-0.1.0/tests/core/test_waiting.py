"""Threads that wait: the variable stands before torch is loaded, or a warning is given."""

import subprocess
import sys

import pytest

_WARNING = (
    "torch was imported before recbole_poem, so its threads spin while they wait; on a busy "
    "machine import recbole_poem first, set OMP_WAIT_POLICY=PASSIVE, or give threads=1"
)


def _printed(code: str, monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


# a stand-in for the import of torch, which takes seconds
_TORCH = "import sys; sys.modules['torch'] = sys; "
_ASKED = "import os, recbole_poem; from recbole_poem.core import waiting; "
_POLICY = "print(os.environ['OMP_WAIT_POLICY'])"


def test_the_import_lets_threads_sleep_and_leaves_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _printed(_ASKED + _POLICY, monkeypatch) == "PASSIVE"
    assert _printed(_ASKED + _POLICY, monkeypatch, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"


def test_who_is_late_is_told_unless_one_thread_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "print(waiting.warning(2), waiting.warning(1))"
    assert _printed(_TORCH + _ASKED + said, monkeypatch) == _WARNING
    assert _printed(_ASKED + said, monkeypatch) == ""
    assert _printed(_TORCH + _ASKED + said, monkeypatch, OMP_WAIT_POLICY="PASSIVE") == ""
