"""What the verbs share: their parsers, keys as ``--key=value``, and errors in one line."""

import argparse
import os
import shlex
import sys
from typing import Any, Callable, Dict, List, Mapping, NoReturn, Tuple, Type

from recbole_poem.core import recbole_warnings, stack
from recbole_poem.core.errors import InputError


def verb_parser(
    verb: str,
    description: str,
    epilog: str = "",
    formatter: Type[argparse.HelpFormatter] = argparse.HelpFormatter,
) -> argparse.ArgumentParser:
    """Return the parser of a verb, without arguments; it takes no abbreviations."""
    return _Parser(
        prog=f"recbole-poem {verb}",
        description=description,
        epilog=epilog,
        formatter_class=formatter,
        allow_abbrev=False,
    )


class _Parser(argparse.ArgumentParser):
    """Refuses a value in one sentence, where argparse prints its usage and the name of a type."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(exit_on_error=False, **settings)
        self.register("type", int, _whole_number)
        self.register("type", float, _number)

    def parse_known_args(self, *arguments: Any, **settings: Any) -> Any:
        """Parse as argparse does.

        Raises
        ------
        InputError
            For a value of another kind, one that is no choice, and options that exclude each other.
        """
        try:
            return super().parse_known_args(*arguments, **settings)
        except argparse.ArgumentError as error:
            raise InputError(f"{error.argument_name}: {error.message}") from error

    def error(self, message: str) -> NoReturn:
        """Refuse a command line.

        Raises
        ------
        InputError
            Always: for an option that is missing, and for one that is unknown.
        """
        raise InputError(f"{message}; {self.prog} --help shows the options")


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a whole number, not '{text}'") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number, not '{text}'") from error


def split_keys(arguments: List[str]) -> Dict[str, Any]:
    """Return the keys of a configuration that a command line gives as ``--key=value``.

    Raises
    ------
    InputError
        For an argument of another form, or a key given twice.
    """
    keys: Dict[str, Any] = {}
    for argument in arguments:
        name, equals, value = argument[2:].partition("=")
        if not (argument.startswith("--") and equals and name):
            raise InputError(f"cannot read the argument '{argument}'; write --key=value")
        if name in keys:
            raise InputError(f"--{name} is given twice")
        keys[name] = value
    return keys


def read_arguments(
    parser: argparse.ArgumentParser, arguments: List[str]
) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into the options that a parser knows, and keys of a configuration.

    Keys may be dotted, and their values may hold blanks: ``--score_fusion={name: x, kappa: 1}``.

    Raises
    ------
    InputError
        For an argument of another form, and one that is given twice, of which argparse takes the
        last.
    """
    names = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InputError(f"{name} is given twice")
    # argparse takes what holds a blank for no option, but for one more value of the option before
    keys = [one for one in arguments if _is_key(one, parser)]
    options, rest = parser.parse_known_args([one for one in arguments if one not in keys])
    return options, split_keys([*rest, *keys])


def _is_key(argument: str, parser: argparse.ArgumentParser) -> bool:
    name, equals, _ = argument.partition("=")
    return argument.startswith("--") and bool(equals) and name not in parser._option_string_actions


def named_checkpoint(path: str, keys: Mapping[str, Any]) -> str:
    """Return the checkpoint that a command names, and say which one ``latest`` is.

    Parameters
    ----------
    path : str
    keys : mapping
        Of the command line; see `recbole_poem.training.checkpoint.located`.

    Raises
    ------
    InputError
        If there is no latest one.
    """
    from recbole_poem.training import checkpoint  # loads torch, after its version has been checked

    found = checkpoint.located(path, keys)
    if found != path:
        print(f"checkpoint: {found}", flush=True)
    return found


def command_line(*words: str) -> str:
    """Return a command of this program as a shell reads it: ``recbole-poem recommend --k=5``."""
    return shlex.join(["recbole-poem", *words])


def show(text: str) -> None:
    """Print what a verb answers; a reader that has seen enough, such as ``head``, is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # what Python would write at its end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_status(command: Callable[[], int]) -> int:
    """Run `command`; return its exit status, 2 for bad input, 130 for Ctrl-C."""
    recbole_warnings.ignore()
    try:
        return command()
    except (InputError, stack.StackError) as error:
        print(f"recbole_poem: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if str(error.name).startswith("recbole_poem"):
            raise
        # some of RecBole's models import more than RecBole requires
        print(f"recbole_poem: this model needs the package '{error.name}'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("recbole_poem: interrupted", file=sys.stderr)
        return 130
