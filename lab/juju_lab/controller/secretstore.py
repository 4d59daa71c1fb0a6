"""Secrets: who owns one, who may read it, and which revision a reader keeps to.

A secret's document: `owner` (a unit, or an application, whose leader manages it), `label`,
`description`, `rotation`, `created`, `updated`, `revisions` (a list of content and time), `grants`
(relation and subject) and `tracked` (the revision that a reader keeps to).
"""

import datetime
import secrets
import string
import time
from collections.abc import Callable, Mapping
from typing import Any

from juju_lab import names
from juju_lab.controller.store import ALIVE, Model, Secret
from juju_lab.errors import JujuError

Document = dict[str, Any]
Change = Callable[[dict[str, Document]], None]

_ALPHABET = string.digits + string.ascii_lowercase[:22]
_ROTATIONS = ("never", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly")


def new_uri() -> str:
    """An identifier, 20 characters as Juju's."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20))


def bare(text: str) -> str:
    """An identifier without `secret:` and the model."""
    return text.removeprefix("secret:").rsplit("/", 1)[-1]


def load(model: Model) -> dict[str, Document]:
    """All secrets of a model whose owners are still there, by identifier."""
    units = {unit.name for application in model.applications for unit in application.units}
    owners = units | {application.name for application in model.applications}
    return {row.uri: row.document for row in model.secrets if row.document["owner"] in owners}


def save(model: Model, changes: list[Change]) -> None:
    """Write changes, one after the other; JujuError if one is no longer possible."""
    there = load(model)
    documents = {uri: dict(document) for uri, document in there.items()}
    for change in changes:
        change(documents)
    rows = {row.uri: row for row in model.secrets}
    for uri, row in rows.items():
        if uri not in documents:
            model.secrets.remove(row)
    for uri, document in documents.items():
        if uri not in rows:
            model.secrets.append(Secret(uri=uri, document=document))
        elif rows[uri].document != document:
            rows[uri].document = document


def adding(uri: str, owner: str, content: Mapping[str, str], about: Mapping[str, str]) -> Change:
    """The change that makes a secret."""
    _check(about)

    def change(documents: dict[str, Document]) -> None:
        _check_label(documents, uri, owner, about.get("label", ""))
        now = time.time()
        documents[uri] = {
            "owner": owner,
            "label": "",
            "description": "",
            "rotation": "never",
            **about,
            "created": now,
            "updated": now,
            "revisions": [{"content": dict(content), "time": now}],
            "grants": [],
            "tracked": {},
        }

    return change


def setting(uri: str, content: Mapping[str, str], about: Mapping[str, str]) -> Change:
    """The change that gives a secret other content, a new revision then, or another label."""
    _check(about)

    def change(documents: dict[str, Document]) -> None:
        document = _existing(documents, uri)
        _check_label(documents, uri, document["owner"], about.get("label", ""))
        now = time.time()
        document |= {**about, "updated": now}
        if content and dict(content) != document["revisions"][-1]["content"]:
            new = {"content": dict(content), "time": now}
            document["revisions"] = [*document["revisions"], new]

    return change


def removing(uri: str, revision: int | None) -> Change:
    """The change that removes a secret, or the content of one revision."""

    def change(documents: dict[str, Document]) -> None:
        document = _existing(documents, uri)
        revisions = list(document["revisions"])
        if revision is not None and revision <= len(revisions):
            revisions[revision - 1] = None
        if revision is None or not any(revisions):
            del documents[uri]
        else:
            document["revisions"] = revisions

    return change


def granting(uri: str, relation: int, subject: str, granted: bool) -> Change:
    """The change that lets the other side of a relation read a secret, or no longer."""

    def change(documents: dict[str, Document]) -> None:
        document = _existing(documents, uri)
        grant = {"relation": relation, "subject": subject}
        others = [each for each in document["grants"] if each != grant]
        document["grants"] = [*others, grant] if granted else others

    return change


def tracking(uri: str, reader: str, revision: int) -> Change:
    """The change that has a reader keep to a revision."""

    def change(documents: dict[str, Document]) -> None:
        document = _existing(documents, uri)
        document["tracked"] = {**document["tracked"], reader: revision}

    return change


def manages(document: Document, unit: str, *, leads: bool) -> bool:
    """Whether a unit may change a secret: it is its own, or its application's and it leads."""
    application = names.application_of(unit)
    return document["owner"] == unit or (leads and document["owner"] == application)


def reads(document: Document, unit: str, model: Model) -> bool:
    """Whether a unit may read a secret: its own, its application's, or a granted one."""
    application = names.application_of(unit)
    if document["owner"] in (unit, application):
        return True
    alive = {relation.number for relation in model.relations if relation.life == ALIVE}
    return any(
        grant["relation"] in alive and grant["subject"] in (unit, application)
        for grant in document["grants"]
    )


def find(model: Model, text: str) -> tuple[str, Document]:
    """A secret by its identifier; JujuError if there is none."""
    uri = bare(text)
    document = load(model).get(uri)
    if document is None:
        raise JujuError(f'secret "{uri}" not found')
    return uri, document


def content(document: Document, revision: int | None = None) -> dict[str, str]:
    """What a secret holds, in its latest revision or another one."""
    number = revision or len(document["revisions"])
    held = document["revisions"][number - 1] if 0 < number <= len(document["revisions"]) else None
    if held is None:
        raise JujuError(f'secret revision "{number}" not found')
    return held["content"]


def show(document: Document, *, revisions: bool = False) -> Document:
    """All of a secret but its content, as Juju's command shows it."""
    shown = {
        "revision": len(document["revisions"]),
        "rotation": document["rotation"],
        "owner": document["owner"],
        "created": _moment(document["created"]),
        "updated": _moment(document["updated"]),
    }
    shown |= {key: document[key] for key in ("label", "description") if document[key]}
    if revisions:
        shown["revisions"] = [
            {
                "revision": number,
                "backend": "internal",
                "created": _moment(held["time"]),
                "updated": _moment(held["time"]),
            }
            for number, held in enumerate(document["revisions"], 1)
            if held
        ]
    return shown


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _existing(documents: dict[str, Document], uri: str) -> Document:
    if uri not in documents:
        raise JujuError(f'secret "{uri}" not found')
    return documents[uri]


def _check(about: Mapping[str, str]) -> None:
    rotation = about.get("rotation", "never")
    if rotation not in _ROTATIONS:
        raise JujuError(f'rotate policy "{rotation}" not valid')


def _check_label(documents: dict[str, Document], uri: str, owner: str, label: str) -> None:
    for other, document in documents.items():
        if label and other != uri and (document["owner"], document["label"]) == (owner, label):
            raise JujuError(f'secret with label "{label}" already exists')
