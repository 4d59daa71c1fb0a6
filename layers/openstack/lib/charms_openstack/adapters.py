"""Adapters: what templates see of relations and of the charm's configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from charmhelpers.core import hookenv

_adapter_properties: dict[str, dict[str, Callable[[Any], Any]]] = {}
_config_properties: dict[str, Callable[[Any], Any]] = {}


def adapter_property(interface_name: str) -> Callable:
    """Decorate a function of an adapter that becomes a property of one endpoint's adapter.

    :param interface_name: the endpoint's name, such as ``ceph-client``
    """

    def register(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        properties = _adapter_properties.setdefault(_identifier(interface_name), {})
        properties[function.__name__] = function
        return function

    return register


def config_property(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Decorate a function of the options that becomes a property of them."""
    _config_properties[function.__name__] = function
    return function


class OpenStackRelationAdapter:
    """One endpoint as templates see it; what the adapter does not define is the endpoint's own."""

    def __init__(self, relation: Any) -> None:
        self.relation = relation

    @property
    def relation_name(self) -> str:
        return self.relation.endpoint_name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["relation"], name)


class ConfigurationAdapter:
    """The charm's options as attributes, ``-`` in their names as ``_``, and computed ones.

    :param charm_instance: for computed options that need to know the charm
    """

    def __init__(self, charm_instance: Any = None) -> None:
        self.charm_instance = charm_instance
        for name, value in hookenv.config().items():
            setattr(self, _identifier(name), value)

    def __getattr__(self, name: str) -> Any:
        if name in _config_properties:
            return _config_properties[name](self)
        raise AttributeError(f"the charm has no option {name.replace('_', '-')}")


class OpenStackRelationAdapters:
    """All that a template sees: ``options``, and an adapter for each endpoint by its name.

    Subclasses say in ``relation_adapters`` which adapter class serves which endpoint:
    ``{"ceph-client": CephRelationAdapter}``; others get OpenStackRelationAdapter.

    :param relations: endpoints
    :param charm_instance: the charm, whose ``options`` are used
    """

    relation_adapters: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    def __init__(self, relations: Iterable[Any], charm_instance: Any = None) -> None:
        self.options = charm_instance.options if charm_instance else ConfigurationAdapter()
        self._names = ["options"]
        for relation in relations:
            name, adapter = self.make_adapter(relation)
            setattr(self, name, adapter)
            self._names.append(name)

    def make_adapter(self, relation: Any) -> tuple[str, Any]:
        """Return the name and the adapter of an endpoint."""
        name = _identifier(relation.endpoint_name)
        classes = {_identifier(key): value for key, value in self.relation_adapters.items()}
        adapter = classes.get(name, OpenStackRelationAdapter)(relation)
        for attribute, function in _adapter_properties.get(name, {}).items():
            setattr(adapter, attribute, function(adapter))
        return name, adapter

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield names and values, for a template's context."""
        for name in self._names:
            yield name, getattr(self, name)


def _identifier(name: str) -> str:
    return name.replace("-", "_")
