"""The script for a CUDA machine: its dry run, and what stands in for packages."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"


@pytest.fixture
def without(tmp_path: Path) -> Any:
    """Return a function that writes packages which cannot be imported, and their folder."""

    def write(*names: str) -> str:
        for name in names:
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text("raise OSError('of another torch')\n")
        return str(tmp_path)

    return write


def test_the_dry_run_says_what_ran_and_what_was_stood_in_for(without: Any) -> None:
    folder = without("dgl", "ray", "colorlog", "threadpoolctl")
    there = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, str(ROOT)])}
    command = [sys.executable, "-W", "ignore", str(SCRIPT), "--device", "cpu", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, env=there)
    assert done.returncode == 0, done.stderr
    assert "stood in for: dgl, ray, threadpoolctl" in done.stdout
    found = json.loads(done.stdout[done.stdout.index("\n{\n") :])
    assert found["device"]["type"] == "cpu"
    assert {"dgl", "ray", "threadpoolctl", "colorlog"} <= set(found["stood_in_for"])
    assert [each["largest_relative_difference"] for each in found["equality"].values()] == [0]
    modes = found["training, L = 10"]["poem_default"]
    assert all(modes[mode]["epoch_s"] > 0 for mode in ("float32", "bfloat16", "compiled"))
    assert found["answers"]["8 at once"]["requests_a_second"] > 0


def test_without_the_device_it_ends_in_one_sentence() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    command = [sys.executable, str(SCRIPT), "--quick"]
    done = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert done.returncode == 1
    assert "gpu.py: there is no CUDA device; --device cpu --quick is a dry run" in done.stderr


class TestStandIns:
    """Modules in place of what is not there."""

    @pytest.fixture(autouse=True)
    def _alone(self, monkeypatch: pytest.MonkeyPatch, without: Any) -> Any:
        monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
        monkeypatch.syspath_prepend(without("brokenpackage"))
        monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
        self.stand_ins = importlib.import_module("stand_ins")
        yield
        for name in [name for name in sys.modules if name.startswith("brokenpackage")]:
            del sys.modules[name]

    def test_what_works_is_left_alone(self) -> None:
        before = sys.modules["json"]
        assert self.stand_ins.stand_in(["json"]) == []
        assert sys.modules["json"] is before

    def test_names_of_what_is_broken_can_be_imported_and_calling_one_says_so(self) -> None:
        assert self.stand_ins.stand_in(["brokenpackage"]) == ["brokenpackage"]
        deep = importlib.import_module("brokenpackage.graph.objects")
        with pytest.raises(ModuleNotFoundError, match=r"package\.graph\.objects\.Figure is not on"):
            deep.Figure()

    def test_what_only_tells_takes_anything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.stand_ins, "QUIET", ("brokenpackage",))
        self.stand_ins.stand_in(["brokenpackage"])
        writer = importlib.import_module("brokenpackage").Writer("a folder", size=1)
        assert writer.add_scalar("loss", 1.0) + "\n" == ""
