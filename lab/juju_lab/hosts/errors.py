"""What can go wrong, in the words that a user gets to see."""


class HostError(Exception):
    """A host, an image or the lab's network did not do what was asked of it."""


class CommandFailed(HostError):
    """A command ran on a host and exited with something else than 0.

    The message names the program only: its arguments and its input may hold secrets.
    """

    def __init__(self, host: str, program: str, returncode: int, stderr: bytes) -> None:
        self.host = host
        self.program = program
        self.returncode = returncode
        self.stderr = stderr
        lines = stderr.decode(errors="replace").strip().splitlines()
        detail = f": {lines[-1]}" if lines else ""
        super().__init__(f"{host}: {program} exited with {returncode}{detail}")


class PreflightError(HostError):
    """The machine cannot run a lab; `problems` has one line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))
