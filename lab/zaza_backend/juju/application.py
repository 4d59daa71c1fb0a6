"""Applications."""

import os
from pathlib import Path
from typing import Any

from juju.action import Action
from juju.entity import ModelEntity, moment
from juju.errors import JujuApplicationConfigError, JujuNotSupportedError
from juju.lab import ask, command
from juju.relation import Relation
from juju.unit import Unit
from juju_lab import names


class Application(ModelEntity):
    """An application of the model by its name."""

    def _read(self) -> dict[str, Any] | None:
        shown = self.model.snapshot()["applications"].get(self.entity_id)
        if shown is None:
            return None
        return {
            "name": self.entity_id,
            "exposed": shown["exposed"],
            "charm-url": shown["charm"],
            "life": shown.get("life", "alive"),
            "subordinate": False,
            "status": moment(shown["application-status"]),
            "workload-version": shown.get("version", ""),
        }

    @property
    def name(self) -> str:
        """The application's name."""
        return self.entity_id

    @property
    def charm_name(self) -> str:
        """The name in the charm's metadata."""
        return self.safe_data["charm-url"].partition(":")[2].rpartition("-")[0]

    @property
    def status(self) -> str:
        """What the leader set, else the status of the unit that is worst off."""
        return self.safe_data["status"]["current"]

    @property
    def status_message(self) -> str:
        """What is told beside it."""
        return self.safe_data["status"]["message"]

    @property
    def units(self) -> list[Unit]:
        """Its units, lowest number first."""
        shown = self.model.snapshot()["applications"].get(self.entity_id, {})
        return [
            Unit(name, self.model) for name in sorted(shown.get("units", {}), key=names.natural)
        ]

    @property
    def subordinate_units(self) -> list[Unit]:
        """None: the lab has no subordinates."""
        return []

    @property
    def relations(self) -> list[Relation]:
        """The relations that it takes part in, peers' too."""
        return [relation for relation in self.model.relations if relation.matches(self.name)]

    def related_applications(self, endpoint_name: str | None = None) -> dict[str, "Application"]:
        """Those that it is related to (over this endpoint), by name."""
        found = {}
        for relation in self.relations:
            ends = [end for end in relation.endpoints if end.application_name != self.name]
            mine = [end for end in relation.endpoints if end.application_name == self.name]
            if not endpoint_name or any(end.name == endpoint_name for end in mine):
                found.update({end.application_name: end.application for end in ends})
        return found

    async def get_status(self) -> str:
        """As `status`."""
        return self.status

    # Relations

    async def relate(self, local_relation: str, remote_relation: str) -> Relation:
        """Relate it to `application[:endpoint]`; the relation may be there already."""
        return await self.model.integrate(self._end(local_relation), remote_relation)

    add_relation = relate

    async def destroy_relation(
        self, local_relation: str, remote_relation: str, block_until_done: bool = False
    ) -> None:
        """End a relation; wait until it has gone if that is wanted."""
        ends = [self._end(local_relation), remote_relation]
        ask("remove_relation", model=self.model.name, ends=ends, force=False)
        self.model.forget()
        if block_until_done:
            await self.model.block_until(
                lambda: not any(relation.matches(*ends) for relation in self.relations)
            )

    remove_relation = destroy_relation

    def _end(self, local: str) -> str:
        return local if ":" in local else f"{self.name}:{local}"

    # Units

    async def add_unit(
        self, count: int = 1, to: str | list[str] | None = None, attach_storage: Any = ()
    ) -> list[Unit]:
        """Add units, on machines `to` if given; returns those that are new."""
        before = {unit.name for unit in self.units}
        places = to.split(",") if isinstance(to, str) else list(to or ())
        # The command has the image of the unit's base made first, if need be.
        where = ["--to", ",".join(places)] if places else []
        await command("add-unit", "-m", self.model.name, self.name, "-n", str(count), *where)
        self.model.forget()
        return [unit for unit in self.units if unit.name not in before]

    add_units = add_unit

    async def destroy_unit(self, *unit_names: str) -> None:
        """Have units leave."""
        await self.model.destroy_units(*unit_names)

    destroy_units = destroy_unit

    async def scale(self, scale: int | None = None, scale_change: int | None = None) -> None:
        """Refused: only Kubernetes has it."""
        raise JujuNotSupportedError("scale application on non-container models not supported")

    async def destroy(
        self, destroy_storage: bool = False, force: bool = False, no_wait: bool = False
    ) -> None:
        """Remove the application with its units."""
        await self.model.remove_application(self.name, force=force, no_wait=no_wait)

    remove = destroy

    async def run(self, command: str, timeout: float | None = None) -> list[Action]:
        """Run a shell command as root in all its units; returns at once."""
        return [await unit.run(command, timeout) for unit in self.units]

    # Configuration

    async def get_config(self) -> dict[str, dict[str, Any]]:
        """Its options: each with value, default, description, source and type."""
        return ask("config", model=self.model.name, application=self.name)["settings"]

    async def set_config(self, config: dict[str, Any]) -> None:
        """Set options; values are texts, or entries of `get_config`."""
        values = {}
        for key, value in config.items():
            if isinstance(value, dict):
                value = str(value["value"]) if value.get("value") else None
            elif not isinstance(value, str):
                raise JujuApplicationConfigError(f"invalid {key}: value {value!r} is no text")
            if value is not None:
                values[key] = value
        self._set(values, [])

    async def reset_config(self, to_default: list[str]) -> None:
        """Set options back to their defaults."""
        self._set({}, list(to_default))

    async def get_trusted(self) -> bool:
        """Whether it may have the cloud's credentials."""
        shown = ask("config", model=self.model.name, application=self.name)
        return bool(shown["application-config"]["trust"]["value"])

    async def set_trusted(self, trust: bool) -> None:
        """Let it have the cloud's credentials, or not."""
        self._set({"trust": trust}, [])

    def _set(self, values: dict[str, Any], reset: list[str]) -> None:
        name = self.model.name
        ask("set_config", model=name, application=self.name, values=values, reset=reset)
        self.model.forget()

    async def get_actions(self, schema: bool = False) -> dict[str, Any]:
        """Its actions by name: what each does, or its whole schema."""
        found = ask("actions", model=self.model.name, application=self.name)
        return found if schema else {name: each["description"] for name, each in found.items()}

    async def expose(self, exposed_endpoints: Any = None) -> None:
        """Open its ports to the world."""
        ask("set_exposed", model=self.model.name, application=self.name, exposed=True)
        self.model.forget()

    async def unexpose(self, exposed_endpoints: Any = None) -> None:
        """Close its ports to the world."""
        ask("set_exposed", model=self.model.name, application=self.name, exposed=False)
        self.model.forget()

    async def refresh(
        self,
        channel: str | None = None,
        force: bool = False,
        force_series: bool = False,
        force_units: bool = False,
        path: Path | str | None = None,
        resources: Any = None,
        revision: int | None = None,
        switch: str | None = None,
    ) -> None:
        """Upgrade to the charm at `path` (or `switch`); the lab has no store of charms."""
        place = path or switch
        if not place:
            raise JujuNotSupportedError("the lab has no store of charms: give the charm's path")
        ask(
            "refresh",
            model=self.model.name,
            application=self.name,
            path=os.path.abspath(place),
            force_units=force_units,
        )
        self.model.forget()

    upgrade_charm = refresh
    local_refresh = refresh
