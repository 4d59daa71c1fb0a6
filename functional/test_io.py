"""A real initiator: CHAP, two paths, data that is still there after a new login."""

import jubilant
import pytest
from harness import INITIATOR, Model


def test_a_wrong_password_is_refused(target: Model):
    target.logout()
    with pytest.raises(jubilant.TaskError) as caught:
        target.login(password="wrong-password")
    assert "authorization failure" in caught.value.task.message
    target.logout()


def test_the_disk_has_a_path_over_each_gateway_and_one_is_preferred(disk: Model):
    paths = disk.device()["paths"]
    portals = {f"{disk.address(unit)}:3260" for unit in disk.gateways()}
    assert {path["portal"] for path in paths} == portals
    assert len({path["priority"] for path in paths}) == 2
    assert {path["state"] for path in paths} == {"active ready"}


def test_data_is_there_after_logging_out_and_in(disk: Model):
    def on_disk(script: str) -> str:
        return disk.run_on(INITIATOR, "sh", "-ec", script, "sh", disk.device_path())

    written = on_disk(
        'mkfs.ext4 -q -F "$1"; mount "$1" /mnt; head -c 32M /dev/urandom > /mnt/data;'
        " sha256sum /mnt/data; umount /mnt"
    )
    disk.logout()
    disk.login()
    assert on_disk('mount "$1" /mnt; sha256sum /mnt/data; umount /mnt') == written


def test_writes_are_acknowledged_and_stay(disk: Model, figures):
    with disk.writing() as summary:
        pass
    figures["writes in quiet"] = str(summary)
    assert summary["errors"] == summary["lost"] == 0
    assert summary["acknowledged"] > 10
