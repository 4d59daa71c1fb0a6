from types import SimpleNamespace

from ceph_iscsi import ceph_requests
from charm_options import config, erasure_coded

GATEWAY_POOL = ("create_replicated_pool", {"name": "iscsi", "replicas": 3, "app_name": "rados"})


def test_replicated_pools_permissions_and_osd_settings_in_this_order():
    assert ceph_requests.calls(config(), "storage-gw") == [
        GATEWAY_POOL,
        (
            "create_replicated_pool",
            {"name": "storage-gw", "replicas": 3, "weight": 5, "app_name": "rbd"},
        ),
        (
            "request_ceph_permissions",
            {
                "client_name": "storage-gw",
                "permissions": [
                    "osd",
                    "allow rwx",
                    "mon",
                    'profile rbd, allow command "osd blocklist", '
                    'allow command "osd blacklist", '
                    'allow command "config-key get" with "key" prefix "iscsi/"',
                    "mgr",
                    "allow r",
                ],
            },
        ),
        (
            "request_osd_settings",
            {"settings": {"osd heartbeat grace": 20, "osd heartbeat interval": 5}},
        ),
    ]


def test_erasure_coded_data_with_a_profile_and_a_replicated_metadata_pool():
    calls = ceph_requests.calls(
        erasure_coded(
            ec_profile_k=4,
            ec_profile_plugin="lrc",
            ec_profile_locality=3,
            ec_profile_crush_locality="rack",
            ceph_osd_replication_count=2,
        ),
        "gw",
    )
    assert calls[0] == (GATEWAY_POOL[0], {**GATEWAY_POOL[1], "replicas": 2})
    assert calls[1:4] == [
        (
            "create_erasure_profile",
            {
                "name": "gw-profile",
                "erasure_type": "lrc",
                "erasure_technique": None,
                "k": 4,
                "m": 2,
                "lrc_locality": 3,
                "lrc_crush_locality": "rack",
                "shec_durability_estimator": None,
                "clay_helper_chunks": None,
                "clay_scalar_mds": None,
                "device_class": None,
            },
        ),
        (
            "create_erasure_pool",
            {
                "name": "gw",
                "erasure_profile": "gw-profile",
                "weight": 4.95,
                "app_name": "rbd",
                "allow_ec_overwrites": True,
            },
        ),
        (
            "create_replicated_pool",
            {"name": "gw-metadata", "replicas": 2, "weight": 0.05, "app_name": "rbd"},
        ),
    ]


def test_compression_is_asked_for_the_data_pool_with_the_keys_that_are_set():
    settings = config(
        bluestore_compression_mode="force",
        bluestore_compression_algorithm="zstd",
        bluestore_compression_min_blob_size_hdd=4096,
        bluestore_compression_max_blob_size_ssd=65536,
    )
    gateway_pool, data_pool = ceph_requests.calls(settings, "gw")[:2]
    assert not [key for key in gateway_pool[1] if key.startswith("compression")]
    assert data_pool[1]["compression_mode"] == "force"
    assert data_pool[1]["compression_algorithm"] == "zstd"
    assert data_pool[1]["compression_min_blob_size_hdd"] == 4096
    assert data_pool[1]["compression_max_blob_size_ssd"] == 65536
    assert len([key for key in data_pool[1] if key.startswith("compression")]) == 4


def test_names_of_pools_and_profile_can_be_chosen():
    settings = erasure_coded(
        rbd_pool_name="data", ec_rbd_metadata_pool="meta", ec_profile_name="mine"
    )
    names = [arguments.get("name") for _, arguments in ceph_requests.calls(settings, "gw")]
    assert names[:4] == ["iscsi", "mine", "data", "meta"]


def test_the_same_options_always_ask_for_the_same():
    settings = erasure_coded(bluestore_compression_mode="none")
    assert ceph_requests.calls(settings, "gw") == ceph_requests.calls(dict(settings), "gw")


class CommunityCeph:
    """The community's endpoint: no methods for permissions and OSD settings."""

    def __init__(self):
        self.ops = []
        self.sent = []
        self.relations = [SimpleNamespace(to_publish={})]

    def create_replicated_pool(self, **arguments):
        self.ops.append(arguments["name"])

    def get_current_request(self):
        return SimpleNamespace(add_op=self.ops.append)

    def send_request_if_needed(self, request):
        self.sent.append(list(self.ops))


def test_the_communitys_interface_is_asked_for_the_same():
    ceph = CommunityCeph()
    ceph_requests.ask(ceph, config(), "gw")
    permissions = {
        "op": "set-key-permissions",
        "permissions": ceph_requests.CAPABILITIES,
        "client": "gw",
    }
    assert ceph.sent == [["iscsi", "gw", permissions]]
    assert ceph.relations[0].to_publish == {"osd-settings": ceph_requests.OSD_SETTINGS}
