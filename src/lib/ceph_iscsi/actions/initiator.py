"""What the gateways' clients are to be set up like."""

from pathlib import Path

from charmhelpers.core import hookenv

FILES = Path("files", "initiator")


def initiator_config() -> None:
    """Tell the settings of multipath and open-iscsi that make a gateway's crash short."""
    directory = Path(hookenv.charm_dir(), FILES)
    names = ("multipath.conf", "iscsid.conf")
    hookenv.action_set({name.replace(".", "-"): (directory / name).read_text() for name in names})
