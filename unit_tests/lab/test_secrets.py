"""Secrets by Juju's rules, as called from units with the guest's own programs."""

import json

import pytest
from juju_lab.errors import JujuError
from lab_fakes import make_charm

METADATA = """\
name: {name}
provides:
  out:
    interface: thing
requires:
  in:
    interface: thing
"""


@pytest.fixture(scope="module")
def lab(shared_lab, tmp_path_factory):
    """A model with `keeper/0`, its leader, and `reader/0`, related to it."""
    for name in ("keeper", "reader"):
        source = make_charm(
            tmp_path_factory.mktemp(name), name, {}, metadata=METADATA.format(name=name)
        )
        shared_lab.api.deploy(None, str(source))
    shared_lab.api.integrate(None, "keeper:out", "reader:in")
    shared_lab.wait_idle("keeper/0", "reader/0")
    return shared_lab


def ran(lab, unit: str, command: str) -> str:
    results = lab.exec(unit, command)
    assert results["return-code"] == 0, results
    return results.get("stdout", "").strip()


def refused(lab, unit: str, command: str) -> tuple[int, str]:
    results = lab.exec(unit, command)
    return results["return-code"], results.get("stderr", "").strip()


def test_a_secret_is_added_read_and_found_by_its_label(lab):
    uri = ran(lab, "keeper/0", "secret-add --label first username=someone 'password=x y'")
    assert uri.startswith("secret:")
    assert len(uri) == len("secret:") + 20
    assert json.loads(ran(lab, "keeper/0", f"secret-get --format=json {uri}")) == {
        "username": "someone",
        "password": "x y",
    }
    assert ran(lab, "keeper/0", "secret-get --label first password --format smart") == "x y"
    info = json.loads(ran(lab, "keeper/0", "secret-info-get --label first --format json"))
    bare = uri.removeprefix("secret:")
    assert info == {
        bare: {"revision": 1, "label": "first", "owner": "application", "rotation": "never"}
    }
    assert bare in ran(lab, "keeper/0", "secret-ids").split()


def test_values_may_come_from_files_and_as_base64(lab):
    command = (
        "printf 'password: from-file\\n' > given.yaml; printf text > text; "
        "secret-add --owner unit --file given.yaml other#file=text coded#base64=aGk="
    )
    uri = ran(lab, "keeper/0", command)
    assert json.loads(ran(lab, "keeper/0", f"secret-get --format json {uri}")) == {
        "password": "from-file",
        "other": "text",
        "coded": "hi",
    }


def test_new_content_is_a_new_revision_and_the_same_is_none(lab):
    uri = ran(lab, "keeper/0", "secret-add --label growing token=one")
    for value, revision in (("two", 2), ("two", 2)):
        ran(lab, "keeper/0", f"secret-set {uri} token={value}")
        shown = lab.api.show_secret(None, uri, reveal=True, revision=None, revisions=False)
        (document,) = shown.values()
        assert (document["revision"], document["content"]["Data"]) == (revision, {"token": "two"})
    (old,) = lab.api.show_secret(None, uri, reveal=True, revision=1, revisions=False).values()
    assert old["content"]["Data"] == {"token": "one"}


def test_what_a_killed_run_wrote_is_dropped(lab):
    lab.exec("keeper/0", "secret-add --label dropped token=one; kill -9 $$")
    labels = [each.get("label") for each in lab.api.secrets(None, "").values()]
    assert "dropped" not in labels


def test_within_a_run_it_is_seen_at_once(lab):
    command = "uri=$(secret-add token=one); secret-set $uri token=two; secret-get $uri token"
    assert ran(lab, "keeper/0", command) == "two"


def test_others_read_what_is_granted_to_them_and_keep_to_its_revision(lab):
    uri = ran(lab, "keeper/0", "secret-add token=one")
    bare = uri.removeprefix("secret:")
    assert refused(lab, "reader/0", f"secret-get {uri}") == (1, f'ERROR secret "{bare}" not found')
    relation = ran(lab, "keeper/0", "relation-ids out")
    ran(lab, "keeper/0", f"secret-grant {uri} -r {relation}")
    assert ran(lab, "reader/0", f"secret-get {uri} token") == "one"
    ran(lab, "keeper/0", f"secret-set {uri} token=two")
    assert ran(lab, "reader/0", f"secret-get {uri} token") == "one"
    assert ran(lab, "reader/0", f"secret-get {uri} token --peek") == "two"
    assert ran(lab, "reader/0", f"secret-get {uri} token --refresh") == "two"
    assert refused(lab, "reader/0", f"secret-set {uri} token=x") == (1, "ERROR permission denied")
    ran(lab, "keeper/0", f"secret-revoke {uri} -r {relation}")
    assert refused(lab, "reader/0", f"secret-get {uri}")[0] == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("secret-add", (2, "ERROR missing secret value or filename")),
        ("secret-add A=b", (2, 'ERROR key "A" not valid')),
        ("secret-get", (2, "ERROR require either a secret URI or label")),
        ("secret-get secret:nope", (1, 'ERROR secret "nope" not found')),
        ("secret-get --label nope", (1, 'ERROR secret with label "nope" not found')),
        (
            "secret-add --label twice k12=v && secret-add --label twice k12=v",
            (1, 'ERROR secret with label "twice" already exists'),
        ),
    ],
)
def test_refusals(lab, command, told):
    assert refused(lab, "keeper/0", command) == told


def test_a_removed_secret_is_gone(lab):
    uri = ran(lab, "keeper/0", "secret-add --label going token=one")
    ran(lab, "keeper/0", f"secret-remove {uri}")
    with pytest.raises(JujuError, match="not found"):
        lab.api.show_secret(None, uri, reveal=False, revision=None, revisions=False)


def test_the_command_shows_no_content_unless_asked(lab):
    uri = ran(lab, "keeper/0", "secret-add --label shown token=hidden-value")
    shown = lab.api.show_secret(None, uri, reveal=False, revision=None, revisions=True)
    listed = lab.api.secrets(None, "keeper")
    assert "hidden-value" not in json.dumps([shown, listed])
    assert listed[uri.removeprefix("secret:")]["owner"] == "keeper"
    assert lab.api.secrets(None, "reader") == {}
