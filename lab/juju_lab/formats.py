"""How values are printed: Juju's `smart`, `json` and `yaml`, byte for byte as Go would."""

import json
from typing import Any

import yaml

_GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028"}


def to_json(value: Any) -> str:
    """One line of JSON, without the newline; `<`, `>` and `&` escaped as Go's encoder does."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    for character, escape in _GO_ESCAPES.items():
        text = text.replace(character, escape)
    return text


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """Strings of several lines in block style, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _string)


def to_yaml(value: Any) -> str:
    """A YAML document with its final newline."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=2**16
    )
    return text.removesuffix("...\n")


def to_smart(value: Any) -> str:
    """What a hook tool prints by default: nothing at all for null and the empty string."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return f"{value}\n"
    if isinstance(value, bool):
        return f"{value}\n"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "".join(f"{item}\n" for item in value)
    return to_yaml(value)


def render(value: Any, style: str) -> str:
    """`value` in the named style, ready to be written; `style` is smart, json or yaml."""
    if style == "json":
        return f"{to_json(value)}\n"
    if style == "yaml":
        return "" if value is None else to_yaml(value)
    return to_smart(value)
