"""``python -m recbole_poem`` is `recbole-poem`: a verb and its arguments; options alone train."""

import sys

from recbole_poem.cli.verbs import main

if __name__ == "__main__":
    sys.exit(main())
