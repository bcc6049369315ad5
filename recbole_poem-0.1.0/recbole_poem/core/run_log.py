"""The log of a run: all of it in a file, and on the terminal what a person wants to read.

RecBole logs to the root logger, and its `init_logger` shows all of that: 224 lines of keys before
anything happens. Here the terminal shows warnings and what the code says by `say`; the file has
everything, and with ``verbose`` the terminal as well. Only the handlers made here come and go.
"""

import hashlib
import logging
import re
import shutil
import sys
from pathlib import Path
from textwrap import fill
from typing import Any, Optional
from uuid import uuid4

from recbole.utils.utils import get_local_time
from tqdm import tqdm

from recbole_poem.core.errors import InputError

#: columns of the names that `say` puts before its words
NAME_WIDTH = 9
_SAID = "said"  # the attribute of a record that `say` makes: its name and its words
_CODES = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")
_FORM = "%(asctime)-15s %(levelname)s  %(message)s"  # RecBole's, and so are these
_FILE_DATE, _TERMINAL_DATE = "%a %d %b %Y %H:%M:%S", "%d %b %H:%M"


def say(name: str, words: str) -> None:
    """Tell a person what is happening: a line of the terminal and of the log file.

    Parameters
    ----------
    name : str
        What the line is about, in one word; a line begins with it.
    words : str
    """
    logging.getLogger().info(f"{name}: {words}", extra={_SAID: (name, words)})


def lined_up(name: str, words: str, width: Optional[int] = None) -> str:
    """Return a line for people: a name in a column of its own, and words.

    Parameters
    ----------
    name, words : str
    width : int, optional
        Columns after which the words go on below themselves; None: never.
    """
    line = f"{name:{NAME_WIDTH}} {words}"
    if width is None:
        return line
    below = " " * (NAME_WIDTH + 1)
    return fill(
        line, width, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )


class _Plain(logging.Formatter):
    """Leaves out the colours that RecBole puts into messages."""

    def format(self, record: logging.LogRecord) -> str:
        return _CODES.sub("", super().format(record))


class _LogFile(logging.FileHandler):
    """The log file of a run."""


class _Terminal(logging.Handler):
    """Writes to the standard error, above the progress bars that are there."""

    def __init__(self, level: int, shows_all: bool) -> None:
        super().__init__(level)
        self._shows_all = shows_all
        self.setFormatter(logging.Formatter(_FORM, _TERMINAL_DATE))
        self.addFilter(self._is_shown)

    def _is_shown(self, record: logging.LogRecord) -> bool:
        return self._shows_all or record.levelno >= logging.WARNING or hasattr(record, _SAID)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; colours only where somebody sees them."""
        try:
            is_seen = sys.stderr.isatty()
            line = self._line(record, shutil.get_terminal_size().columns if is_seen else None)
            tqdm.write(line if is_seen else _CODES.sub("", line), file=sys.stderr)
        except Exception:  # as every handler of Python: a log never ends a run
            self.handleError(record)

    def _line(self, record: logging.LogRecord, width: Optional[int]) -> str:
        said = getattr(record, _SAID, None)
        if said is not None:
            name, words = said
            return lined_up(name, words, width)
        if self._shows_all:
            return self.format(record)
        return f"{record.levelname.lower():{NAME_WIDTH}} {record.getMessage()}"


def start_log(config: Any) -> Path:
    """Begin the log of a run in ``log/<model>``, and end the one before; return the new file.

    Parameters
    ----------
    config : Config
        Of which ``state`` is the lowest level that is logged at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    end_log()
    values = "".join(map(str, config.final_config_dict.values()))
    digest = hashlib.md5(values.encode(), usedforsecurity=False).hexdigest()[:6]
    # two runs may start within the same second; RecBole's TensorBoard folder has the same name
    name = f"{config['model']}-{config['dataset']}-{get_local_time()}-{digest}-{uuid4().hex[:6]}"
    path = Path("log", str(config["model"]), f"{name}.log")
    level = logging.getLevelName(str(config["state"] or "info").upper())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path.parent}: this folder cannot be made: {error.strerror}") from error
    file.setLevel(level)
    file.setFormatter(_Plain(_FORM, _FILE_DATE))
    logger = logging.getLogger()
    logger.addHandler(file)
    logger.addHandler(_Terminal(level, shows_all=bool(config["verbose"])))
    logger.setLevel(min(level, logger.level or level))
    return path


def end_log() -> None:
    """Close the log of the last run, if there is one; handlers of others stay."""
    logger = logging.getLogger()
    for handler in logger.handlers[:]:
        if isinstance(handler, (_LogFile, _Terminal)):
            logger.removeHandler(handler)
            handler.close()
