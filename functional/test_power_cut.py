"""The active gateway's power is cut in the middle of synchronous writes."""

import pytest
from harness import FIRST, IQN, Model


@pytest.fixture(scope="module")
def cut(disk: Model, figures) -> tuple[Model, str, str, dict]:
    """The model with one gateway dead: the dead one, the living one, what the writer saw."""
    disk.wait_paths(2)
    dead = disk.active_gateway()
    (living,) = set(disk.gateways()) - {dead}
    with disk.writing() as summary:
        disk.power(dead, "off")
        # the path is given up after the initiator's own timers, then the other one takes over
        disk.wait_moved(dead)
    figures["writes during power-cut"] = str(summary)
    return disk, dead, living, summary


def test_no_acknowledged_write_is_lost_and_none_fails(cut):
    _, _, _, summary = cut
    assert summary["errors"] == summary["lost"] == 0


def test_a_change_is_refused_while_a_gateway_is_down_and_changes_nothing(cut):
    model, _, living, _ = cut
    before = model.api_config(living)
    message = model.refusal(
        FIRST, living, image_name="disk-down", client_initiatorname="iqn.2024-11.com.example:down"
    )
    assert "gateway" in message
    assert model.api_config(living) == before


def test_the_gateway_serves_again_once_it_has_power(cut):
    model, dead, living, _ = cut
    model.power_up(dead)
    model.wait_restarted({dead: 0})
    # An action runs after the hook of the boot: it finds a gateway that serves and is announced.
    assert model.create_target(FIRST, dead)["changed"] == "false"
    assert model.api_config(dead)["targets"][IQN] == model.api_config(living)["targets"][IQN]
    model.settle("ceph-iscsi")
    model.wait_paths(2, timeout=300)
