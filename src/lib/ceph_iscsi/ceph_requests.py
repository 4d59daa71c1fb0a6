"""What the gateway asks of the Ceph cluster, as calls on the ceph-client interface."""

from typing import Any

from ceph_iscsi import options
from ceph_iscsi.options import Config

# A method of the ceph-client endpoint and its arguments.
Call = tuple[str, dict[str, Any]]

OSD_SETTINGS = {"osd heartbeat grace": 20, "osd heartbeat interval": 5}

# What a gateway does, and no more: images in its pools, freeing its own address from the
# blocklist after a crash (tcmu-runner 1.5 does so by the command's old name), reading certificates
# of its own from the monitors' key store.
CAPABILITIES = [
    "osd",
    "allow rwx",
    "mon",
    "profile rbd, "
    'allow command "osd blocklist", '
    'allow command "osd blacklist", '
    'allow command "config-key get" with "key" prefix "iscsi/"',
    "mgr",
    "allow r",
]


def calls(config: Config, application: str) -> list[Call]:
    """All that is asked for, in the order of the request; always the same for the same options.

    :param config: checked options
    """
    replicas = config["ceph-osd-replication-count"]
    pools = (
        _erasure_coded(config, application, replicas)
        if config["pool-type"] == options.ERASURE_CODED
        else _replicated(config, application, replicas)
    )
    gateway_pool = {
        "name": config["gateway-metadata-pool"],
        "replicas": replicas,
        "app_name": "rados",
    }
    return [
        ("create_replicated_pool", gateway_pool),
        *pools,
        (
            "request_ceph_permissions",
            {"client_name": application, "permissions": list(CAPABILITIES)},
        ),
        ("request_osd_settings", {"settings": dict(OSD_SETTINGS)}),
    ]


def ask(ceph: Any, config: Config, application: str) -> None:
    """Ask for all of it.

    :param ceph: endpoint of ceph-client
    """
    for method, arguments in calls(config, application):
        if hasattr(ceph, method):
            getattr(ceph, method)(**arguments)
        else:
            _WITHOUT_METHOD[method](ceph, **arguments)


def _add_permissions(ceph: Any, client_name: str, permissions: list[str]) -> None:
    request = ceph.get_current_request()  # there is one: pools are asked for before
    request.add_op(
        {"op": "set-key-permissions", "permissions": permissions, "client": client_name}
    )
    ceph.send_request_if_needed(request)


def _publish_osd_settings(ceph: Any, settings: dict[str, Any]) -> None:
    for relation in ceph.relations:
        relation.to_publish["osd-settings"] = settings


# What the community's interface has no method for.
_WITHOUT_METHOD = {
    "request_ceph_permissions": _add_permissions,
    "request_osd_settings": _publish_osd_settings,
}


def _replicated(config: Config, application: str, replicas: int) -> list[Call]:
    pool = {
        "name": options.data_pool(config, application),
        "replicas": replicas,
        "weight": config["ceph-pool-weight"],
        "app_name": "rbd",
        **_compression(config),
    }
    return [("create_replicated_pool", pool)]


def _erasure_coded(config: Config, application: str, replicas: int) -> list[Call]:
    profile_name = config.get("ec-profile-name") or f"{application}-profile"
    weight = config["ceph-pool-weight"]
    # An image's metadata are small, whatever its size: a hundredth is plenty.
    metadata_weight = weight * 0.01
    profile = {
        "name": profile_name,
        "erasure_type": config["ec-profile-plugin"],
        "erasure_technique": config.get("ec-profile-technique") or None,
        "k": config["ec-profile-k"],
        "m": config["ec-profile-m"],
        "lrc_locality": config.get("ec-profile-locality") or None,
        "lrc_crush_locality": config.get("ec-profile-crush-locality") or None,
        "shec_durability_estimator": config.get("ec-profile-durability-estimator") or None,
        "clay_helper_chunks": config.get("ec-profile-helper-chunks") or None,
        "clay_scalar_mds": config.get("ec-profile-scalar-mds") or None,
        "device_class": config.get("ec-profile-device-class") or None,
    }
    data = {
        "name": options.data_pool(config, application),
        "erasure_profile": profile_name,
        "weight": weight - metadata_weight,
        "app_name": "rbd",
        "allow_ec_overwrites": True,
        **_compression(config),
    }
    metadata = {
        "name": options.metadata_pool(config, application),
        "replicas": replicas,
        "weight": metadata_weight,
        "app_name": "rbd",
    }
    return [
        ("create_erasure_profile", profile),
        ("create_erasure_pool", data),
        ("create_replicated_pool", metadata),
    ]


def _compression(config: Config) -> dict[str, Any]:
    """Keywords of pool creation for the ``bluestore-compression-*`` options that are set."""
    prefix = "bluestore-"
    return {
        option.removeprefix(prefix).replace("-", "_"): value
        for option, value in sorted(config.items())
        if option.startswith(f"{prefix}compression-") and value not in (None, "")
    }
