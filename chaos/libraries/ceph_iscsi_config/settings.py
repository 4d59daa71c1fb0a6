"""In the place of ceph-iscsi's own library, as far as the charm asks it: the settings' hash."""

import runpy

runpy.run_path("/run/chaos/stand_in.py")["point"]("python3 ceph_iscsi_config.settings")


class config:
    """The settings; those of all gateways are the same on the stage."""

    @staticmethod
    def hash():
        """What the API's stand-in tells, too."""
        return "the-same-everywhere"


def init():
    """Read the settings: nothing to do."""
