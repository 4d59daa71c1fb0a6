import pytest
from ceph_iscsi import options
from charm_options import DEFAULTS, config, erasure_coded


@pytest.mark.parametrize(
    "good",
    [
        config(),
        config(loglevel=0, bluestore_compression_mode="force"),
        config(bluestore_compression_required_ratio=0.875),
        config(ceph_public_network="10.0.0.0/24 fd00::/64"),
        erasure_coded(),
        erasure_coded(ec_profile_technique="cauchy_good"),
        erasure_coded(ec_profile_plugin="isa", ec_profile_technique="cauchy"),
        erasure_coded(
            ec_profile_plugin="lrc", ec_profile_k=4, ec_profile_m=2, ec_profile_locality=3
        ),
        erasure_coded(ec_profile_plugin="shec", ec_profile_durability_estimator=2),
        erasure_coded(
            ec_profile_plugin="clay", ec_profile_k=4, ec_profile_m=2, ec_profile_helper_chunks=5
        ),
    ],
)
def test_good_options_pass(good):
    options.check(good)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (config(pool_type="mirror"), "pool-type=mirror, allowed: replicated, erasure-coded"),
        (
            config(ceph_osd_replication_count=0),
            "ceph-osd-replication-count=0, allowed: 1 to 10",
        ),
        (config(ceph_pool_weight=101), "ceph-pool-weight=101, allowed: 1 to 100"),
        (config(loglevel=21), "loglevel=21, allowed: 0 to 20"),
        (config(rbd_pool_name="a b"), "rbd-pool-name=a b, allowed: letters, digits"),
        (config(gateway_metadata_pool=""), "gateway-metadata-pool=, allowed: a pool's name"),
        (config(ceph_public_network="10.0.0.0/24 no"), "ceph-public-network=no, allowed: net"),
        (config(bluestore_compression_algorithm="rar"), "bluestore-compression-algorithm=rar,"),
        (config(bluestore_compression_mode="maybe"), "bluestore-compression-mode=maybe, allowed"),
        (
            config(bluestore_compression_required_ratio=1.5),
            "bluestore-compression-required-ratio=1.5, allowed: 0 to 1",
        ),
        (
            config(bluestore_compression_max_blob_size_ssd=-1),
            "bluestore-compression-max-blob-size-ssd=-1, allowed: 0 or a number of bytes",
        ),
        (erasure_coded(ec_profile_plugin="raid"), "ec-profile-plugin=raid, allowed: jerasure,"),
        (
            erasure_coded(ec_profile_plugin="isa", ec_profile_technique="liberation"),
            "ec-profile-technique=liberation, allowed: reed_sol_van, cauchy",
        ),
        (
            erasure_coded(ec_profile_k=DEFAULTS["ec-profile-k"]),
            "ec-profile-k=1, allowed: 2 to 32 with pool-type=erasure-coded",
        ),
        (
            erasure_coded(ec_profile_technique="liberation", ec_profile_m=3),
            "ec-profile-m=3, allowed: 2 with ec-profile-technique=liberation",
        ),
        (
            erasure_coded(ec_profile_plugin="lrc", ec_profile_k=4),
            "ec-profile-locality=, allowed: a divisor of k+m=6 by which k=4 and m=2 fall into "
            "equal sets (plugin lrc)",
        ),
        (
            erasure_coded(ec_profile_plugin="lrc", ec_profile_k=4, ec_profile_locality=2),
            "ec-profile-locality=2, allowed: a divisor of k+m=6",
        ),
        (
            erasure_coded(ec_profile_plugin="shec"),
            "ec-profile-durability-estimator=, allowed: 1 to m=2 (plugin shec)",
        ),
        (
            erasure_coded(
                ec_profile_plugin="shec", ec_profile_m=3, ec_profile_durability_estimator=1
            ),
            "ec-profile-m=3, allowed: 1 to k=2 (plugin shec)",
        ),
        (
            erasure_coded(ec_profile_plugin="shec", ec_profile_durability_estimator=3),
            "ec-profile-durability-estimator=3, allowed: 1 to m=2 (plugin shec)",
        ),
        (
            erasure_coded(ec_profile_plugin="clay", ec_profile_k=4, ec_profile_helper_chunks=4),
            "ec-profile-helper-chunks=4, allowed: k+1=5 to k+m-1=5 (plugin clay)",
        ),
    ],
)
def test_a_bad_option_is_named_with_its_value_and_what_is_allowed(bad, message):
    with pytest.raises(options.InvalidOption) as error:
        options.check(bad)
    assert str(error.value).startswith(message)


def test_erasure_code_options_count_only_with_erasure_coded_pools():
    options.check(config(ec_profile_plugin="raid"))


@pytest.mark.parametrize(
    ("settings", "named", "pools"),
    [
        (config(), (None, None), ("gw", None)),
        (config(rbd_pool_name="data"), (None, None), ("data", None)),
        (config(), ("other", None), ("other", None)),
        (config(), ("ec", "meta"), ("meta", "ec")),
        (erasure_coded(), (None, None), ("gw-metadata", "gw")),
        (erasure_coded(ec_rbd_metadata_pool="meta"), (None, None), ("meta", "gw")),
        (erasure_coded(), ("other", None), ("other", None)),
    ],
)
def test_pools_of_a_target_named_ones_before_those_of_the_options(settings, named, pools):
    assert options.target_pools(settings, "gw", *named) == pools


@pytest.mark.parametrize(("loglevel", "level"), [(0, 30), (1, 20), (20, 20)])
def test_the_daemons_level_is_a_number_and_never_debug(loglevel, level):
    assert options.logger_level(config(loglevel=loglevel)) == level


def test_monitors_are_chosen_by_network():
    addresses = ["10.1.0.2", "10.0.0.1", "[fd00::1]"]
    assert options.monitors(config(), addresses) == sorted(addresses)
    chosen = options.monitors(config(ceph_public_network="10.0.0.0/24 fd00::/64"), addresses)
    assert chosen == ["10.0.0.1", "[fd00::1]"]


#: Options of the operator-framework charm with their defaults, "" where it has none.
REFERENCE = {
    **dict.fromkeys(("source", "key", "rbd-pool-name", "ceph-public-network"), ""),
    **{"gateway-metadata-pool": "iscsi", "pool-type": "replicated"},
    **{"ceph-osd-replication-count": 3, "ceph-pool-weight": 5, "ec-rbd-metadata-pool": ""},
    **{"ec-profile-name": "", "ec-profile-k": 1, "ec-profile-m": 2, "ec-profile-locality": ""},
    **{"ec-profile-crush-locality": "", "ec-profile-durability-estimator": ""},
    **{"ec-profile-helper-chunks": "", "ec-profile-scalar-mds": ""},
    **{"ec-profile-plugin": "jerasure", "ec-profile-technique": "", "ec-profile-device-class": ""},
    **{f"bluestore-compression-{key}": "" for key in ("algorithm", "mode", "required-ratio")},
    **{f"bluestore-compression-min-blob-size{medium}": "" for medium in ("", "-hdd", "-ssd")},
    **{f"bluestore-compression-max-blob-size{medium}": "" for medium in ("", "-hdd")},
    **{"loglevel": 1, "use-syslog": False, "prefer-ipv6": False},
}


def test_every_option_of_the_reference_is_there_with_its_default():
    defaults = {name: "" if value is None else value for name, value in DEFAULTS.items()}
    assert {name: defaults.pop(name, "missing") for name in REFERENCE} == REFERENCE
    assert defaults == {"bluestore-compression-max-blob-size-ssd": "", "manage-hosts-file": True}
