"""What people see: frames that fit the terminal, and plain lines where there is none."""

from io import StringIO

import pytest
from rich.console import Console

from bridge.cli import words
from bridge.demo import say, view
from bridge.demo.moment import Phase
from tests.demo.stretch import STRETCH, Played, Printed

WORDS = say.Words(reason=words.reason, limit=words.limit, gap=words.gap)


def lines_of(played: Played, phase: Phase, screen: view.Screen) -> list[str]:
    last = max(number for number, moment in enumerate(played.moments) if moment.phase is phase)
    console = Console(file=StringIO(), width=screen.columns, no_color=not screen.has_colour, force_terminal=False)
    with console.capture() as shown:
        console.print(view.frame(STRETCH, played.moments[: last + 1], screen, WORDS))
    return shown.get().splitlines()


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize(
    "screen",
    [
        view.Screen(columns=100, lines=30, has_colour=True),
        view.Screen(columns=80, lines=24, has_colour=False),
        view.Screen(columns=200, lines=60, has_colour=True),
    ],
    ids=["100x30", "80x24", "200x60"],
)
def test_a_frame_fits_the_screen(played: Played, phase: Phase, screen: view.Screen) -> None:
    lines = lines_of(played, phase, screen)
    assert len(lines) <= screen.lines
    assert max(map(len, lines)) <= screen.columns


def test_a_frame_says_phase_time_nodes_and_reasons(played: Played) -> None:
    text = "\n".join(lines_of(played, Phase.FORCED, view.Screen(columns=100, lines=30, has_colour=False)))
    assert "window FORCED" in text
    assert "06:28" in text
    assert "✖" in text
    assert "preempted: its deadline is near" in text


@pytest.mark.parametrize("columns", [80, 120])
def test_a_frame_has_a_line_for_each_tenant(played: Played, columns: int) -> None:
    lines = lines_of(played, Phase.OPEN, view.Screen(columns=columns, lines=24, has_colour=False))
    for name in ("ads", "etl"):
        (line,) = (line for line in lines if line.startswith(f"   {name} "))
        assert "YARN" in line
        assert "target" in line
        assert "borrows" in line
        assert "…" not in line


def test_without_colours_the_layers_have_different_shades(played: Played) -> None:
    text = "\n".join(lines_of(played, Phase.CLOSED, view.Screen(columns=100, lines=30, has_colour=False)))
    assert "░ online" in text
    assert "▓ tenants' pods  █ lent, in use" in text


def test_without_a_terminal_a_line_an_hour_is_printed(printed: Printed) -> None:
    lines = printed.text.splitlines()
    assert lines[0].startswith("Tue 05:00  window open")
    assert lines[1].startswith("Tue 06:00  window lead")
    assert lines[2].startswith(" 144 ┤")
    assert "\x1b" not in printed.text
    assert any(line.startswith("deadlines") for line in lines)
