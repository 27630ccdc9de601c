"""Between ticks: the next one is brought forward for online pods that wait, for as long as that helps."""

from __future__ import annotations

from bridge.controller.loop import HURRY_FOR_S, HURRY_S, Hurry

NOBODY = frozenset[str]()
WEB = frozenset({"shop/web-1"})


def test_nobody_waits() -> None:
    assert not Hurry().is_due(NOBODY, 100.0, 0.0)


def test_who_waits_brings_the_next_tick_forward_but_not_at_once_after_the_last() -> None:
    hurry = Hurry()
    assert not hurry.is_due(WEB, 10.0, 10.0 - HURRY_S / 2)
    assert hurry.is_due(WEB, 10.0 + HURRY_S, 10.0 - HURRY_S / 2)


def test_pods_that_nothing_helps_are_not_hurried_for_ever_and_others_are() -> None:
    hurry = Hurry()
    assert hurry.is_due(WEB, 50.0, 0.0)
    assert not hurry.is_due(WEB, 50.0 + HURRY_FOR_S, 0.0)
    assert hurry.is_due(WEB | {"shop/web-2"}, 51.0 + HURRY_FOR_S, 0.0)
