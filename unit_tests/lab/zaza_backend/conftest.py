"""zaza, unmodified, with a lab on hosts that are directories as its Juju."""

import os

import pytest
import zaza_backend

zaza_backend.activate()

import zaza  # noqa: E402
import zaza.model  # noqa: E402
from juju_lab.controller import controller  # noqa: E402
from lab_fakes import make_charm  # noqa: E402

METADATA = """\
name: {name}
peers: {{peers: {{interface: toy-peer}}}}
requires: {{need: {{interface: thing}}}}
provides: {{offer: {{interface: thing}}, more: {{interface: thing}}}}
"""
CONFIG = "options: {color: {type: string, default: red}, count: {type: int, default: 3}}\n"
ACTIONS = """\
greet: {description: Greets., params: {who: {type: string}}}
refuse: {description: Refuses.}
"""
#: The file is a configuration file of the kind that oslo.config reads.
HOOKS = {
    "hooks/config-changed": (
        'color=$(config-get color); printf "[paint]\\ncolor = $color\\n" > paint.conf\n'
        '[ "$color" != broken ] || exit 1\n'
        'status-set active "Unit is ready, color $color"'
    ),
    "hooks/upgrade-charm": "touch upgraded",
    "actions/greet": 'action-set hello="$(action-get who)"; echo out',
    "actions/refuse": 'action-set why=because; action-fail "not today"',
}
#: In place of what brings files to hosts that are machines.
PROGRAMS = {
    "nsenter": 'shift 2; exec "$@"',
    "scp": """\
[ "$1" = -F ] || exit 2
shift 2
for word; do shift; set -- "$@" "${word#*@*:}"; done
exec cp "$@"
""",
}


@pytest.fixture(scope="module")
def charm(tmp_path_factory):
    """A charm with peers, two kinds of relations, options and actions."""
    return make_charm(
        tmp_path_factory.mktemp("charms"),
        "toy",
        HOOKS,
        metadata=METADATA.format(name="toy"),
        config=CONFIG,
        actions=ACTIONS,
    )


@pytest.fixture(scope="module")
def model(shared_lab, command, charm, tmp_path_factory):
    """zaza.model on a model with `toy` (two units) and `other` (one), related."""
    programs = tmp_path_factory.mktemp("programs")
    for name, script in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "JUJU_LAB_NAME": shared_lab.directory.name,
        "JUJU_LAB_STATE": str(shared_lab.directory.parent),
        "JUJU_LAB_COMMAND": str(command),
    }
    with pytest.MonkeyPatch.context() as patch:
        # zaza asks for the status at most every 4 s, which is long for hosts that are directories.
        patch.setattr(zaza.model.async_get_status, "__defaults__", (None, 0.2, True))
        # This machine need not have the user `ubuntu`.
        patch.setattr(controller, "_AS_UBUNTU", ("/usr/bin/env",))
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("JUJU_MODEL", "")
        zaza.controller.add_model("driven", {"automatically-retry-hooks": False})
        zaza.model.set_juju_model("driven")
        _deploy(charm, "toy", num_units=2, config={"color": "blue"})
        _deploy(charm, "other")
        zaza.model.add_relation("toy", "need", "other:offer")
        zaza.model.wait_for_application_states(timeout=60)
        yield zaza.model
        zaza.clean_up_libjuju_thread()
        zaza.model.CURRENT_MODEL = None
    os.environ.pop("JUJU_MODEL", None)


def _deploy(path, name, **wish):
    """Deploy as python-libjuju does: zaza.model has no call for it."""

    async def ask():
        connected = await zaza.model.get_model()
        await connected.deploy(str(path), name, **wish)

    zaza.sync_wrapper(ask)()


@pytest.fixture
def deploy(model):
    """Deploy a charm: path, name, and what python-libjuju's `deploy` takes."""
    return _deploy
