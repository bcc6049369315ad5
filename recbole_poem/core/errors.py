"""The one exception that means: the input is wrong, and this sentence says what to do."""


class InputError(ValueError):
    """Bad input from outside: a file, a column, a key, a value.

    Its message is one sentence that names the culprit and the remedy. The command prints it
    without a traceback; every other exception is a defect and keeps its traceback.
    """
