import gc
from collections.abc import Iterator

import pytest

from k8s_pool.collector import Collector


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    gc.enable()


def test_stays_out_until_the_last_reader_is_done() -> None:
    collector = Collector()
    first, second = collector.kept_out(), collector.kept_out()
    seen = []
    with second:
        first.__enter__()
        seen.append(gc.isenabled())
    seen.append(gc.isenabled())
    first.__exit__(None, None, None)
    assert [*seen, gc.isenabled()] == [False, False, True]


def test_comes_back_when_a_list_breaks_off() -> None:
    collector = Collector()
    with pytest.raises(ValueError, match="broken"), collector.kept_out():
        raise ValueError("broken")
    assert gc.isenabled()


def test_is_not_switched_on_where_somebody_has_switched_it_off() -> None:
    gc.disable()
    with Collector().kept_out():
        pass
    assert not gc.isenabled()
