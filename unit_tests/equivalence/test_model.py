"""Waiting: what does not come about by itself is not waited for."""

import configparser
import io
import urllib.request
from types import SimpleNamespace

import pytest

from equivalence import model as models
from equivalence.model import Model


class Clock:
    """Time that passes when one sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(models, "time", made)
    return made


def model(monkeypatch, clock: Clock, busy_until: float) -> Model:
    """A model whose agents are busy until then."""
    monkeypatch.setattr(models.jubilant, "all_agents_idle", lambda _: clock.now >= busy_until)

    class Juju:
        def status(self) -> SimpleNamespace:
            return SimpleNamespace(apps={})

    return Model(Juju(), None, staged=True)


@pytest.mark.parametrize(
    ("busy_until", "ready_at", "comes", "seconds"),
    [
        (0, 0, True, 0),
        (100, 100, True, 100),
        (100, 120, True, 100 + models.QUIET),  # looked at once more before it is given up
        (100, 9999, False, 100 + models.QUIET),
    ],
)
def test_what_does_not_come_about_while_agents_are_idle_is_given_up(
    monkeypatch, clock, busy_until, ready_at, comes, seconds
):
    waits = model(monkeypatch, clock, busy_until)
    assert waits.becomes(lambda: clock.now >= ready_at) is comes
    assert abs(clock.now - seconds) <= 2


def test_looking_at_a_unit_which_takes_its_agent_does_not_put_off_the_end(monkeypatch, clock):
    waits = model(monkeypatch, clock, 0)
    busy: list[float] = [0]
    monkeypatch.setattr(models.jubilant, "all_agents_idle", lambda _: clock.now >= busy[0])

    def look() -> bool:
        clock.sleep(10)
        busy[0] = clock.now + 5
        return False

    assert waits.becomes(look) is False
    assert clock.now <= 10 + 5 + models.QUIET + 10 + 2


def test_an_agent_that_is_never_idle_is_told(monkeypatch, clock):
    waits = model(monkeypatch, clock, 9999)
    with pytest.raises(models.ModelError, match="idle agents: no gateways"):
        waits.becomes(lambda: False)
    assert abs(clock.now - models.LIMIT) <= 2


def test_an_api_that_has_just_been_restarted_is_asked_again(monkeypatch, capsys):
    answers = [ConnectionRefusedError("refused"), io.BytesIO(b'{"targets": {}}')]

    def urlopen(*_: object, **__: object) -> io.BytesIO:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def read(parser: configparser.ConfigParser, _: str) -> None:
        parser.read_string("[config]\napi_secure = false\napi_user = u\napi_password = p\n")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(configparser.ConfigParser, "read", read)
    monkeypatch.setattr("time.sleep", lambda _: None)
    exec(models.READ_API, {})  # noqa: S102
    assert capsys.readouterr().out == '{"targets": {}}\n'
