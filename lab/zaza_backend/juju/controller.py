"""The controller."""

from typing import Any

from juju.document import Document
from juju.errors import JujuConnectionError, JujuNotSupportedError
from juju.lab import ask, follow
from juju.model import Connection, Model
from juju_lab import CLOUD_NAME, CONTROLLER_NAME

_TYPE = "lab"


class Controller:
    """The lab as a controller: its models and its one cloud."""

    def __init__(self, max_frame_size: int | None = None, **options: Any) -> None:
        self._connection: Connection | None = None

    async def connect(self, *args: Any, **options: Any) -> None:
        """Connect; there is only one controller to connect to."""
        ask("ping")
        self._connection = Connection()

    connect_current = connect
    connect_controller = connect

    async def disconnect(self) -> None:
        """Have done with it."""
        self._connection = None

    def is_connected(self) -> bool:
        """Whether `connect` was called."""
        return self._connection is not None

    def connection(self) -> Connection:
        """The connection; JujuConnectionError without one."""
        if self._connection is None:
            raise JujuConnectionError("not connected")
        return self._connection

    async def __aenter__(self) -> "Controller":
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.disconnect()

    @property
    def controller_name(self) -> str:
        """The controller's name."""
        return CONTROLLER_NAME

    async def list_models(self, username: str | None = None, all: bool = False) -> list[str]:
        """The names of the models."""
        return list(await self.model_uuids())

    async def model_uuids(self, username: str | None = None, all: bool = False) -> dict[str, str]:
        """The models' ids by name."""
        return {each["short-name"]: each["model-uuid"] for each in ask("models")["models"]}

    async def add_model(
        self,
        model_name: str,
        cloud_name: str | None = None,
        credential_name: str | None = None,
        owner: str | None = None,
        config: dict[str, Any] | None = None,
        region: str | None = None,
    ) -> Model:
        """Make a model and connect to it."""
        values = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in (config or {}).items()
        }
        ask("add_model", name=model_name, config=values, switch=False)
        return await self.get_model(model_name)

    async def get_model(self, model: str) -> Model:
        """A model, connected, by name or id."""
        uuids = {uuid: name for name, uuid in (await self.model_uuids()).items()}
        found = Model()
        await found.connect(uuids.get(model, model))
        return found

    async def destroy_models(
        self,
        *models: str,
        destroy_storage: bool = False,
        force: bool = False,
        max_wait: float | None = None,
    ) -> None:
        """Remove models with all that is in them, by name or id."""
        uuids = {uuid: name for name, uuid in (await self.model_uuids()).items()}
        for model in models:
            for _ in follow("destroy_model", model=uuids.get(model, model), force=force):
                pass

    destroy_model = destroy_models

    async def get_cloud(self) -> str:
        """The name of the cloud that it runs on."""
        return CLOUD_NAME

    async def cloud(self, name: str | None = None) -> Document:
        """What is told of a cloud, in `cloud`."""
        if name not in (None, CLOUD_NAME):
            raise JujuNotSupportedError(f'cloud "{name}": the lab has {CLOUD_NAME} alone')
        return Document(cloud=Document({"type": _TYPE, "auth-types": ["empty"], "regions": []}))

    async def clouds(self) -> Document:
        """What is told of all clouds, by tag, in `clouds`."""
        return Document(clouds={f"cloud-{CLOUD_NAME}": (await self.cloud()).cloud})
