"""The charm's options: checked in one place before anything acts on them, and what they mean."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Config = Mapping[str, Any]

REPLICATED = "replicated"
ERASURE_CODED = "erasure-coded"

# Numeric values of Python's logging. The daemons' DEBUG (10) is out of reach on purpose: at that
# level rbd-target-api writes CHAP secrets into its log.
WARNING, INFO = 30, 20

_POOL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TECHNIQUES = {
    "jerasure": (
        "reed_sol_van",
        "reed_sol_r6_op",
        "cauchy_orig",
        "cauchy_good",
        "liberation",
        "blaum_roth",
        "liber8tion",
    ),
    "isa": ("reed_sol_van", "cauchy"),
    "shec": ("single", "multiple"),
    "lrc": (),
    "clay": (
        "reed_sol_van",
        "reed_sol_r6_op",
        "cauchy_orig",
        "cauchy_good",
        "liber8tion",
        "cauchy",
        "single",
        "multiple",
    ),
}
# Techniques that know exactly two coding chunks.
_RAID6 = ("reed_sol_r6_op", "liberation", "blaum_roth", "liber8tion")
_SIZES = [
    f"bluestore-compression-{bound}-blob-size{medium}"
    for bound in ("min", "max")
    for medium in ("", "-hdd", "-ssd")
]


class InvalidOption(ValueError):
    """An option's value that is not allowed; ``str()`` names option, value and what is allowed."""

    def __init__(self, option: str, value: Any, allowed: str):
        super().__init__(f"{option}={value}, allowed: {allowed}")


def check(config: Config) -> None:
    """Check all options.

    :raises InvalidOption: for the first one, by name, whose value is not allowed
    """
    for error in sorted(_errors(config), key=str):
        raise error


def _errors(config: Config) -> Iterator[InvalidOption]:
    def given(option: str) -> bool:
        return config.get(option) not in (None, "")

    def one_of(option: str, *values: str) -> Iterator[InvalidOption]:
        if given(option) and config[option] not in values:
            yield InvalidOption(option, config[option], ", ".join(values))

    def within(option: str, low: float, high: float, what: str = "") -> Iterator[InvalidOption]:
        if given(option) and not low <= config[option] <= high:
            rule = what or f"{low} to {high}"
            yield InvalidOption(option, config[option], rule)

    yield from one_of("pool-type", REPLICATED, ERASURE_CODED)
    yield from within("ceph-osd-replication-count", 1, 10)
    yield from within("ceph-pool-weight", 1, 100)
    yield from within("loglevel", 0, 20)
    for option in ("gateway-metadata-pool", "rbd-pool-name", "ec-rbd-metadata-pool"):
        if given(option) and not _POOL_NAME.fullmatch(config[option]):
            yield InvalidOption(option, config[option], "letters, digits, '.', '_' and '-'")
    if not given("gateway-metadata-pool"):
        yield InvalidOption("gateway-metadata-pool", "", "a pool's name")
    yield from _networks(config)
    yield from one_of("bluestore-compression-algorithm", "lz4", "snappy", "zlib", "zstd")
    yield from one_of("bluestore-compression-mode", "none", "passive", "aggressive", "force")
    yield from within("bluestore-compression-required-ratio", 0, 1)
    for option in _SIZES:
        yield from within(option, 0, float("inf"), "0 or a number of bytes")
    if config.get("pool-type") == ERASURE_CODED:
        yield from _profile_errors(config, one_of, within)


def _networks(config: Config) -> Iterator[InvalidOption]:
    for network in (config.get("ceph-public-network") or "").split():
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield InvalidOption("ceph-public-network", network, "networks such as 10.0.0.0/24")


def _profile_errors(
    config: Config,
    one_of: Callable[..., Iterator[InvalidOption]],
    within: Callable[..., Iterator[InvalidOption]],
) -> Iterator[InvalidOption]:
    plugin = config["ec-profile-plugin"]
    technique = config.get("ec-profile-technique")
    yield from one_of("ec-profile-plugin", *_TECHNIQUES)
    if techniques := _TECHNIQUES.get(plugin):
        yield from one_of("ec-profile-technique", *techniques)
    k, m = config["ec-profile-k"], config["ec-profile-m"]
    yield from within("ec-profile-k", 2, 32, "2 to 32 with pool-type=erasure-coded")
    if technique in _RAID6:
        yield from within("ec-profile-m", 2, 2, f"2 with ec-profile-technique={technique}")
    yield from within("ec-profile-m", 1, 32)
    if plugin == "lrc":
        locality = config.get("ec-profile-locality") or 0
        # Each set gets as many data chunks as any other, and as many coding chunks.
        if locality < 1 or (k + m) % locality or k % (sets := (k + m) // locality) or m % sets:
            rule = f"a divisor of k+m={k + m} by which k={k} and m={m} fall into equal sets"
            yield InvalidOption("ec-profile-locality", locality or "", f"{rule} (plugin lrc)")
    if plugin == "shec":
        # Ceph takes k, m and c all three or none.
        estimator = config.get("ec-profile-durability-estimator") or ""
        if not estimator or not 1 <= estimator <= m:
            rule = f"1 to m={m} (plugin shec)"
            yield InvalidOption("ec-profile-durability-estimator", estimator, rule)
        yield from within("ec-profile-m", 1, k, f"1 to k={k} (plugin shec)")
        yield from within("ec-profile-k", 2, 12, "2 to 12 (plugin shec)")
    if plugin == "clay":
        rule = f"k+1={k + 1} to k+m-1={k + m - 1} (plugin clay)"
        yield from within("ec-profile-helper-chunks", k + 1, k + m - 1, rule)
        yield from one_of("ec-profile-scalar-mds", "jerasure", "isa", "shec")


def data_pool(config: Config, application: str) -> str:
    """Name of the pool that holds the images' data."""
    return config.get("rbd-pool-name") or application


def metadata_pool(config: Config, application: str) -> str:
    """Name of the replicated pool that holds images whose data lie in an erasure-coded pool."""
    return config.get("ec-rbd-metadata-pool") or f"{application}-metadata"


def target_pools(
    config: Config, application: str, rbd_pool: str | None, ec_metadata_pool: str | None
) -> tuple[str, str | None]:
    """Pools of a new target: what an action names goes before what the options say.

    :returns: the pool that the image is in, and the one for its data if that is another
    """
    if ec_metadata_pool:
        return ec_metadata_pool, rbd_pool or data_pool(config, application)
    if rbd_pool:
        return rbd_pool, None
    if config.get("pool-type") == ERASURE_CODED:
        return metadata_pool(config, application), data_pool(config, application)
    return data_pool(config, application), None


def logger_level(config: Config) -> int:
    """The daemons' log level as a number, which is the only form that they don't ignore."""
    return INFO if config["loglevel"] else WARNING


def monitors(config: Config, addresses: list[str]) -> list[str]:
    """Addresses of the monitors to use: those in ``ceph-public-network``, all if that is unset."""
    networks = [
        ipaddress.ip_network(network, strict=False)
        for network in (config.get("ceph-public-network") or "").split()
    ]
    return sorted(
        address
        for address in addresses
        if not networks
        or any(ipaddress.ip_address(address.strip("[]")) in network for network in networks)
    )
