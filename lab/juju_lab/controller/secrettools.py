"""The hook tools for secrets. What they write is buffered like data bags."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import yaml

from juju_lab import names
from juju_lab.controller import secretstore
from juju_lab.controller.hooktools import Call, tool
from juju_lab.controller.toolargs import Flag
from juju_lab.errors import JujuError, UsageError

_KEY = re.compile(r"[a-z](?:-?[a-z0-9]){2,}")
_LABEL = Flag(("label",), "A label to find the secret by")
_ABOUT = (
    _LABEL,
    Flag(("description",), "What the secret is for"),
    Flag(("expire",), "Accepted and kept"),
    Flag(("rotate",), "How often the secret should be renewed"),
    Flag(("file",), "A YAML file with the secret's keys and values"),
)
_RELATION = Flag(("r", "relation"), "The relation whose other side it is about")
_UNIT = Flag(("unit",), "Only this unit of it")


@tool(
    "secret-add",
    usage="[options] [key[#base64|#file]=value...]",
    flags=(Flag(("owner",), "Who owns it, application or unit"), *_ABOUT),
)
def secret_add(call: Call) -> str:
    """Add a secret."""
    owner = call.option("owner", "application")
    if owner not in ("application", "unit"):
        raise UsageError(f'secret owner "{owner}" not valid')
    content = _content(call)
    if not content:
        raise UsageError("missing secret value or filename")
    context = call.context
    if owner == "application" and not context.is_leader():
        raise JujuError("this unit is not the leader")
    name = context.unit.application if owner == "application" else context.unit.name
    uri = secretstore.new_uri()
    context.change_secret(secretstore.adding(uri, name, content, _about(call)))
    return f"secret:{uri}\n"


@tool("secret-set", usage="[options] <ID> [key[#base64|#file]=value...]", flags=_ABOUT)
def secret_set(call: Call) -> None:
    """Give a secret other content, or another label."""
    uri = _managed(call)
    content = _content(call, 1)
    call.context.change_secret(secretstore.setting(uri, content, _about(call)))


@tool(
    "secret-get",
    usage="[options] [<ID>] [key[#base64]]",
    flags=(
        _LABEL,
        Flag(("peek",), "Read the latest revision, and keep to the present one", switch=True),
        Flag(("refresh",), "Read the latest revision, and keep to it", switch=True),
    ),
    style="yaml",
)
def secret_get(call: Call) -> Any:
    """Read the content of a secret."""
    label = call.option("label")
    rest = list(call.arguments)
    uri = secretstore.bare(rest.pop(0)) if rest and (not label or len(rest) > 1) else None
    documents = call.context.secrets()
    unit = call.context.unit
    if uri is None:
        if not label:
            raise UsageError("require either a secret URI or label")
        uri = _by_label(call, documents, label)
    document = documents.get(uri)
    if document is None or not call.context.may_read_secret(document):
        raise JujuError(f'secret "{uri}" not found')
    latest = len(document["revisions"])
    number = latest
    if document["owner"] not in (unit.name, unit.application):
        number = document["tracked"].get(unit.name, latest)
        if call.option("peek") or call.option("refresh"):
            number = latest
        if call.option("refresh") or unit.name not in document["tracked"]:
            call.context.change_secret(secretstore.tracking(uri, unit.name, number))
    content = secretstore.content(document, number)
    if not rest:
        return content
    key, _, encoding = rest[0].partition("#")
    if key not in content:
        raise JujuError(f'secret key value "{key}" not found')
    value = content[key]
    return base64.b64encode(value.encode()).decode() if encoding == "base64" else value


@tool("secret-info-get", usage="[options] [<ID>]", flags=(_LABEL,), style="yaml")
def secret_info_get(call: Call) -> dict[str, Any]:
    """Tell all of a secret but its content; for its owner."""
    uri = _managed(call)
    document = call.context.secrets()[uri]
    info = {
        "revision": len(document["revisions"]),
        "label": document["label"],
        "owner": "unit" if names.is_unit(document["owner"]) else "application",
        "rotation": document["rotation"],
    }
    if document["description"]:
        info["description"] = document["description"]
    if document["grants"]:
        info["access"] = [
            {
                "target": grant["subject"],
                "scope": f"relation-{grant['relation']}",
                "role": "view",
            }
            for grant in document["grants"]
        ]
    return {uri: info}


@tool("secret-ids", style="smart")
def secret_ids(call: Call) -> list[str] | None:
    """List the secrets that the unit manages."""
    return (
        sorted(
            uri
            for uri, document in call.context.secrets().items()
            if call.context.manages_secret(document)
        )
        or None
    )


@tool(
    "secret-remove",
    usage="[options] <ID>",
    flags=(Flag(("revision",), "Remove only this revision"),),
)
def secret_remove(call: Call) -> None:
    """Remove a secret."""
    revision = call.option("revision")
    if revision is not None and not revision.isdigit():
        raise UsageError(f'invalid value "{revision}" for option --revision')
    number = None if revision is None else int(revision)
    call.context.change_secret(secretstore.removing(_managed(call), number))


@tool("secret-grant", usage="[options] <ID>", flags=(_RELATION, _UNIT))
def secret_grant(call: Call) -> None:
    """Let the application, or a unit, on the other side of a relation read a secret."""
    uri = _managed(call)
    number = call.context.relation_number(call.option("relation"))
    subject = call.option("unit") or call.context.relation_app(number)
    call.context.change_secret(secretstore.granting(uri, number, subject, True))


@tool(
    "secret-revoke",
    usage="[options] <ID>",
    flags=(_RELATION, _UNIT, Flag(("app", "application"), "The application to take it from")),
)
def secret_revoke(call: Call) -> None:
    """Take back what secret-grant gave."""
    uri = _managed(call)
    named = call.option("unit") or call.option("application")
    for grant in call.context.secrets()[uri]["grants"]:
        relation = call.option("relation")
        if relation is not None and grant["relation"] != call.context.relation_number(relation):
            continue
        if named is not None and grant["subject"] != named:
            continue
        change = secretstore.granting(uri, grant["relation"], grant["subject"], False)
        call.context.change_secret(change)


def _managed(call: Call) -> str:
    """The secret that is named, by identifier or label; JujuError unless the unit manages it."""
    documents = call.context.secrets()
    if call.arguments:
        uri = secretstore.bare(call.arguments[0])
    elif label := call.option("label"):
        uri = _by_label(call, documents, label)
    else:
        raise UsageError("missing secret URI")
    if uri not in documents:
        raise JujuError(f'secret "{uri}" not found')
    if not call.context.manages_secret(documents[uri]):
        raise JujuError("permission denied")
    return uri


def _by_label(call: Call, documents: Mapping[str, Any], label: str) -> str:
    own = (call.context.unit.name, call.context.unit.application)
    for uri, document in documents.items():
        if document["label"] == label and document["owner"] in own:
            return uri
    raise JujuError(f'secret with label "{label}" not found')


def _about(call: Call) -> dict[str, str]:
    about = {key: call.option(key) for key in ("label", "description") if call.option(key)}
    return about | ({"rotation": call.option("rotate")} if call.option("rotate") else {})


def _content(call: Call, start: int = 0) -> dict[str, str]:
    """Keys and values from `--file` and the arguments; errors don't show values."""
    content: dict[str, str] = {}
    if path := call.option("file"):
        try:
            document = yaml.safe_load(_read(call, path)) or {}
        except yaml.YAMLError:
            raise JujuError("cannot read the secret's file: not YAML") from None
        content = {str(key): str(value) for key, value in document.items()}
    for argument in call.arguments[start:]:
        name, equals, value = argument.partition("=")
        key, _, encoding = name.partition("#")
        if not equals:
            raise UsageError('expected "key=value"')
        if encoding == "file":
            value = _read(call, value)
        elif encoding == "base64":
            try:
                value = base64.b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise JujuError(f'value of key "{key}" is not base64') from None
        content[key] = value
    for key in content:
        if not _KEY.fullmatch(key):
            raise UsageError(f'key "{key}" not valid')
    return content


def _read(call: Call, path: str) -> str:
    try:
        return call.files.read(path).decode()
    except OSError as error:
        raise JujuError(f"cannot open {path}: {error.strerror}") from error
