"""Archives that packages come from."""

import pytest
from charmhelpers import fetch
from charmhelpers.core import host
from charms_openstack.charm import sources, utils

LIST = "charm-source.list"
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----"


@pytest.fixture(autouse=True)
def apt(monkeypatch, tmp_path):
    """apt's files in tmp_path; returns what was asked of charmhelpers."""
    asked = []
    monkeypatch.setattr(sources, "LISTS", tmp_path)
    monkeypatch.setattr(sources, "KEYRING", tmp_path / "source.asc")
    monkeypatch.setattr(utils.shutil, "chown", lambda *_: None)
    monkeypatch.setattr(host, "get_distrib_codename", lambda: "noble")
    monkeypatch.setattr(fetch, "add_source", lambda source, **_: asked.append(source))
    monkeypatch.setattr(fetch, "import_key", asked.append)
    return asked


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("deb http://example.com/u noble main", "deb http://example.com/u noble main"),
        (" https://example.com/u {series} main ", "deb https://example.com/u noble main"),
        ("deb [trusted=yes] file:/srv/archive ./", "deb [trusted=yes] file:/srv/archive ./"),
    ],
)
def test_a_line_goes_into_a_list_of_its_own(apt, tmp_path, source, line):
    sources.configure(source, None)
    assert (tmp_path / LIST).read_text() == f"{line}\n"
    assert apt == []


@pytest.mark.parametrize("source", ["cloud:noble-epoxy", "ppa:user/name", "distro", "proposed"])
def test_other_sources_are_left_to_charmhelpers(apt, tmp_path, source):
    sources.configure(source, None)
    assert apt == [source]
    assert not (tmp_path / LIST).exists()


@pytest.mark.parametrize("source", [None, "", " "])
def test_no_source_is_the_distribution(apt, source):
    sources.configure(source, None)
    assert apt == ["distro"]


def test_another_source_takes_the_earlier_ones_lists_and_key_away(apt, tmp_path):
    (tmp_path / "cloud-archive.list").touch()
    sources.configure("deb http://example.com/u noble main", KEY)
    assert sources.KEYRING.read_text() == f"{KEY}\n"
    sources.configure("distro", None)
    assert not list(tmp_path.glob("*.list"))
    assert not sources.KEYRING.exists()


def test_the_id_of_a_key_is_fetched(apt):
    sources.configure("deb http://example.com/u noble main", "5EDB1B62EC4926EA")
    assert apt == ["5EDB1B62EC4926EA"]
    assert not sources.KEYRING.exists()


def test_apt_can_read_the_files_whoever_it_runs_as(apt, tmp_path):
    sources.configure("deb http://example.com/u noble main", KEY)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o644}
