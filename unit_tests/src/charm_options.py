"""The charm's options with their defaults, and some changed."""

from pathlib import Path

import yaml

SRC = Path(__file__).resolve().parents[2] / "src"
DEFAULTS = {
    name: option.get("default")
    for name, option in yaml.safe_load((SRC / "config.yaml").read_text())["options"].items()
}


def config(**changes):
    return {**DEFAULTS, **{name.replace("_", "-"): value for name, value in changes.items()}}


def erasure_coded(**changes):
    return config(**{"pool_type": "erasure-coded", "ec_profile_k": 2} | changes)
