"""wait-for: application, unit, machine or model, until a query about it is true."""

import re
import time
from collections.abc import Mapping
from typing import Any

import click

from juju_lab.cli import client, common
from juju_lab.errors import JujuError, UsageError

_TOKENS = re.compile(
    r'\s*(?:(?P<text>"[^"]*")|(?P<word>[A-Za-z_][\w.-]*)|(?P<number>\d+)|(?P<sign>&&|\|\||==|!=|[()]))'
)
_DEFAULTS = {
    "application": 'life=="alive" && status=="active"',
    "unit": 'life=="alive" && workload-status=="active" && agent-status=="idle"',
    "machine": 'life=="alive" && status=="started"',
    "model": 'life=="alive" && status=="available"',
}


class Query:
    """Comparisons of a thing's properties, joined by `&&`, `||` and parentheses.

    Raises UsageError when it is not understood.
    """

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._place = 0
        self._values: Mapping[str, Any] = {}

    def matches(self, values: Mapping[str, Any]) -> bool:
        """Whether the query is true of a thing with these properties."""
        self._place, self._values = 0, values
        result = self._any()
        if self._peek() is not None:
            raise UsageError(f'query: "{self._peek()}" is not expected')
        return result

    def _peek(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _next(self) -> str:
        token = self._peek()
        if token is None:
            raise UsageError("query: ends too early")
        self._place += 1
        return token

    def _any(self) -> bool:
        result = self._all()
        while self._peek() == "||":
            self._next()
            result = self._all() or result
        return result

    def _all(self) -> bool:
        result = self._one()
        while self._peek() == "&&":
            self._next()
            result = self._one() and result
        return result

    def _one(self) -> bool:
        if self._peek() == "(":
            self._next()
            result = self._any()
            if self._next() != ")":
                raise UsageError('query: ")" expected')
            return result
        left, sign, right = self._value(), self._next(), self._value()
        if sign not in ("==", "!="):
            raise UsageError(f'query: "{sign}" in the place of == or !=')
        return (left == right) == (sign == "==")

    def _value(self) -> str:
        token = self._next()
        if token.startswith('"'):
            return token[1:-1]
        if token.isdigit() or token in ("true", "false"):
            return token
        if token not in self._values:
            raise UsageError(f'query: "{token}" is not one of {", ".join(sorted(self._values))}')
        return str(self._values[token])


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKENS.match(text, place)
        if not match:
            raise UsageError(f'query: "{text[place:]}" is not understood')
        tokens.append(match[match.lastgroup])
        place = match.end()
    return tokens


@click.command("wait-for")
@click.argument("kind", type=click.Choice(sorted(_DEFAULTS)))
@click.argument("name")
@click.option("--query", default="", help="What is to be true; by default: active or started.")
@click.option("--timeout", default="10m", metavar="DURATION", help="How long to wait.")
@click.option("--summary/--no-summary", default=True, help="Accepted.")
@common.model_option
def wait_for(
    kind: str, name: str, query: str, timeout: str, summary: bool, model: str | None
) -> None:
    """Wait until an application, unit, machine or model is as the query asks."""
    wanted = Query(query or _DEFAULTS[kind])
    deadline = time.monotonic() + common.seconds(timeout)
    revision = 0
    while True:
        left = deadline - time.monotonic()
        revision = client.call("wait_change", revision=revision, timeout=0)
        answer = client.call("status", model=model, patterns=[], utc=True)
        values = _properties(answer["document"], kind, name)
        if values is not None and wanted.matches(values):
            common.say(f'{kind} "{name}" is as asked for')
            return
        if left <= 0:
            raise JujuError(f'timed out waiting for {kind} "{name}" to reach goal state')
        revision = client.call("wait_change", revision=revision, timeout=min(left, 60))


def _properties(document: dict[str, Any], kind: str, name: str) -> dict[str, Any] | None:
    """What a query can speak of, None while there is no such thing."""
    if kind == "model":
        model = document["model"]
        return {
            "name": model["name"],
            "life": "alive",
            "status": model["model-status"]["current"],
        }
    if kind == "machine":
        machine = document["machines"].get(name)
        return machine and {
            "name": name,
            "id": name,
            "life": "alive",
            "status": machine["juju-status"]["current"],
            "instance-status": machine["machine-status"]["current"],
        }
    application = document["applications"].get(name.split("/")[0])
    if kind == "application":
        return application and {
            "name": name,
            "life": application.get("life", "alive"),
            "status": application["application-status"]["current"],
            "workload-message": application["application-status"].get("message", ""),
            "scale": len(application.get("units", {})),
        }
    unit = (application or {}).get("units", {}).get(name)
    return unit and {
        "name": name,
        "life": "alive",
        "application": name.split("/")[0],
        "machine-id": unit["machine"],
        "workload-status": unit["workload-status"]["current"],
        "workload-message": unit["workload-status"].get("message", ""),
        "agent-status": unit["juju-status"]["current"],
        "leader": str(unit.get("leader", False)).lower(),
    }
