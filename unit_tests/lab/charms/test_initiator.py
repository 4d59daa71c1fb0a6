"""The initiator companion: node records, discovery, and which path leads where."""

import pytest
from initiator import host, records

RECORD = """\
# BEGIN RECORD 2.1.9
node.name = iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw
node.session.auth.authmethod = None
node.conn[0].address = 10.85.0.12
# END RECORD
"""


def test_chap_goes_into_the_record_once_and_before_its_end():
    text = records.with_values(RECORD, records.chap("someuser", "secret-of-12"))
    assert text.splitlines() == [
        "# BEGIN RECORD 2.1.9",
        "node.name = iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw",
        "node.session.auth.authmethod = CHAP",
        "node.conn[0].address = 10.85.0.12",
        "node.session.auth.username = someuser",
        "node.session.auth.password = secret-of-12",
        "# END RECORD",
    ]
    assert records.with_values(text, records.chap("someuser", "secret-of-12")) == text


def test_a_setting_without_a_record_goes_to_the_end():
    assert records.with_values("a = 1\n#b = 2\n", {"b": "3"}) == "a = 1\n#b = 2\nb = 3\n"


def test_settings_are_read_without_comments():
    assert records.values("# a = 1\n\nb[0].c = 2\n") == {"b[0].c": "2"}


@pytest.mark.parametrize("password", ["", "two words", "line\nbreak"])
def test_a_password_that_would_leave_its_line_is_refused_without_being_told(password):
    with pytest.raises(ValueError, match=r"^password must be a word without blanks$"):
        records.chap("someuser", password)


def test_only_the_portals_of_the_wanted_target_are_taken():
    discovered = (
        "10.85.0.12:3260,1 iqn.2003-01.com.example:one\n"
        "10.85.0.13:3260,2 iqn.2003-01.com.example:one\n"
        "10.85.0.13:3260,1 iqn.2003-01.com.example:other\n"
        "[fd99::11]:3260,3 iqn.2003-01.com.example:one\n"
    )
    assert records.portals(discovered, "iqn.2003-01.com.example:one") == [
        "10.85.0.12:3260",
        "10.85.0.13:3260",
        "[fd99::11]:3260",
    ]


def make_session(root, number, iqn, address, disk):
    session = root / f"session{number}"
    connection = session / f"device/connection{number}:0/iscsi_connection/connection{number}:0"
    connection.mkdir(parents=True)
    (connection / "persistent_address").write_text(f"{address}\n")
    (connection / "persistent_port").write_text("3260\n")
    (session / "targetname").write_text(f"{iqn}\n")
    (session / "state").write_text("LOGGED_IN\n")
    (session / f"device/target{number}:0:0/{number}:0:0:0/block/{disk}").mkdir(parents=True)


def test_sessions_tell_portal_and_disks(tmp_path):
    make_session(tmp_path, 1, "iqn.2003-01.com.example:one", "10.85.0.12", "sda")
    make_session(tmp_path, 2, "iqn.2003-01.com.example:one", "fd99::11", "sdb")
    assert host.sessions(tmp_path) == [
        host.Session("iqn.2003-01.com.example:one", "10.85.0.12:3260", "LOGGED_IN", ("sda",)),
        host.Session("iqn.2003-01.com.example:one", "[fd99::11]:3260", "LOGGED_IN", ("sdb",)),
    ]


def test_a_devices_paths_tell_the_portal_and_priority_they_have():
    logged_in = [
        host.Session("iqn.x:one", "10.85.0.12:3260", "LOGGED_IN", ("sda",)),
        host.Session("iqn.x:one", "10.85.0.13:3260", "LOGGED_IN", ("sdb",)),
    ]

    def group(disk, priority, state):
        path = {"dev": disk, "pri": priority, "dm_st": "active", "chk_st": "ready"}
        return {"dm_st": state, "paths": [path]}

    maps = {
        "maps": [
            {
                "name": "mpatha",
                "uuid": "36001",
                "path_groups": [group("sda", 50, "active"), group("sdb", 10, "enabled")],
            },
            {"name": "local", "uuid": "9", "path_groups": [group("vda", 1, "")]},
        ]
    }
    assert host.devices(maps, logged_in) == [
        host.Device(
            "mpatha",
            "36001",
            "iqn.x:one",
            (
                host.Way("sda", "10.85.0.12:3260", 50, "active ready", "active"),
                host.Way("sdb", "10.85.0.13:3260", 10, "active ready", "enabled"),
            ),
        )
    ]
