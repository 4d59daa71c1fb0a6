"""Which hooks a unit runs from its deployment to its removal."""


def test_first_hooks_come_in_order(lab, charm, trace):
    names = ["install", "leader-elected", "config-changed", "start", "peers-relation-created"]
    source = charm(
        "toy",
        {f"hooks/{name}": f'echo "$JUJU_HOOK_NAME" >> {trace}' for name in names},
        metadata="name: toy\npeers:\n  peers:\n    interface: toy-peer\n",
    )
    lab.api.deploy(None, str(source))
    lab.wait_idle("toy/0")
    assert trace.read_text().split() == [
        "install",
        "peers-relation-created",
        "leader-elected",
        "config-changed",
        "start",
    ]
