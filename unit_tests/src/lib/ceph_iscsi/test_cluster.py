import json

import pytest
from ceph_iscsi import ceph, process
from ceph_iscsi.ceph import IMAGES, Cluster
from ceph_iscsi.errors import GatewayError

ACCESS = ["--conf", "/etc/ceph/iscsi/ceph.conf", "--name", "client.gw"]


@pytest.fixture
def answers(monkeypatch):
    """What programs answer, in turn; commands that were run are appended to ``ran``."""
    given, ran = [], []

    def run(argv, timeout):
        ran.append(argv)
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(process, "run", run)
    return given, ran


def test_pools_and_their_kinds(answers):
    given, ran = answers
    pools = [
        {"pool_name": "iscsi", "type": 1, "erasure_code_profile": ""},
        {
            "pool_name": "data",
            "type": 3,
            "erasure_code_profile": "gw-profile",
            "flags_names": "hashpspool,full,full_quota,ec_overwrites",
        },
    ]
    given.append(json.dumps(pools))
    assert Cluster("gw").pools() == {
        "iscsi": ceph.Pool("replicated"),
        "data": ceph.Pool("erasure", full=True),
    }
    assert ran[0][:5] == ["ceph", *ACCESS]


def test_failures_are_told(answers):
    given, _ = answers
    given += [
        process.CommandFailed("`ceph` failed: permission denied", 1, ""),
        GatewayError("`ceph` gave no answer within 60 s"),
    ]
    with pytest.raises(GatewayError, match="permission denied"):
        Cluster("gw").pools()
    with pytest.raises(GatewayError, match=r"the Ceph cluster cannot be asked: .* no answer"):
        Cluster("gw").pools()


def test_images_are_read_by_one_process(answers):
    given, ran = answers
    given.append('{"data/disk_1": {"size": 1024, "snapshots": []}}')
    assert Cluster("gw").images(["data/disk_1"]) == {
        "data/disk_1": {"size": 1024, "snapshots": []}
    }
    assert ran[0][0] == "python3"
    assert ran[0][2:] == ["/etc/ceph/iscsi/ceph.conf", "client.gw", "data/disk_1"]


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    """Put a stand-in for the lock's keeper in place; returns a function that takes its code."""
    monkeypatch.setattr(ceph, "LOCK", tmp_path / "lock.py")
    return (tmp_path / "lock.py").write_text


def test_the_lock_is_kept_until_the_change_has_ended(keeper, tmp_path):
    ended = tmp_path / "ended"
    keeper(f"import sys; print('locked', flush=True); sys.stdin.read(); open({str(ended)!r}, 'w')")
    with Cluster("gw").lock("gw/0"):
        assert not ended.exists()
    assert ended.exists()


def test_nothing_is_done_without_the_lock(keeper):
    keeper("import sys; sys.exit('another change goes on')")
    nothing = pytest.raises(GatewayError, match="nothing was changed: another change goes on")
    with nothing, Cluster("gw").lock("gw/0"):
        raise AssertionError("not to be reached")


KEEPER = """
import sys
print("locked gw/1", flush=True)
for line in sys.stdin:
    open(%r, "a").write(line)
    print("ok", flush=True)
"""


def test_a_note_goes_with_the_lock(keeper, tmp_path):
    told = tmp_path / "told"
    keeper(KEEPER % str(told))
    with Cluster("gw").lock("gw/0") as lock:
        assert lock.note == "gw/1"
        lock.write("gw/0")
        lock.free_config()
        lock.write("")
        assert lock.note == ""
    assert told.read_text().splitlines() == ["note gw/0", "free", "note "]


def test_a_lock_that_is_lost_is_told(keeper):
    keeper("import sys; print('locked', flush=True); input(); sys.exit('no cluster')")
    lost = pytest.raises(GatewayError, match="the lock on changes is lost: no cluster")
    with lost, Cluster("gw").lock("gw/0") as lock:
        lock.write("gw/0")


def test_an_image_with_its_data_elsewhere(answers):
    given, ran = answers
    given += ["", ""]
    Cluster("gw").create_image("meta", "disk_1", "1G", "data")
    Cluster("gw").remove_image("meta", "disk_1")
    assert ran[0][5:] == ["create", "meta/disk_1", "--size", "1G", "--data-pool", "data"]
    assert ran[1][5:] == ["rm", "--no-progress", "meta/disk_1"]


def test_all_images_are_read_by_one_process(answers):
    given, ran = answers
    given.append('{"data/one": {"size": 1024, "snapshots": []}}')
    assert Cluster("gw").images(["data/one"]) == {"data/one": {"size": 1024, "snapshots": []}}
    assert ran == [["python3", str(IMAGES), "/etc/ceph/iscsi/ceph.conf", "client.gw", "data/one"]]
    assert IMAGES.is_file()


def test_the_stored_state(answers):
    given, ran = answers
    given.append('{"targets": {}}')
    assert Cluster("gw").stored_config("iscsi") == {"targets": {}}
    assert ran[0] == ["rados", *ACCESS, "--pool", "iscsi", "get", "gateway.conf", "-"]
