"""``recbole-poem doctor``: what is installed, what is needed, and what works."""

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Callable, List, Tuple

from recbole_poem.cli.command import verb_parser
from recbole_poem.core import stack


def parse(arguments: List[str]) -> argparse.Namespace:
    """Read a command line, on which nothing but ``--help`` can be."""
    description = "Check the installation: which versions are there, which are needed, what works."
    return verb_parser("doctor", description).parse_args(arguments)


def run(arguments: List[str]) -> int:
    """Print the findings, and return the exit status: 0, or 1 if something is wrong."""
    parse(arguments)
    return report()


def report() -> int:
    """Print the findings; return 0 if everything the plugin needs works, else 1."""
    print(f"Python      {sys.version.split()[0]:<14} needs {stack.PYTHON}")
    for finding in stack.findings():
        state = "" if finding.fits else "   <-- " + ("wrong" if finding.found else "missing")
        found = finding.found or "not installed"
        print(f"{finding.package:<11} {found:<14} needs {finding.bounds or 'any'}{state}")
    problems = stack.problems()
    for sentence in problems:
        print(sentence)
    if problems:
        return 1
    works = [_report_check(name, check) for name, check in CHECKS]
    for extra in stack.EXTRAS:
        print(f"{f'extra [{extra}]':<24} {stack.extra_words(extra)}")
    return 0 if all(works) else 1


def _report_check(name: str, check: Callable[[], str]) -> bool:
    try:
        print(f"{name:<24} {check()}")
        return True
    except Exception as error:  # the doctor's work is to report whatever fails, and go on
        words = " ".join(str(error).split())
        print(f"{name:<24} FAILS: {type(error).__name__}: {words}")
        return False


def _dgl_sampler() -> str:
    torch, dgl = import_module("torch"), import_module("dgl")
    graph = dgl.graph((torch.tensor([1, 2]), torch.tensor([3, 3])), num_nodes=4)
    graph.edata["weight"] = torch.tensor([1.0, 0.0])
    drawn = dgl.sampling.sample_neighbors(graph, [3], 1, prob="weight").edges()[0].tolist()
    if drawn != [1]:
        raise RuntimeError(f"drew {drawn} where only [1] has a weight")
    return "works"


def _checkpoint_round_trip() -> str:
    torch, checkpoint = import_module("torch"), import_module("recbole_poem.training.checkpoint")
    state = {key: kind() for key, kind in checkpoint._CONTENT.items()}
    state["state_dict"] = {"weight": torch.arange(3.0)}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.write(Path(folder) / "doctor.pth", state)
        back = checkpoint.read(Path(folder) / "doctor.pth")
    if not torch.equal(back["state_dict"]["weight"], state["state_dict"]["weight"]):
        raise RuntimeError("the weights read are not those written")
    return "works"


def _gpu() -> str:
    torch = import_module("torch")
    if not torch.cuda.is_available():
        return "none seen; training runs on the CPU"
    return f"{torch.cuda.get_device_name(0)}"


def _public_names() -> str:
    before = "ray" in sys.modules  # a program that calls the doctor may have loaded it
    package = import_module("recbole_poem")
    for name in package.__all__:
        getattr(package, name)
    if "ray" in sys.modules and not before:
        raise RuntimeError("ray was loaded")
    return "works, without ray"


#: what is tried, in order
CHECKS: List[Tuple[str, Callable[[], str]]] = [
    ("import of the plugin", _public_names),
    ("DGL sampler", _dgl_sampler),
    ("checkpoint round trip", _checkpoint_round_trip),
    ("GPU", _gpu),
]
