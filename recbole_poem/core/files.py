"""Files: written whole or not at all, by one process at a time; and whether they changed."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from logging import getLogger
from pathlib import Path
from typing import IO, Dict, Iterator, Tuple

from filelock import FileLock, Timeout

from recbole_poem.core.errors import InputError

#: size and time of change of the files of a folder, by name
States = Dict[str, Tuple[int, int]]


def states(folder: Path) -> States:
    """Return what tells whether the files of a folder, such as those of a data set, changed."""
    if not folder.is_dir():
        return {}
    status = {path.name: path.stat() for path in folder.iterdir()}
    return {name: (found.st_size, found.st_mtime_ns) for name, found in status.items()}


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of `path` when the block ends without an exception.

    Whatever interrupts the block leaves the file that was there. The folder is made if need be.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}-", delete=False
        ) as file:
            temporary = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        # as readable as the folder it lies in; the temporary file is private
        temporary.chmod(path.parent.stat().st_mode & 0o666)
        temporary.replace(path)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder that takes the place of `path` when the block ends without an exception.

    Whatever interrupts the block leaves what was there; a process that is killed leaves a folder
    beside it whose name begins with a dot. The folder above has to be there. Where `path` is a link
    the folder that it leads to is replaced, and the link stays.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path = path.resolve()
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield temporary
        # as readable as the folder it lies in; mkdtemp makes it private
        temporary.chmod(path.parent.stat().st_mode & 0o777)
        _put(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put(new: Path, path: Path) -> None:
    """Move a folder to `path`; what is there is taken away when the new one stands, whole."""
    if not path.exists():
        new.replace(path)
        return
    old = new.with_name(f"{new.name}-old")
    path.replace(old)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        raise
    shutil.rmtree(old)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name `path` where the system refuses what the block writes: a full disk, say.

    Raises
    ------
    InputError
        In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}; once it can, the same command "
            "goes on"
        ) from error


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Name the folder of an output where the system refuses what the block writes into it.

    Raises
    ------
    InputError
        In place of an OSError; says which file is in the way, if one is.
    """
    try:
        yield
    except OSError as error:
        in_the_way = [path for path in (folder, *folder.parents) if path.is_file()]
        reason = f"{in_the_way[0]} is a file" if in_the_way else error.strerror or error
        raise InputError(
            f"--output: {folder} cannot be written: {reason}; mend that, or name another folder"
        ) from error


@contextmanager
def in_turn(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`; where another process holds it, log `what` it does, and wait.

    A process that dies holds nothing.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(path))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        getLogger().info(f"waiting for another process: {what}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`, or refuse.

    Raises
    ------
    InputError
        If another process holds it; says `what` it does. And if the file cannot be written.
    """
    lock = FileLock(str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(f"{path.parent}: {what}; wait for it, or take another folder") from error
    except OSError as error:
        raise InputError(f"{path.parent} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()
