"""The certificate's files; certificates are real ones, from the lab's authority."""

import importlib.util
import ssl
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ceph_iscsi import services, tls
from ceph_iscsi.errors import GatewayError

ROOT = Path(__file__).resolve().parents[4]
SOURCE = ROOT / "src" / "files" / "tls"
PATHS = (
    *("CERTIFICATE", "KEY", "COMBINED", "PUBLIC_KEY", "AUTHORITY"),
    *("TRUSTED", "TRUSTED_LINK", "TRUSTED_ALL", "SHIM"),
)


@pytest.fixture
def authority(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "lab" / "charms" / "ca" / "lib")])
    from ca.authority import Authority

    authority = Authority(tmp_path / "authority")
    authority.set_up()
    return authority


@pytest.fixture
def host(tmp_path, monkeypatch):
    """All paths below a directory; programs but openssl are recorded in ``ran``."""
    host = SimpleNamespace(root=tmp_path / "host", ran=[])
    for name in PATHS:
        path = getattr(tls, name)
        monkeypatch.setattr(tls, name, host.root / path.relative_to("/"))
    monkeypatch.setattr(services, "RESTART_MARK", tmp_path / "mark")
    run = tls.process.run

    def recorded(argv, **options):
        if argv[0] == "openssl":
            return run(argv, **options)
        host.ran.append(argv)
        tls.TRUSTED_ALL.parent.mkdir(parents=True, exist_ok=True)
        if tls.TRUSTED.exists():
            tls.TRUSTED_ALL.write_text("others\n" + tls.TRUSTED.read_text())
            if not tls.TRUSTED_LINK.is_symlink():
                tls.TRUSTED_LINK.symlink_to(tls.TRUSTED)
                tls.TRUSTED_LINK.with_name("0a1b2c3d.0").symlink_to(tls.TRUSTED_LINK.name)
        else:
            tls.TRUSTED_ALL.write_text("others\n")
        return ""

    monkeypatch.setattr(tls.process, "run", recorded)
    return host


def bundle(authority, *, renew=False):
    issue = authority.issue if renew else authority.certificate
    issued = issue("gw", ["host-1.lab"], 90)
    return tls.Bundle(issued.cert, issued.key, authority.root, authority.chain)


def restart_was_due():
    due = services.restart_needed()
    services.unmark_restart()
    return due


def test_files_are_as_the_daemon_and_its_clients_need_them(authority, host):
    given = bundle(authority)
    tls.install(given, SOURCE)
    assert tls.enabled()
    assert tls.CERTIFICATE.read_text() == given.certificate + given.chain
    assert tls.KEY.read_text() == given.key
    assert tls.COMBINED.read_text() == given.certificate + given.chain + given.key
    assert tls.AUTHORITY.read_text() == given.ca + given.chain
    assert tls.TRUSTED.read_text() == given.ca
    assert "BEGIN PUBLIC KEY" in tls.PUBLIC_KEY.read_text()
    modes = {
        name: getattr(tls, name).stat().st_mode & 0o777 for name in PATHS if "ALL" not in name
    }
    secret = {name for name, mode in modes.items() if mode == 0o600}
    assert secret == {"KEY", "COMBINED"}
    assert {modes[name] for name in modes if name not in secret} == {0o644}


def test_only_a_change_makes_a_restart_due_and_updates_what_the_host_trusts(authority, host):
    tls.install(bundle(authority), SOURCE)
    assert restart_was_due()
    assert host.ran == [["update-ca-certificates"]]
    tls.install(bundle(authority), SOURCE)
    assert not restart_was_due()
    tls.install(bundle(authority, renew=True), SOURCE)
    assert restart_was_due()
    assert len(host.ran) == 1


def test_a_renewed_key_gets_its_public_half(authority, host):
    tls.install(bundle(authority), SOURCE)
    first = tls.PUBLIC_KEY.read_text()
    tls.install(bundle(authority, renew=True), SOURCE)
    assert tls.PUBLIC_KEY.read_text() == tls.public_key(tls.KEY) != first


