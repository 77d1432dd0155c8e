"""The one exception that means: the input cannot be used, and here is why."""


class InputError(ValueError):
    """A file, field or argument that cannot be used.

    The message is one line that says which file or argument, which field, what was found and what is
    allowed. The command line prints it to stderr and exits with status 2.
    """
