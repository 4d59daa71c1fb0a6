"""What the demo tells where there is no terminal: plain lines, each thing once."""

import io

import pytest
from juju_lab.demo.progress import Story
from rich.console import Console


@pytest.fixture
def story():
    return Story(Console(file=io.StringIO(), width=40))


def told(story):
    return story.console.file.getvalue().splitlines()


def test_a_step_is_told_when_it_begins_and_when_it_is_done(story):
    with story.step("Deploy"):
        assert told(story) == ["... Deploy"]
    assert len(told(story)) == 2
    assert told(story)[1].endswith(" s  Deploy")


def test_a_detail_is_told_when_it_is_new(story):
    with story.step("Wait"):
        for lines in (("a: booting", "b: booting"), ("a: booting", "b: ready"), ()):
            story.detail(*lines)
    details = [line.strip() for line in told(story)[1:-1]]
    assert details == ["a: booting", "b: booting", "b: ready"]


def test_a_terminal_sees_step_clock_and_details():
    console = Console(file=io.StringIO(), width=40, force_terminal=True)
    story = Story(console)
    with story.step("Wait"):
        story.detail("a: booting", "b: " + "very " * 20 + "long")
    text = console.file.getvalue()
    assert "Wait  0 s" in text
    assert "a: booting" in text
    assert "…" in text


def test_a_step_that_fails_is_not_told_as_done(story):
    with pytest.raises(RuntimeError), story.step("Deploy"):
        raise RuntimeError
    assert told(story) == ["... Deploy"]
    assert story.step_name == "Deploy"


def test_output_of_commands_is_not_wrapped_or_interpreted(story):
    line = "[bold]mpatha[/bold] (36001) dm-0 LIO-ORG,TCMU device and much more of it"
    story.show(line)
    assert told(story) == [line]
