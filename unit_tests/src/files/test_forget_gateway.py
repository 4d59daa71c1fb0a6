"""forget_gateway.py, on a stand-in for ceph-iscsi's library."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "src" / "files" / "forget_gateway.py"


@pytest.fixture
def library(monkeypatch):
    """The stored configuration, and what was done to it."""
    state = SimpleNamespace(targets={}, error="", removed=[])

    class Config:
        def __init__(self, log):
            self.error, self.error_msg = bool(state.error), state.error
            self.config = {"targets": state.targets}

    class CephiSCSIGateway:
        def __init__(self, log, config, name):
            self.name = name

        def remove_from_config(self, iqn):
            state.removed.append((self.name, iqn))
            del state.targets[iqn]["portals"][self.name]

    package = ModuleType("ceph_iscsi_config")
    package.settings = SimpleNamespace(init=lambda: None)
    modules = {
        "ceph_iscsi_config": package,
        "ceph_iscsi_config.common": SimpleNamespace(Config=Config),
        "ceph_iscsi_config.gateway": SimpleNamespace(CephiSCSIGateway=CephiSCSIGateway),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return state


@pytest.fixture
def forget(library):
    spec = importlib.util.spec_from_file_location("forget_gateway", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.forget


def test_a_gateway_is_taken_out_of_every_target_that_has_another(library, forget, capsys):
    library.targets |= {
        "iqn.a": {"portals": {"one": {}, "two": {}}},
        "iqn.b": {"portals": {"two": {}}},
        "iqn.c": {"portals": {"one": {}}},
    }
    forget("one")
    assert library.removed == [("one", "iqn.a")]
    assert capsys.readouterr().out == "iqn.a\n"
    forget("one")
    assert library.removed == [("one", "iqn.a")]


def test_without_the_cluster_it_says_why_and_fails(library, forget):
    library.error = "Unable to connect to the cluster"
    with pytest.raises(SystemExit, match="Unable to connect"):
        forget("one")
