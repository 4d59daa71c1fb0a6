"""Which archive the packages are from, and what becomes of one that is no good."""

import subprocess
from types import SimpleNamespace

import pytest
from ceph_iscsi import packages
from ceph_iscsi.errors import GatewayError
from charm_options import config
from charmhelpers import fetch

OTHER = config(source="deb http://user:secret@archive noble main", key="AB12")
NAMES = ("ceph-iscsi", "ceph-common")
NEW = "Reading package lists...\nInst ceph-iscsi [3.9] (4.0 archive)\nConf ceph-iscsi (4.0)\n"


@pytest.fixture
def apt(hook, monkeypatch):
    """apt, with what it says to be installable and what it was asked."""

    apt = SimpleNamespace(plan=NEW, asked=[], log=hook)
    apt.configure = lambda: apt.asked.append("archive")

    def run(argv, timeout):
        apt.asked.append(argv)
        return apt.plan

    monkeypatch.setattr(packages.process, "run", run)
    return apt


def pending(apt, options):
    return packages.pending(options, NAMES, apt.configure)


def test_the_archive_of_a_unit_that_never_noted_it_is_that_of_its_options(apt):
    assert pending(apt, config()) is False
    assert apt.asked == []
    assert pending(apt, OTHER) is True


def test_another_archive_is_used_once_and_pending_until_its_packages_are_here(apt):
    packages.note(config())
    assert pending(apt, config()) is False
    assert pending(apt, OTHER) is True
    assert pending(apt, OTHER) is True
    simulation = ["apt-get", "--simulate", "install", *NAMES]
    assert apt.asked == ["archive", simulation, simulation]
    packages.note(OTHER)
    assert pending(apt, OTHER) is False


def test_another_key_is_another_archive(apt):
    packages.note(config())
    assert pending(apt, config(key="AB12")) is True


def test_an_archive_that_is_taken_back_in_time_is_used_again(apt):
    packages.note(config())
    assert pending(apt, OTHER) is True
    apt.plan, apt.asked[:] = "", []
    assert pending(apt, config()) is False
    assert apt.asked[0] == "archive"


def test_an_archive_with_nothing_new_is_taken_without_an_upgrade(apt):
    apt.plan = "Reading package lists...\n"
    packages.note(config())
    assert pending(apt, OTHER) is False
    apt.plan = NEW
    assert pending(apt, OTHER) is False


@pytest.mark.parametrize(
    "error", [fetch.SourceConfigError("secret"), subprocess.CalledProcessError(100, ["secret"])]
)
def test_an_archive_that_apt_cannot_use_is_known_until_the_options_change(apt, error):
    def fail():
        raise error

    packages.note(config())
    assert packages.pending(OTHER, NAMES, fail) is False
    assert "secret" not in "".join(apt.log)
    assert packages.unusable(OTHER) is True
    assert pending(apt, OTHER) is False, "it is not tried again and again"
    assert packages.unusable(config(key="other")) is False
    assert pending(apt, config(key="other")) is True
    assert pending(apt, OTHER) is True, "once another one was used, it may be tried again"


def test_packages_are_brought_to_the_newest_version(hook, monkeypatch):
    installed = []
    monkeypatch.setattr(fetch, "apt_install", lambda names, fatal: installed.append(names))
    packages.upgrade(NAMES)
    assert installed == [list(NAMES)]


def test_an_upgrade_that_fails_says_so(hook, monkeypatch):
    def fail(names, fatal):
        raise subprocess.CalledProcessError(100, ["apt-get"])

    monkeypatch.setattr(fetch, "apt_install", fail)
    with pytest.raises(GatewayError, match="exit code 100"):
        packages.upgrade(NAMES)
