"""Names, durations, formats, settings, ports, charm directories, logs: decisions without state."""

import threading
import zipfile

import pytest
from juju_lab import durations, formats, names
from juju_lab.cli import tabular
from juju_lab.cli.waitfor import Query
from juju_lab.controller import charmdir, ports, settings, tasks
from juju_lab.controller.charmdir import Charm
from juju_lab.controller.logs import Filter, LineSplitter, ModelLog
from juju_lab.controller.store import Bag, Store
from juju_lab.controller.toolargs import Flag, parse
from juju_lab.errors import JujuError, UsageError
from lab_fakes import make_charm


@pytest.mark.parametrize("name", ["a", "a-b", "ceph-iscsi", "a-1b", "a1"])
def test_application_names(name):
    assert names.is_application(name)


@pytest.mark.parametrize("name", ["", "A", "a-1", "-a", "a_b", "1a", "a/0"])
def test_what_is_no_application_name(name):
    assert not names.is_application(name)


def test_units_are_listed_by_number():
    units = ["u/10", "u/2", "t/1", "u/1"]
    assert sorted(units, key=names.natural) == ["t/1", "u/1", "u/2", "u/10"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("1m30s", 90), ("60.0s", 60), ("1.5h", 5400), ("0", 0)]
)
def test_durations(text, seconds):
    assert durations.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "1m x", "-1s"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="invalid duration"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        ("a", "smart", "a\n"),
        ("", "smart", ""),
        (None, "smart", ""),
        (None, "json", "null\n"),
        (None, "yaml", ""),
        (True, "smart", "True\n"),
        (True, "json", "true\n"),
        (5, "smart", "5\n"),
        (["a", "b"], "smart", "a\nb\n"),
        ([], "smart", ""),
        ([], "json", "[]\n"),
        ({}, "smart", "{}\n"),
        ({"b": "1", "a": "x"}, "smart", "a: x\nb: '1'\n"),
        ({"k": "<&>"}, "json", '{"k":"\\u003c\\u0026\\u003e"}\n'),
        ("two\nlines\n", "yaml", "|\n  two\n  lines\n"),
    ],
)
def test_formats(value, style, text):
    assert formats.render(value, style) == text


CHARM = Charm(
    name="c",
    endpoints={},
    extra_bindings=(),
    options={
        "s": {"type": "string", "default": "x"},
        "i": {"type": "int"},
        "b": {"type": "boolean"},
        "f": {"type": "float"},
    },
    actions={},
    bases=(),
    subordinate=False,
    dispatches=False,
)


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [("s", "5", "5"), ("s", True, "true"), ("i", "5", 5), ("b", "true", True), ("f", "2", 2.0)],
)
def test_options_are_typed(option, value, expected):
    found = settings.typed_option(CHARM, option, value)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(("option", "value"), [("i", "x"), ("i", "true"), ("b", "5"), ("f", "")])
def test_option_of_the_wrong_type(option, value):
    with pytest.raises(JujuError, match=f'option "{option}" expected'):
        settings.typed_option(CHARM, option, value)


def test_constraints():
    assert settings.memory_mib({"mem": "2G"}) == 2048
    for kind in ("container", "qemu", "uml"):
        assert settings.kind(settings.constraints({"virt-type": kind})) == kind
    for wrong in ({"speed": "9"}, {"mem": "much"}, {"virt-type": "lxd"}):
        with pytest.raises(JujuError):
            settings.constraints(wrong)


def test_ports():
    assert str(ports.parse("80")) == "80/tcp"
    assert str(ports.parse("8000-8010/UDP")) == "8000-8010/udp"
    assert ports.grouped(["443/tcp", "53/udp", "80/tcp", "icmp"]) == "icmp 80,443/tcp 53/udp"
    for wrong in ("0", "70000", "9-8", "x", "80/"):
        with pytest.raises(UsageError):
            ports.parse(wrong)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("running install hook", "(install) busy"),
        ("running db-relation-joined hook for db/0", "(db-relation-joined) busy"),
        ("running action 2", "(action 2) busy"),
        ("running commands", "(commands) busy"),
    ],
)
def test_status_table_says_what_a_unit_is_doing(message, shown):
    unit = {
        "workload-status": {"current": "active", "message": "busy"},
        "juju-status": {"current": "executing", "message": message},
    }
    assert tabular._units({"a": {"units": {"a/0": unit}}}).splitlines()[1].endswith(shown)


FLAGS = (Flag(("r", "relation"), "a relation"), Flag(("app",), "a switch", switch=True))


@pytest.mark.parametrize(
    ("words", "options", "arguments"),
    [
        (["-r", "x:1", "k"], {"relation": "x:1"}, ["k"]),
        (["k", "--relation=x:1"], {"relation": "x:1"}, ["k"]),
        (["-rx:1", "--app", "-"], {"relation": "x:1", "app": True}, ["-"]),
        (["--app=False", "--", "--app"], {"app": False}, ["--app"]),
    ],
)
def test_tool_arguments(words, options, arguments):
    parsed = parse(FLAGS, words)
    assert (parsed.options, parsed.arguments) == (options, arguments)


@pytest.mark.parametrize("words", [["--bad"], ["-r"], ["--app=maybe"], ["-x"]])
def test_wrong_tool_arguments(words):
    with pytest.raises(UsageError):
        parse(FLAGS, words)


