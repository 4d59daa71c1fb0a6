"""Machines."""

from typing import Any

from juju.entity import ModelEntity, moment
from juju.errors import JujuNotSupportedError
from juju.lab import ask, command
from juju.status import series_of


class Machine(ModelEntity):
    """A machine of the model; the id is its number, as text."""

    def _read(self) -> dict[str, Any] | None:
        shown = self.model.snapshot()["machines"].get(self.entity_id)
        if shown is None:
            return None
        return {
            "id": self.entity_id,
            "instance-id": shown.get("instance-id", ""),
            "agent-status": moment(shown["juju-status"]),
            "instance-status": moment(shown["machine-status"]),
            "hostname": shown.get("hostname", ""),
            "base": f"{shown['base']['name']}@{shown['base']['channel']}/stable",
            "series": series_of(shown["base"]),
            "addresses": [
                {"value": address, "type": "ipv6" if ":" in address else "ipv4", "scope": "public"}
                for address in shown.get("ip-addresses", [])
            ],
            "hardware-characteristics": shown.get("hardware", ""),
            "life": shown.get("life", "alive"),
        }

    @property
    def id(self) -> str:
        """The machine's number."""
        return self.entity_id

    @property
    def agent_status(self) -> str:
        """pending, started, stopped or down."""
        return self.safe_data["agent-status"]["current"]

    @property
    def status(self) -> str:
        """pending, allocating, running or an error of the provisioner."""
        return self.safe_data["instance-status"]["current"]

    @property
    def status_message(self) -> str:
        """What is told beside `status`."""
        return self.safe_data["instance-status"]["message"]

    @property
    def dns_name(self) -> str | None:
        """The address that others reach it under."""
        addresses = self.safe_data["addresses"]
        return addresses[0]["value"] if addresses else None

    async def destroy(self, force: bool = False) -> None:
        """Remove the machine; with `force` its units, too."""
        ask("remove_machine", model=self.model.name, machine=self.entity_id, force=force)
        self.model.forget()

    remove = destroy

    async def ssh(
        self,
        command: str,
        user: str = "ubuntu",
        proxy: bool = False,
        ssh_opts: Any = None,
        wait_for_active: bool = False,
        timeout: float | None = None,
    ) -> str:
        """What a command prints on the machine."""
        return await ssh(self, command, user, ssh_opts)

    async def scp_to(
        self,
        source: str,
        destination: str,
        user: str = "ubuntu",
        proxy: bool = False,
        scp_opts: Any = "",
        wait_for_active: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Copy files of this host to the machine."""
        await scp(self, source, f"{user}@{self.entity_id}:{destination}", scp_opts)

    async def scp_from(
        self,
        source: str,
        destination: str,
        user: str = "ubuntu",
        proxy: bool = False,
        scp_opts: Any = "",
        wait_for_active: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Copy files of the machine to this host."""
        await scp(self, f"{user}@{self.entity_id}:{source}", destination, scp_opts)


async def ssh(entity: ModelEntity, words: str, user: str, options: Any) -> str:
    """What a command prints on a unit or machine; JujuError when it fails."""
    if options:
        raise JujuNotSupportedError(f"ssh options {options!r}: the lab has its own")
    target = f"{user}@{entity.entity_id}"
    return await command("ssh", "-m", entity.model.name, target, words)


async def scp(entity: ModelEntity, source: str, destination: str, options: Any) -> None:
    """Copy files; `options` of scp are text or a list."""
    given = options.split() if isinstance(options, str) else list(options or ())
    dashes = ["--"] if given else []
    await command("scp", "-m", entity.model.name, *dashes, *given, source, destination)
