"""The exclude file: what is ours is put in and taken out, what is others' stays as it is."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from yarn_client import exclude_file
from yarn_client.errors import BadExcludeFile, ExcludeFileUnreachable
from yarn_client.exclude_file import Excluded, changed, exclude, parse, read_excluded, readmit

OTHERS = b"""<?xml version="1.0"?>
<!-- the rack that is being rebuilt -->
<hosts>
  <host><name>rack-7-a, rack-7-b</name><timeout>-1</timeout></host>
  <host> <name>old-1</name> </host>
</hosts>
<!-- end -->
"""
OTHER_HOSTS = frozenset({"rack-7-a", "rack-7-b", "old-1"})
LINES = b"# the rack that is being rebuilt\nrack-7-a rack-7-b # both\nold-1"


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "content"), [("exclude.xml", OTHERS), ("exclude", LINES)])
def test_what_was_put_in_is_read_and_taken_out_again_to_the_byte(tmp_path: Path, name: str, content: bytes) -> None:
    path = written(tmp_path, name, content)
    timeouts = {"10.0.0.1": 90, "fd00::1": 5}
    assert exclude(path, timeouts)
    seen = timeouts if name == "exclude.xml" else dict.fromkeys(timeouts)
    assert read_excluded(path) == Excluded(seen, OTHER_HOSTS)
    assert readmit(path, frozenset(timeouts))
    assert path.read_bytes().strip() == content.strip()


@pytest.mark.parametrize("content", [b"", b"<hosts/>\n", b"<hosts></hosts>", b"<?xml version='1.0'?>\n<hosts />"])
def test_an_empty_file_takes_a_host(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, "exclude.xml", content)
    exclude(path, {"10.0.0.1": 90})
    assert read_excluded(path) == Excluded({"10.0.0.1": 90}, frozenset())


def test_the_xml_is_what_the_resourcemanager_reads() -> None:
    assert changed(b"<hosts/>\n", add={"10.0.0.1": 90}, remove=frozenset(), is_xml=True) == (
        b"<hosts>\n  <host><name>10.0.0.1</name><timeout>90</timeout><by>tidebridge</by></host>\n</hosts>\n"
    )


def test_a_new_timeout_replaces_the_old_one(tmp_path: Path) -> None:
    path = written(tmp_path, "exclude.xml", OTHERS)
    exclude(path, {"10.0.0.1": 90})
    exclude(path, {"10.0.0.1": 30})
    assert read_excluded(path).ours == {"10.0.0.1": 30}


@pytest.mark.parametrize(("name", "content"), [("exclude.xml", OTHERS), ("exclude", LINES)])
def test_a_host_of_another_hand_is_neither_changed_nor_taken_out(tmp_path: Path, name: str, content: bytes) -> None:
    path = written(tmp_path, name, content)
    assert not exclude(path, {"old-1": 5})
    assert not readmit(path, frozenset({"old-1", "rack-7-a"}))
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["exclude.xml", "exclude"])
def test_nothing_is_written_when_nothing_changes(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, b"")
    exclude(path, {"10.0.0.1": 90, "10.0.0.2": 90})
    inode = path.stat().st_ino
    assert not exclude(path, {"10.0.0.1": 90})
    assert not readmit(path, frozenset({"10.0.0.3"}))
    assert path.stat().st_ino == inode


def test_a_replaced_file_keeps_its_mode_its_link_and_leaves_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = written(tmp_path / "real", "exclude.xml", OTHERS)
    path.chmod(0o640)
    link = tmp_path / "exclude.xml"
    link.symlink_to(path)
    inode = path.stat().st_ino
    exclude(link, {"10.0.0.1": 90})
    assert link.is_symlink()
    assert path.stat().st_ino != inode
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "is_xml"),
    [
        pytest.param(b"<hosts><host>", True, id="cut short"),
        pytest.param(b"old-1\n", True, id="lines in an XML file"),
        pytest.param(b"<configuration/>", True, id="another document"),
        pytest.param(b'<!DOCTYPE hosts [<!ENTITY a "b">]><hosts/>', True, id="entities"),
        pytest.param(b'<?xml version="1.0" encoding="nothing"?><hosts/>', True, id="an encoding nobody knows"),
        pytest.param(b"\xff\xfe\x00", False, id="no text"),
        pytest.param(b"<hosts/>", False, id="XML in a plain file"),
        pytest.param(
            b"<hosts><!--<host><name>a</name><timeout>1</timeout><by>tidebridge</by></host>--></hosts>",
            True,
            id="an entry of ours that is commented out",
        ),
    ],
)
def test_a_file_that_cant_be_understood_is_refused(content: bytes, is_xml: bool) -> None:
    with pytest.raises(BadExcludeFile):
        parse(content, is_xml=is_xml)


def test_a_refused_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, "exclude.xml", b"<hosts><host>")
    with pytest.raises(BadExcludeFile):
        exclude(path, {"10.0.0.1": 1})
    assert path.read_bytes() == b"<hosts><host>"


def test_a_file_that_isnt_there_is_said_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ExcludeFileUnreachable, match="No such file"):
        exclude(tmp_path / "exclude.xml", {"10.0.0.1": 1})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["", "a b", "a</name>", "a,b", "#a", "a\n"])
def test_a_host_that_would_be_read_as_something_else_is_a_bug_of_the_caller(host: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        changed(b"", add={host: 1}, remove=frozenset(), is_xml=False)


def test_what_another_hand_writes_meanwhile_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "exclude.xml", OTHERS)
    changed_by_us = exclude_file.changed
    theirs = iter([b"<hosts>\n  <host><name>new-1</name></host>\n</hosts>\n"])

    def overtaken(*arguments: Any, **more: Any) -> bytes:
        found = changed_by_us(*arguments, **more)
        for content in theirs:
            path.write_bytes(content)
        return found

    monkeypatch.setattr(exclude_file, "changed", overtaken)
    assert exclude(path, {"10.0.0.1": 90})
    assert read_excluded(path) == Excluded({"10.0.0.1": 90}, frozenset({"new-1"}))


def test_a_file_that_is_written_all_the_time_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "exclude.xml", OTHERS)
    changed_by_us, times = exclude_file.changed, itertools.count()

    def overtaken(*arguments: Any, **more: Any) -> bytes:
        path.write_bytes(OTHERS + f"<!-- {next(times)} -->\n".encode())
        return changed_by_us(*arguments, **more)

    monkeypatch.setattr(exclude_file, "changed", overtaken)
    with pytest.raises(ExcludeFileUnreachable, match="all the time"):
        exclude(path, {"10.0.0.1": 90})
    assert read_excluded(path).others == OTHER_HOSTS
    assert [entry.name for entry in tmp_path.iterdir()] == ["exclude.xml"], "nothing is left beside it"


def test_pools_of_one_process_write_the_same_file_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "exclude.xml", OTHERS)
    hosts = [f"10.0.0.{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pools:
        assert all(pools.map(lambda host: exclude(path, {host: 90}), hosts))
    assert read_excluded(path) == Excluded(dict.fromkeys(hosts, 90), OTHER_HOSTS)