def test_charm_directory(tmp_path):
    source = make_charm(
        tmp_path,
        "toy",
        {"hooks/any": "true"},
        metadata=(
            "name: toy\nseries: [focal, noble]\nextra-bindings: {public: null}\n"
            "requires: {db: sql, web: {interface: http, scope: container}}\n"
        ),
    )
    (source / "hooks" / "install").symlink_to("any")
    (source / ".git").mkdir()
    kept = tmp_path / "kept"
    charmdir.keep(source, kept)
    found = charmdir.read(kept)
    assert found.bases == ("ubuntu@20.04", "ubuntu@24.04")
    assert found.extra_bindings == ("public",)
    assert found.endpoints["db"].interface == "sql"
    assert found.endpoints["web"].scope == "container"
    assert charmdir.files(kept) == {"metadata.yaml", "hooks/any", "hooks/install"}


def test_a_charm_brings_along_the_files_that_its_links_lead_to(tmp_path):
    source, kept = tmp_path / "charm", tmp_path / "kept"
    (tmp_path / "shared.conf").write_text("shared")
    source.mkdir()
    (source / "metadata.yaml").write_text("name: some")
    (source / "own").write_text("own")
    (source / "link").symlink_to("own")
    (source / "shared.conf").symlink_to("../shared.conf")
    charmdir.keep(source, kept)
    assert str((kept / "link").readlink()) == "own"
    assert not (kept / "shared.conf").is_symlink()
    assert (kept / "shared.conf").read_text() == "shared"


def test_packed_charm_keeps_links_and_modes(tmp_path):
    packed = tmp_path / "toy.charm"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("metadata.yaml", "name: toy\n")
        program = zipfile.ZipInfo("dispatch")
        program.external_attr = 0o100755 << 16
        archive.writestr(program, "#!/bin/sh\n")
        link = zipfile.ZipInfo("hooks/install")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../dispatch")
    charmdir.keep(packed, tmp_path / "kept")
    assert charmdir.read(tmp_path / "kept").dispatches
    assert (tmp_path / "kept/hooks/install").readlink().as_posix() == "../dispatch"


@pytest.mark.parametrize(
    "files",
    [{}, {"metadata.yaml": "- a"}, {"metadata.yaml": "{"}, {"metadata.yaml": "summary: s"}],
)
def test_what_is_no_charm(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(JujuError, match="charm"):
        charmdir.read(tmp_path)


def test_defaults_of_parameters_are_filled_in_nested_ones_too():
    schema = tasks.parameter_schema(
        {"params": {"a": {"default": 1}, "b": {"properties": {"c": {"default": 2}}}}}, "act"
    )
    assert schema["additionalProperties"] is True
    assert tasks._with_defaults(schema, {"x": 3}) == {"a": 1, "b": {"c": 2}, "x": 3}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('name=="a"', True),
        ('name!="a"', False),
        ('name=="b" || status=="active"', True),
        ('name=="a" && (status=="x" || scale==2)', True),
        ('name=="a" && status=="x"', False),
    ],
)
def test_queries(query, expected):
    assert Query(query).matches({"name": "a", "status": "active", "scale": 2}) is expected


@pytest.mark.parametrize(
    "query", ["name", 'name=="a" &&', '(name=="a"', 'name="a"', 'x=="a"', "%"]
)
def test_query_that_is_not_understood(query):
    with pytest.raises(UsageError):
        Query(query).matches({"name": "a"})


def test_lines_come_whole():
    lines = []
    splitter = LineSplitter(lines.append)
    for piece in (b"a", b"b\nc\r\n\xc3", b"\xa9", b"\nlast"):
        splitter.feed(piece)
    splitter.end()
    assert lines == ["ab", "c", "é", "last"]


class TestLog:
    @pytest.fixture
    def log(self, tmp_path):
        log = ModelLog(tmp_path / "log")
        log.write("unit-a-0", "INFO", "juju.worker", "one")
        log.write("unit-b-1", "ERROR", "unit.b/1.juju-log", "two")
        log.write("unit-a-0", "DEBUG", "unit.a/0.install", "three")
        return log

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ({}, ["one", "two", "three"]),
            ({"include": ["unit-a-0"]}, ["one", "three"]),
            ({"include": ["a/0"]}, ["one", "three"]),
            ({"include": ["b"]}, ["two"]),
            ({"exclude": ["unit-a-*"]}, ["two"]),
            ({"include_module": ["juju"]}, ["one"]),
            ({"exclude_module": ["unit.b/1"]}, ["one", "three"]),
            ({"level": "WARNING"}, ["two"]),
        ],
    )
    def test_filter(self, log, wanted, expected):
        assert [line["message"] for line in log.read(Filter(**wanted))] == expected

    def test_last_and_limit(self, log):
        assert [line["message"] for line in log.read(Filter(), last=2)] == ["two", "three"]
        assert [line["message"] for line in log.read(Filter(), limit=1)] == ["one"]

    def test_following_gets_what_comes_later_and_ends_with_the_log(self, log):
        found = []
        reader = threading.Thread(
            target=lambda: found.extend(log.read(Filter(), last=0, follow=True, limit=1))
        )
        reader.start()
        while reader.is_alive():
            log.write("unit-a-0", "INFO", "m", "later")
            reader.join(timeout=0.05)
        assert [line["message"] for line in found] == ["later"]
        log.close()
        assert len(list(log.read(Filter(), last=1, follow=True))) == 1


def test_bag_counts_real_changes_only():
    bag = Bag(owner="a/0", settings={"a": "1"}, version=1)
    assert not bag.update({"a": "1"})
    assert bag.update({"a": "", "b": "2"})
    assert (bag.settings, bag.version) == ({"b": "2"}, 2)


def test_state_is_roots_alone_and_transactions_do_not_nest(tmp_path):
    store = Store(tmp_path / "state.db")
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600
    with store.read(), pytest.raises(RuntimeError), store.transaction():
        pass
    assert (store.revision, store.decisions) == (0, 0)
    with store.transaction(quiet=True):
        pass
    assert (store.revision, store.decisions) == (1, 0)
    store.close()
