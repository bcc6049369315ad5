"""Loading hyperopt without a warning that its users cannot mend."""

import importlib.util
import warnings


def load_hyperopt() -> None:
    """Import hyperopt if it is installed; what needs it says so where it is not.

    Some versions of it read their own version by setuptools' ``pkg_resources``, and setuptools
    warns of that module's end.
    """
    if importlib.util.find_spec("hyperopt") is None:
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        import hyperopt  # noqa: F401
