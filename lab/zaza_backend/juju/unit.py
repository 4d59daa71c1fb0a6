"""Units."""

import asyncio
from typing import Any

from juju.action import Action
from juju.entity import ModelEntity, moment
from juju.lab import ask
from juju.machine import Machine, scp, ssh
from juju.status import series_of


class Unit(ModelEntity):
    """A unit of the model by its name."""

    def _read(self) -> dict[str, Any] | None:
        application = self.entity_id.partition("/")[0]
        shown = self.model.snapshot()["applications"].get(application, {})
        unit = shown.get("units", {}).get(self.entity_id)
        if unit is None:
            return None
        return {
            "name": self.entity_id,
            "application": application,
            "base": f"{shown['base']['name']}@{shown['base']['channel']}/stable",
            "series": series_of(shown["base"]),
            "charm-url": shown["charm"],
            "life": unit.get("life", "alive"),
            "public-address": unit.get("public-address", ""),
            "private-address": unit.get("public-address", ""),
            "machine-id": unit.get("machine", ""),
            "principal": "",
            "subordinate": False,
            "workload-status": moment(unit["workload-status"]),
            "agent-status": moment(unit["juju-status"]),
            "leader": unit.get("leader", False),
            "open-ports": unit.get("open-ports", []),
        }

    @property
    def name(self) -> str:
        """`application/number`."""
        return self.entity_id

    @property
    def machine(self) -> Machine | None:
        """The machine that it is on."""
        return self.model.machines.get(self.safe_data["machine-id"])

    @property
    def public_address(self) -> str | None:
        """The address that others reach it under, if it has one yet."""
        return self.safe_data["public-address"] or None

    @property
    def is_subordinate(self) -> bool:
        """Never so: the lab has no subordinates."""
        return self.safe_data["subordinate"]

    @property
    def principal_unit(self) -> str:
        """Empty: the lab has no subordinates."""
        return self.safe_data["principal"]

    def get_subordinates(self) -> list["Unit"]:
        """None: the lab has no subordinates."""
        return []

    @property
    def agent_status(self) -> str:
        """allocating, executing, idle, lost …"""
        return self.safe_data["agent-status"]["current"]

    @property
    def agent_status_message(self) -> str:
        """What the agent tells of what it does."""
        return self.safe_data["agent-status"]["message"]

    @property
    def workload_status(self) -> str:
        """What the charm says: active, blocked …; error after a failed hook."""
        return self.safe_data["workload-status"]["current"]

    @property
    def workload_status_message(self) -> str:
        """What the charm says beside it."""
        return self.safe_data["workload-status"]["message"]

    async def get_public_address(self) -> str | None:
        """As `public_address`."""
        return self.public_address

    async def is_leader_from_status(self) -> bool:
        """Whether it leads its application."""
        return self.safe_data["leader"]

    async def run(self, command: str, timeout: float | None = None, block: bool = False) -> Action:
        """Run a shell command as root in the unit's context; with `block` to its end.

        TimeoutError after `timeout` seconds of blocking.
        """
        enqueued = ask("exec", model=self.model.name, command=command, units=[self.name])
        action = Action(self.model, enqueued, "juju-exec", {"command": command})
        if block:
            await asyncio.wait_for(action.wait(), timeout)
        return action

    async def run_action(self, action_name: str, **params: Any) -> Action:
        """Have an action run; its `wait` waits for the end.

        ValueError when the charm has no such action; Exception for parameters that do not fit.
        """
        model = self.model.name
        enqueued = ask("run", model=model, units=[self.name], action=action_name, params=params)
        if enqueued["failures"]:
            (reason,) = enqueued["failures"]
            if "not defined" in reason or "no actions defined" in reason:
                raise ValueError(f"Action `{action_name}` not found on {self.name}")
            raise Exception(f"Unknown action error: {reason}")
        return Action(self.model, enqueued, action_name, params)

    async def resolved(self, retry: bool = False) -> None:
        """Take the failed hook as done, or have it run again."""
        ask("resolved", model=self.model.name, units=[self.name], every=False, retry=retry)
        self.model.forget()

    async def destroy(
        self,
        destroy_storage: bool = False,
        dry_run: bool = False,
        force: bool = False,
        max_wait: float | None = None,
    ) -> None:
        """Have the unit leave."""
        if not dry_run:
            no_wait = max_wait == 0
            ask("remove_unit", model=self.model.name, unit=self.name, force=force, no_wait=no_wait)
            self.model.forget()

    remove = destroy

    async def ssh(
        self, command: str, user: str = "ubuntu", proxy: bool = False, ssh_opts: Any = None
    ) -> str:
        """What a command prints on the unit's host."""
        return await ssh(self, command, user, ssh_opts)

    async def scp_to(
        self,
        source: str,
        destination: str,
        user: str = "ubuntu",
        proxy: bool = False,
        scp_opts: Any = "",
    ) -> None:
        """Copy files of this host to the unit's."""
        await scp(self, source, f"{user}@{self.name}:{destination}", scp_opts)

    async def scp_from(
        self,
        source: str,
        destination: str,
        user: str = "ubuntu",
        proxy: bool = False,
        scp_opts: Any = "",
    ) -> None:
        """Copy files of the unit's host to this one."""
        await scp(self, f"{user}@{self.name}:{source}", destination, scp_opts)
