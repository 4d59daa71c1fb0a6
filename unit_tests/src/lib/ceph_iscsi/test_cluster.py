import json

import pytest
from ceph_iscsi import process
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
        {"pool_name": "data", "type": 3, "erasure_code_profile": "gw-profile"},
    ]
    given.append(json.dumps(pools))
    assert Cluster("gw").pools() == {"iscsi": "replicated", "data": "erasure"}
    assert ran[0][:5] == ["ceph", *ACCESS]


def test_an_images_size_or_none(answers):
    given, ran = answers
    given += ['{"size": 1024}', process.CommandFailed("`rbd` failed: no such image", 2, "")]
    assert Cluster("gw").image_size("data", "disk_1") == 1024
    assert Cluster("gw").image_size("data", "disk_2") is None
    assert ran[0] == ["rbd", *ACCESS, "info", "--format", "json", "data/disk_1"]


def test_other_failures_are_told(answers):
    given, _ = answers
    given += [
        process.CommandFailed("`rbd` failed: permission denied", 1, ""),
        GatewayError("`rbd` gave no answer within 60 s"),
    ]
    with pytest.raises(GatewayError, match="permission denied"):
        Cluster("gw").image_size("data", "disk_1")
    with pytest.raises(GatewayError, match=r"the Ceph cluster cannot be asked: .* no answer"):
        Cluster("gw").image_size("data", "disk_1")


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
