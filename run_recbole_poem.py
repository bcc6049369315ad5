"""Train, validate and test POEM or any model of RecBole; see ``--help``."""

import sys

from recbole_poem.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
