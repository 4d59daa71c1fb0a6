"""The files of the juju client."""

from juju.errors import JujuError
from juju_lab import CLOUD_NAME


class FileJujuData:
    """The lab needs no credentials and has no files for them."""

    def load_credential(self, cloud: str, name: str | None = None) -> tuple[str, dict]:
        """The name of a credential and what is in it: nothing, for the lab's cloud."""
        if cloud != CLOUD_NAME or name not in (None, "default"):
            raise JujuError(f"no credential {name or 'default'} for cloud {cloud}")
        return "default", {"auth-type": "empty"}