def test_a_key_that_belongs_to_another_certificate_changes_nothing_in_use(authority, host):
    given = bundle(authority)
    tls.install(given, SOURCE)
    restart_was_due()
    other = bundle(authority, renew=True)
    mixed = tls.Bundle(given.certificate, other.key, other.ca, other.chain)
    with pytest.raises(GatewayError, match="can't be used"):
        tls.install(mixed, SOURCE)
    assert tls.KEY.read_text() == given.key
    assert not restart_was_due()


def test_what_is_no_certificate_is_refused(authority, host):
    with pytest.raises(GatewayError, match="can't be used"):
        tls.install(tls.Bundle("nothing", "nothing", "nothing"), SOURCE)
    assert not tls.enabled()


def test_removal_takes_all_of_it_away_and_makes_a_restart_due(authority, host):
    tls.install(bundle(authority), SOURCE)
    restart_was_due()
    tls.remove()
    assert restart_was_due()
    assert not tls.enabled()
    assert [path for path in host.root.rglob("*") if not path.is_dir()] == [tls.TRUSTED_ALL]
    assert tls.TRUSTED_ALL.read_text() == "others\n"
    assert len(host.ran) == 2
    tls.remove()
    assert len(host.ran) == 2
    assert not any(tls.SHIM.parent.iterdir())


def test_where_there_was_no_tls_its_removal_does_nothing(host):
    tls.remove()
    assert not restart_was_due()
    assert host.ran == []


def test_gateways_are_verified_by_programs_as_long_as_there_is_tls(authority, host):
    assert tls.environment() == {}
    tls.install(bundle(authority), SOURCE)
    assert tls.environment() == {"PYTHONPATH": str(tls.SHIM.parent)}


def test_names_are_those_given_and_every_address_of_the_networks():
    network = {
        "bind-addresses": [
            {"addresses": [{"value": "10.0.0.1", "address": "10.0.0.1"}, {"address": "fd99::1"}]}
        ],
        "ingress-addresses": ["192.0.2.7", ""],
    }
    found = tls.names(("a.lab", "a"), [network, {}])
    assert found == ["10.0.0.1", "192.0.2.7", "a", "a.lab", "fd99::1"]


def test_a_bundle_does_not_show_its_key():
    assert "geheim" not in repr(tls.Bundle("c", "geheim", "ca"))


# What rbd-target-api and gwcli get at their start


@pytest.fixture
def shim():
    spec = importlib.util.spec_from_file_location("shim", SOURCE / tls.SHIM.name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ends(version, split):
    """Whether rbd-target-api's own look at werkzeug's version leads it astray."""
    try:
        numbers = [int(part) for part in version.__version__.split(".")]
        return len(numbers) != 3 or not split(*numbers)
    except (AttributeError, ValueError):
        return True


@pytest.mark.parametrize(
    "split",
    [lambda ver, rel, mod: rel > 9, lambda ver, rel, mod: ver > 0 or rel > 9],
    ids=["3.5", "3.9"],
)
@pytest.mark.parametrize("version", [None, "2.0.2", "2.2.2", "3.0.1", "3.1.3", "1.0", "2.1.0rc1"])
def test_whatever_werkzeug_is_called_the_daemon_takes_pythons_tls(shim, split, version):
    werkzeug = SimpleNamespace(**({"__version__": version} if version else {}))
    shim.choose_tls_of_python(werkzeug)
    assert not ends(werkzeug, split)


def test_a_version_that_needs_no_help_is_left_alone(shim):
    werkzeug = SimpleNamespace(__version__="0.16.1")
    shim.choose_tls_of_python(werkzeug)
    assert werkzeug.__version__ == "0.16.1"


def test_the_shim_verifies_with_the_authority_that_the_charm_writes(shim):
    assert str(tls.AUTHORITY) == shim.AUTHORITY


def test_a_server_context_takes_the_files(authority, host):
    tls.install(bundle(authority), SOURCE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.CERTIFICATE, tls.KEY)
