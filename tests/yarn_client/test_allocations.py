"""FairScheduler's allocation file: only what is ours changes, and a broken file says where."""

import stat
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarn_client import (
    AllocationFile,
    AllocationsChanged,
    AllocationsUnreachable,
    BadAllocations,
    FairChange,
    FairQueue,
    YarnResource,
    read_allocations,
    replace_allocations,
)
from yarn_client.allocations import parse_resources

WRITTEN = b"""<?xml version="1.0"?>
<!-- Kept by the platform team. -->
<allocations>
    <queue name='ads'   type="parent" >
        <weight> 2.0 </weight><!-- since May -->
        <minResources>1024 mb, 3 vcores</minResources>
        <aclSubmitApps>x &lt; y</aclSubmitApps>
        <pool name="etl"/>
    </queue>
    <queue name="web"></queue>
    <unheardOf a="1>2"/>
</allocations>
<!-- the end -->
"""
ALL = FairChange(
    minimum=YarnResource(memory_mib=512, vcores=1),
    maximum=YarnResource(memory_mib=4096, vcores=8),
    weight=Decimal("1.5"),
)


def changed(content: bytes, **change_by_name: FairChange) -> str:
    changes = {f"root.{name.replace('_', '.')}": change for name, change in change_by_name.items()}
    return AllocationFile.parse(content).changed(changes).content.decode()


def weighing(weight: str) -> FairChange:
    return FairChange(weight=Decimal(weight))


def test_queues_are_read_with_their_paths() -> None:
    assert AllocationFile.parse(WRITTEN).queues == (
        FairQueue(path="root.ads", line=4, min_resources="1024 mb, 3 vcores", weight=Decimal("2.0")),
        FairQueue(path="root.ads.etl", line=8),
        FairQueue(path="root.web", line=10),
    )


def test_a_root_of_its_own_is_no_second_root() -> None:
    content = b'<allocations><queue name="root"><weight>3</weight><queue name="a"/></queue></allocations>'
    assert [queue.path for queue in AllocationFile.parse(content).queues] == ["root", "root.a"]


def test_one_value_changes_and_all_else_stays() -> None:
    expected = WRITTEN.decode().replace("> 2.0 <", "> 3 <")
    assert changed(WRITTEN, ads=weighing("3")) == expected


def test_what_is_missing_goes_in_front_indented_as_its_siblings() -> None:
    content = WRITTEN.decode()
    expected = content.replace(
        """type="parent" >\n""", """type="parent" >\n        <maxResources>64 mb, 1 vcores</maxResources>\n"""
    )
    assert changed(WRITTEN, ads=FairChange(maximum=YarnResource(memory_mib=64, vcores=1))) == expected


def test_an_empty_queue_is_opened() -> None:
    text = changed(WRITTEN, ads_etl=ALL)
    assert (
        """        <pool name="etl">
          <minResources>512 mb, 1 vcores</minResources>
          <maxResources>4096 mb, 8 vcores</maxResources>
          <weight>1.5</weight>
        </pool>
"""
        in text
    )


def test_a_queue_without_content_is_filled() -> None:
    assert """    <queue name="web">
      <weight>4</weight>
    </queue>
""" in changed(WRITTEN, web=weighing("4"))


def test_a_missing_queue_is_added_with_those_above_it() -> None:
    assert """    <unheardOf a="1>2"/>
    <queue name="new">
      <queue name="sub">
        <weight>1</weight>
      </queue>
    </queue>
</allocations>
""" in changed(WRITTEN, new_sub=weighing("1"))


def test_a_missing_queue_goes_into_the_roots_own_element() -> None:
    content = b'<allocations>\n  <queue name="root">\n    <queue name="a"/>\n  </queue>\n</allocations>\n'
    assert changed(content, b=weighing("2")) == (
        '<allocations>\n  <queue name="root">\n    <queue name="a"/>\n'
        '    <queue name="b">\n      <weight>2</weight>\n    </queue>\n  </queue>\n</allocations>\n'
    )


def test_line_ends_stay_what_they_are() -> None:
    content = WRITTEN.replace(b"\n", b"\r\n")
    text = changed(content, web=ALL, ads=ALL, new=ALL)
    assert text.count("\n") == text.count("\r\n")


def test_a_file_on_one_line_can_be_changed() -> None:
    content = b'<allocations><queue name="a"/></allocations>'
    assert AllocationFile.parse(changed(content, a=ALL, b=ALL).encode()).queue("root.b") is not None


@pytest.mark.parametrize(
    "content", [b"<allocations/>", b"<allocations></allocations>", b"<allocations>\n</allocations>"]
)
def test_an_empty_file_takes_queues(content: bytes) -> None:
    queue = AllocationFile.parse(changed(content, a=ALL).encode()).queue("root.a")
    assert queue is not None
    assert (queue.minimum, queue.maximum, queue.weight) == (ALL.minimum, ALL.maximum, ALL.weight)


@pytest.mark.parametrize(
    "change",
    [
        FairChange(),
        weighing("2"),
        weighing("2.000"),
        FairChange(minimum=YarnResource(memory_mib=1024, vcores=3)),
    ],
)
def test_what_is_so_already_stays_byte_by_byte(change: FairChange) -> None:
    file = AllocationFile.parse(WRITTEN)
    assert file.changed({"root.ads": change}) is file


