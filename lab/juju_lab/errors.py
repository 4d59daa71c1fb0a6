"""The errors that a user of the command sees."""


class JujuError(Exception):
    """A request that cannot be carried out; the text is what follows `ERROR ` on stderr.

    `code` is the exit status of the command: 1 for a failure at run time, 2 for wrong usage.
    """

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class UsageError(JujuError):
    """Arguments that make no sense."""

    def __init__(self, text: str) -> None:
        super().__init__(text, code=2)
