"""One recorded day in a minute: the real controller on a simulated world over loopback HTTP, shown and summed up."""

from bridge.demo.day import Day
from bridge.demo.moment import Moment
from bridge.demo.play import Play, play_without, playing
from bridge.demo.report import Report, make_report

__all__ = ["Day", "Moment", "Play", "Report", "make_report", "play_without", "playing"]
