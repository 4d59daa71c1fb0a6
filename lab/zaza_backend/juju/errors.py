"""Errors, by the names that python-libjuju gives them."""


class JujuError(Exception):
    """Juju refuses, or something is not there; the text is what Juju says."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.message = str(args[0]) if args else ""


class JujuAPIError(JujuError):
    """A request that the controller refuses."""


class JujuConnectionError(ConnectionError, JujuError):
    """There is no controller, or no such model."""


class JujuEntityNotFoundError(JujuError):
    """An application, unit or machine that is not in the model."""


class JujuModelError(JujuError):
    """A model that is not as it must be."""


class JujuMachineError(JujuError):
    """A machine in error."""


class JujuAgentError(JujuError):
    """An agent in error."""


class JujuAppError(JujuError):
    """An application in error."""


class JujuUnitError(JujuError):
    """A unit in error."""


class JujuNotSupportedError(JujuError):
    """Something that the lab has not."""


class JujuApplicationConfigError(JujuError):
    """Configuration that is no text."""
