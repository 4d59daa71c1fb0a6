"""layer:options."""

import pytest
from charms.layer import options


@pytest.fixture(autouse=True)
def layer_yaml(tmp_path):
    options._load.cache_clear()
    (tmp_path / "layer.yaml").write_text(
        "includes: ['layer:basic']\noptions: {basic: {packages: [], use_venv: true}, other: {}}\n"
    )


def test_all_of_a_section_or_one_of_it():
    assert options.get("basic") == {"packages": [], "use_venv": True}
    assert options.get("basic", "use_venv") is True


def test_without_a_section_all_options_of_all_layers():
    assert options.get() == {"basic": {"packages": [], "use_venv": True}, "other": {}}


def test_what_does_not_exist_is_empty_or_none():
    assert options.get("unheard-of") == {}
    assert options.get("basic", "unheard-of") is None
    assert options.get("basic", layer_file="no-such.yaml") == {}


def test_an_option_needs_its_section():
    with pytest.raises(ValueError, match="section"):
        options.get(option="use_venv")
