"""Values that users set: charm options, model configuration, constraints."""

from collections.abc import Mapping
from typing import Any

import yaml

from juju_lab import durations
from juju_lab.controller.charmdir import Charm
from juju_lab.errors import JujuError

_MEMORY = {"M": 1, "G": 1024, "T": 1024 * 1024}
_KINDS = {"container": "container", "qemu": "qemu", "uml": "uml", "virtual-machine": "uml"}
_CONSTRAINTS = (
    "allocate-public-ip",
    "arch",
    "container",
    "cores",
    "cpu-cores",
    "cpu-power",
    "image-id",
    "instance-role",
    "instance-type",
    "mem",
    "root-disk",
    "root-disk-source",
    "spaces",
    "tags",
    "virt-type",
    "zones",
)
DEFAULT_MEMORY_MIB = 1024

MODEL_DEFAULTS: dict[str, Any] = {
    "automatically-retry-hooks": True,
    "default-base": "",
    "ftp-proxy": "",
    "http-proxy": "",
    "https-proxy": "",
    "juju-ftp-proxy": "",
    "juju-http-proxy": "",
    "juju-https-proxy": "",
    "juju-no-proxy": "127.0.0.1,localhost,::1",
    "logging-config": "<root>=INFO",
    "no-proxy": "127.0.0.1,localhost,::1",
    "test-mode": False,
    "update-status-hook-interval": "5m",
}


def typed_option(charm: Charm, name: str, value: Any) -> Any:
    """`value`, text from a command line or a YAML value, as the option's type has it.

    Raises JujuError when there is no such option or the value does not fit.
    """
    option = charm.options.get(name)
    if option is None:
        raise JujuError(f'parsing settings for application: unknown option "{name}"')
    kind = option.get("type", "string")
    if kind in ("string", "secret"):
        return value if isinstance(value, str) else _as_text(value)
    number = yaml.safe_load(value) if isinstance(value, str) and value else value
    if kind == "boolean" and isinstance(number, bool):
        return number
    if kind == "int" and isinstance(number, int) and not isinstance(number, bool):
        return number
    if kind == "float" and isinstance(number, int | float) and not isinstance(number, bool):
        return float(number)
    raise JujuError(f'option "{name}" expected {kind}, got "{value}"')


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def model_value(name: str, value: str) -> Any:
    """A model configuration value from its text; JujuError when it does not fit."""
    default = MODEL_DEFAULTS.get(name, "")
    if isinstance(default, bool):
        if value.lower() not in ("true", "false"):
            raise JujuError(f'{name}: expected bool, got string("{value}")')
        return value.lower() == "true"
    if name.endswith("-interval"):
        try:
            durations.parse(value)
        except ValueError as error:
            raise JujuError(f"invalid {name} in model configuration: {error}") from None
    return value


def constraints(words: Mapping[str, str]) -> dict[str, str]:
    """Checked constraints; JujuError for one that Juju does not have or a wrong value."""
    for name, value in words.items():
        if name not in _CONSTRAINTS:
            raise JujuError(f'unknown constraint "{name}"')
        if name == "mem":
            memory_mib(words)
        if name == "virt-type" and value not in _KINDS:
            raise JujuError(
                f"invalid constraint value: virt-type={value}\n"
                f"valid values are: {', '.join(_KINDS)}"
            )
    return dict(words)


def memory_mib(words: Mapping[str, str]) -> int:
    """The memory that constraints ask for."""
    text = words.get("mem")
    if not text:
        return DEFAULT_MEMORY_MIB
    number, unit = (text[:-1], text[-1]) if text[-1] in _MEMORY else (text, "M")
    try:
        return max(256, int(float(number) * _MEMORY[unit]))
    except ValueError:
        raise JujuError(
            'bad "mem" constraint: must be a non-negative float with optional M/G/T suffix'
        ) from None


def kind(words: Mapping[str, str]) -> str:
    """The kind of host that constraints ask for."""
    return _KINDS[words.get("virt-type", "uml")]
