"""A real initiator: CHAP, two paths, writes that stay (a new login: zaza's CreateTargetTest)."""

import jubilant
import pytest
from harness import Model


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


def test_writes_are_acknowledged_and_stay(disk: Model, figures):
    with disk.writing() as summary:
        pass
    figures["writes in quiet"] = str(summary)
    assert summary["errors"] == summary["lost"] == 0
    assert summary["acknowledged"] > 10
