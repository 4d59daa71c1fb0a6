"""Relations: which endpoints fit, who is in scope, when a relation is gone."""

from juju_lab import names
from juju_lab.controller import charmdir, network
from juju_lab.controller.store import ALIVE, DYING, Application, Bag, Model, Relation, Unit
from juju_lab.errors import JujuError, UsageError

EndpointOf = tuple[Application, charmdir.Endpoint]


def add_peers(application: Application, charm: charmdir.Charm) -> None:
    """Make the peer relations of `application` that are not there yet."""
    existing = {
        each.endpoints[0]["name"]
        for each in application.model.relations
        if each.is_peer and each.end_of(application.name)
    }
    for endpoint in charm.endpoints.values():
        if endpoint.role == "peer" and endpoint.name not in existing:
            _add(application.model, [(application, endpoint)])


def integrate(
    model: Model, charms: dict[str, charmdir.Charm], first: str, second: str
) -> Relation:
    """Relate two applications given as `app[:endpoint]`; `charms` are by application.

    Raises JujuError when nothing fits, more than one pair does, or they are related already.
    """
    candidates = _candidates(model, charms, first, second)
    if not candidates:
        raise JujuError("no relations found")
    if len(candidates) > 1:
        listed = "; ".join(f'"{_key(pair)}"' for pair in candidates)
        raise JujuError(f'ambiguous relation: "{first} {second}" could refer to {listed}')
    (pair,) = candidates
    key = _key(pair)
    if any(relation.key == key for relation in model.relations):
        raise JujuError(f'cannot add relation "{key}": relation {key} already exists')
    if any(endpoint.scope == "container" for _, endpoint in pair):
        raise JujuError("container scoped relation requires at least one subordinate application")
    return _add(model, pair)


def find(model: Model, charms: dict[str, charmdir.Charm], first: str, second: str) -> Relation:
    """The relation between two applications given as `app[:endpoint]`, else JujuError."""
    keys = [_key(pair) for pair in _candidates(model, charms, first, second)]
    found = [relation for relation in model.relations if relation.key in keys]
    if not found:
        missing = keys[0] if len(keys) == 1 else f"{first} {second}"
        raise JujuError(f'relation "{missing}" not found')
    if len(found) > 1:
        listed = "; ".join(f'"{relation.key}"' for relation in found)
        raise JujuError(f'ambiguous relation: "{first} {second}" could refer to {listed}')
    return found[0]


def destroy(relation: Relation, *, force: bool = False) -> None:
    """Have the units leave `relation`; with `force` it is gone at once, without hooks."""
    relation.life = DYING
    if force:
        for bag in relation.bags:
            bag.in_scope = False
    collect(relation)


def collect(relation: Relation) -> None:
    """Remove a dying relation that nobody is in any more."""
    if relation.life == DYING and not any(bag.in_scope for bag in relation.bags):
        relation.model.relations.remove(relation)


def enter_scope(relation: Relation, unit: Unit) -> None:
    """Make `unit` a member: its addresses become readable and the other side is told."""
    bag = relation.bag(unit.name)
    if bag is None:
        bag = Bag(owner=unit.name, settings={}, version=0, in_scope=False)
        relation.bags.append(bag)
    if not bag.in_scope:
        bag.update(_addresses(relation, unit))
        bag.in_scope = True


def leave_scope(relation: Relation, unit_name: str) -> None:
    """End a unit's membership; its bag stays readable until the relation is removed."""
    bag = relation.bag(unit_name)
    if bag is not None:
        bag.in_scope = False
    collect(relation)


def refresh_addresses(unit: Unit) -> None:
    """Write the machine's present addresses, by the endpoints' bindings, to the unit's bags."""
    for relation in unit.application.model.relations:
        bag = relation.bag(unit.name)
        if bag is not None and bag.in_scope:
            bag.update(_addresses(relation, unit))


def _addresses(relation: Relation, unit: Unit) -> dict[str, str]:
    return network.scope_settings(unit, relation.end_of(unit.application.name)["name"])


def _candidates(
    model: Model, charms: dict[str, charmdir.Charm], first: str, second: str
) -> list[tuple[EndpointOf, EndpointOf]]:
    """Pairs of endpoints, requirer first, that the two names may stand for."""
    pairs = []
    for mine in _endpoints(model, charms, first):
        for theirs in _endpoints(model, charms, second):
            if mine[1].interface != theirs[1].interface or mine[0] is theirs[0]:
                continue
            if (mine[1].role, theirs[1].role) == ("requirer", "provider"):
                pairs.append((mine, theirs))
            elif (mine[1].role, theirs[1].role) == ("provider", "requirer"):
                pairs.append((theirs, mine))
    return pairs


def _endpoints(model: Model, charms: dict[str, charmdir.Charm], text: str) -> list[EndpointOf]:
    name, colon, endpoint = text.partition(":")
    application = find_application(model, name)
    known = charms[name].endpoints
    if colon and endpoint not in known:
        raise JujuError(f'application "{name}" has no "{endpoint}" relation')
    if application.life != ALIVE:
        raise JujuError(f'application "{name}" does not exist')
    return [(application, each) for each in known.values() if each.name == endpoint or not colon]


def find_application(model: Model, name: str) -> Application:
    """The application of this name, else JujuError."""
    for application in model.applications:
        if application.name == name:
            return application
    raise JujuError(f'application "{name}" not found')


def find_unit(model: Model, name: str) -> Unit:
    """The unit of this name, else JujuError."""
    try:
        application_name, number = names.split_unit(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    for application in model.applications:
        if application.name == application_name:
            for unit in application.units:
                if unit.number == number:
                    return unit
    raise JujuError(f'unit "{name}" not found')


def _key(pair: tuple[EndpointOf, ...]) -> str:
    return " ".join(f"{application.name}:{endpoint.name}" for application, endpoint in pair)


def _add(model: Model, ends: list[EndpointOf] | tuple[EndpointOf, ...]) -> Relation:
    relation = Relation(
        number=model.take_number("relation"),
        endpoints=[
            {
                "application": application.name,
                "name": endpoint.name,
                "role": endpoint.role,
                "interface": endpoint.interface,
                "scope": endpoint.scope,
            }
            for application, endpoint in ends
        ],
        bags=[
            Bag(owner=application.name, settings={}, version=0, in_scope=False)
            for application, _ in ends
        ],
    )
    model.relations.append(relation)
    return relation
