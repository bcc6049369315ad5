"""Train, validate and test POEM or any model of RecBole; see ``--help``."""

import sys

from recbole_poem.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["train"]))  # trains the usual model where nothing is named