WEIGHTS = st.dictionaries(
    st.sampled_from(["root.ads", "root.web", "root.ads.etl", "root.new", "root.new.sub"]),
    st.builds(FairChange, weight=st.decimals(0, 1000, places=3)),
)


@given(WEIGHTS)
def test_what_was_set_is_read_and_setting_it_again_changes_nothing(changes: dict[str, FairChange]) -> None:
    file = AllocationFile.parse(WRITTEN).changed(changes)
    weights = {queue.path: queue.weight for queue in file.queues}
    assert {path: weights[path] for path in changes} == {path: change.weight for path, change in changes.items()}
    assert file.changed(changes) is file
    assert b"<!-- since May -->" in file.content


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1024 mb, 3 vcores", YarnResource(memory_mib=1024, vcores=3)),
        ("1024MB,3VCores", YarnResource(memory_mib=1024, vcores=3)),
        ("vcores=3, memory-mb=1024", YarnResource(memory_mib=1024, vcores=3)),
        ("50%", None),
        ("vcores=3, memory-mb=50%", None),
        ("vcores=3, memory-mb=10, yarn.io/gpu=1", None),
        ("", None),
    ],
)
def test_amounts_are_read_in_both_forms(text: str, expected: YarnResource | None) -> None:
    assert parse_resources(text) == expected


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        pytest.param(b"<allocations>\n<queue>\n", 3, "no XML", id="not closed"),
        pytest.param(b"", 1, "no XML", id="empty"),
        pytest.param(b"\n<configuration/>", 2, "root", id="another root"),
        pytest.param(b"<allocations>\n<queue/></allocations>", 2, "without a name", id="no name"),
        pytest.param(
            b'<allocations>\n<queue name="a"/>\n<queue name="a"/></allocations>', 3, "twice", id="one path twice"
        ),
        pytest.param(b'<allocations>\n<queue name="a.b"/></allocations>', 2, "nest", id="a dot in a name"),
        pytest.param(
            b'<allocations><queue name="a"/>\n<queue name="root"/></allocations>', 2, "beside root", id="beside root"
        ),
        pytest.param(
            b'<allocations><queue name="a">\n<weight>heavy</weight></queue></allocations>', 2, "weight", id="no weight"
        ),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY x "y">]>\n<allocations/>', 1, "document type", id="entities could grow without end"
        ),
        pytest.param(b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<allocations/>', 1, "UTF-8", id="another encoding"),
        pytest.param("\ufeff<allocations/>".encode("utf-16-le"), 1, "UTF-8", id="two bytes a character"),
    ],
)
def test_a_file_that_is_none_says_where(content: bytes, line: int, why: str) -> None:
    with pytest.raises(BadAllocations, match=why) as caught:
        AllocationFile.parse(content)
    assert caught.value.line == line


def test_a_value_that_is_more_than_text_is_left_alone() -> None:
    content = b'<allocations><queue name="a">\n<weight><!-- ! -->1</weight></queue></allocations>'
    with pytest.raises(BadAllocations, match="plain text") as caught:
        changed(content, a=weighing("2"))
    assert caught.value.line == 2


@pytest.mark.parametrize("weight", ["-1", "NaN", "Infinity"])
def test_a_weight_that_would_starve_the_queue_is_refused(weight: str) -> None:
    with pytest.raises(ValueError, match="no weight"):
        FairChange(weight=Decimal(weight))


def test_a_negative_amount_is_refused() -> None:
    """The RM would ignore the whole file."""
    with pytest.raises(ValueError, match="negative"):
        FairChange(maximum=YarnResource(memory_mib=-1, vcores=1))


def test_a_path_starts_at_the_root() -> None:
    with pytest.raises(ValueError, match="root"):
        AllocationFile.parse(WRITTEN).changed({"ads": weighing("1")})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "fair-scheduler.xml"
    path.write_bytes(WRITTEN)
    path.chmod(0o640)
    return path


def test_a_file_is_replaced_whole_with_its_mode(place: Path) -> None:
    old = read_allocations(place)
    new = old.changed({"root.ads": weighing("7")})
    before = place.stat()
    assert replace_allocations(place, old, new)
    after = place.stat()
    assert read_allocations(place) == new
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (0o640, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino
    assert list(place.parent.iterdir()) == [place]


def test_without_a_change_nothing_is_written(place: Path) -> None:
    old = read_allocations(place)
    before = place.stat()
    assert not replace_allocations(place, old, old)
    assert place.stat() == before


def test_a_link_stays_a_link(place: Path) -> None:
    link = place.with_name("link.xml")
    link.symlink_to(place)
    old = read_allocations(link)
    assert replace_allocations(link, old, old.changed({"root.web": ALL}))
    assert link.is_symlink()
    assert read_allocations(place).queue("root.web") == read_allocations(link).queue("root.web")


def test_another_hands_change_in_between_is_not_lost(place: Path) -> None:
    old = read_allocations(place)
    place.write_bytes(WRITTEN.replace(b"2.0", b"9.0"))
    with pytest.raises(AllocationsChanged):
        replace_allocations(place, old, old.changed({"root.ads": weighing("7")}))
    assert b"9.0" in place.read_bytes()


def test_a_file_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(AllocationsUnreachable, match="No such file"):
        read_allocations(tmp_path / "absent.xml")
