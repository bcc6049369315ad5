"""``python -m docsite FOLDER`` builds the site: ``FOLDER/html/index.html``."""

import argparse
import sys
from pathlib import Path
from typing import List

from sphinx.cmd.build import main as sphinx

from docsite.layout import lay_out


def main(arguments: List[str]) -> int:
    """Build the site, and return Sphinx's exit status; a warning is an error."""
    parser = argparse.ArgumentParser(prog="python -m docsite", description=__doc__)
    parser.add_argument("folder", type=Path, help="what is made goes there")
    parser.add_argument("--builder", default="html", help="of Sphinx; dummy reads and links alone")
    options = parser.parse_args(arguments)
    folder = options.folder.absolute()
    lay_out(folder / "source")
    status: int = sphinx(
        [
            "--builder", options.builder, "--fail-on-warning", "--quiet",
            "--conf-dir", str(Path(__file__).parent), "--doctree-dir", str(folder / "doctrees"),
            str(folder / "source"), str(folder / options.builder),
        ]
    )  # fmt: skip
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
