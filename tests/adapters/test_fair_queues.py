"""FairScheduler's queues by a real allocation file beside recorded replies of a ResourceManager."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.adapters.fair_queues import FairQueues
from bridge.core.ledger import Side
from bridge.core.resources import Room
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Draft, Wanted
from bridge.ports import NotUnderstood, Rejected, Unavailable
from tests.yarn_client.stub import client_of, recorded

ADS, DEFAULT = Leaf(side=Side.YARN, name="root.ads"), Leaf(side=Side.YARN, name="root.default")
ETL = Leaf(side=Side.YARN, name="root.team.etl")
HALF = Room(cpu_millicores=500, memory_mib=1024)
"""Two vcores: four are a core here."""
FILE = """<?xml version="1.0"?>
<allocations>
  <!-- Whose is what: see the wiki. -->
  <queue name="ads">
    <minResources>vcores=1, memory-mb=512</minResources>
    <weight>3.0</weight>
  </queue>
  <queue name="default"><maxResources>50%</maxResources></queue>
  <userMaxAppsDefault>7</userMaxAppsDefault>
</allocations>
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fair-scheduler.xml"
    path.write_text(FILE, encoding="utf-8")
    return path


def fair(file: Path, reply: str = "scheduler_fair_after") -> FairQueues:
    client, _ = client_of(scheduler=recorded("3.4.2", reply))
    return FairQueues(client, file, vcores_per_core=4.0)


def wanted(*leaves: Leaf, amount: Room = HALF, ceiling: Room | None = None) -> tuple[Wanted, ...]:
    return tuple(Wanted(leaf=leaf, amount=amount, ceiling=ceiling) for leaf in leaves)


def drafted(queues: FairQueues, leaves: tuple[Wanted, ...]) -> Draft:
    (draft,) = queues.drafts(leaves, queues.read(leaves))
    return draft


def test_it_says_whose_and_what_it_is(file: Path) -> None:
    queues = fair(file)
    assert (queues.name, queues.side, queues.is_lagging) == ("yarn-fair", Side.YARN, True)


def test_settings_are_the_files_and_amounts_the_resourcemanagers(file: Path) -> None:
    in_force = fair(file).read(wanted(ADS, DEFAULT))
    assert {leaf: dict(settings) for leaf, settings in in_force.settings.items()} == {
        ADS: {"minResources": "512 mb, 1 vcores"},
        DEFAULT: {"maxResources": "50%"},
    }
    assert dict(in_force.amounts) == {
        ADS: Room(cpu_millicores=250, memory_mib=512),
        DEFAULT: Room(cpu_millicores=0, memory_mib=0),
    }


def test_a_queue_that_the_resourcemanager_doesnt_have_gets_nothing(file: Path) -> None:
    queues, leaves = fair(file), wanted(Leaf(side=Side.YARN, name="root.nowhere"))
    in_force = queues.read(leaves)
    assert (dict(in_force.settings), queues.drafts(leaves, in_force)) == ({}, ())


def test_targets_become_minimum_and_maximum_and_every_other_byte_stays(file: Path) -> None:
    queues = fair(file)
    queues.write(drafted(queues, wanted(ADS, DEFAULT, ceiling=HALF * 2)))
    minimum, maximum = (
        "<minResources>1024 mb, 2 vcores</minResources>",
        "<maxResources>2048 mb, 4 vcores</maxResources>",
    )
    ads = FILE.replace("<minResources>vcores=1, memory-mb=512</minResources>", f"{maximum}\n    {minimum}")
    assert file.read_text(encoding="utf-8") == ads.replace("<maxResources>50%</maxResources>", minimum + maximum)


def test_what_is_in_force_needs_no_draft_however_it_is_written(file: Path) -> None:
    queues, leaves = fair(file), wanted(ADS, amount=Room(cpu_millicores=250, memory_mib=512))
    assert queues.drafts(leaves, queues.read(leaves)) == ()


def test_a_ceiling_of_none_leaves_the_maximum_as_it_is(file: Path) -> None:
    queues = fair(file)
    draft = drafted(queues, wanted(DEFAULT))
    assert [(change.key, change.before, change.after) for change in draft.changes] == [
        ("minResources", None, "1024 mb, 2 vcores")
    ]
    queues.write(draft)
    assert "<maxResources>50%</maxResources>" in file.read_text(encoding="utf-8")


def test_a_queue_that_only_the_resourcemanager_knows_is_added_below_its_parent(file: Path) -> None:
    queues = fair(file)
    queues.write(drafted(queues, wanted(ETL)))
    assert dict(queues.read(wanted(ETL)).settings[ETL]) == {"minResources": "1024 mb, 2 vcores"}
    assert file.read_text(encoding="utf-8").startswith(FILE[: FILE.index("</allocations>") - 1])


def test_vcores_are_rounded_down(file: Path) -> None:
    queues = fair(file)
    (change,) = drafted(queues, wanted(ADS, amount=Room(cpu_millicores=749, memory_mib=1000))).changes
    assert change.after == "1000 mb, 2 vcores"


# --- Other hands


def test_a_file_that_changed_since_it_was_read_is_left(file: Path) -> None:
    queues = fair(file)
    draft = drafted(queues, wanted(ADS))
    theirs = FILE.replace("3.0", "4.0")
    file.write_text(theirs, encoding="utf-8")
    with pytest.raises(Rejected, match="was changed since it was read"):
        queues.write(draft)
    assert file.read_text(encoding="utf-8") == theirs


def test_a_draft_of_an_earlier_look_is_rejected(file: Path) -> None:
    queues = fair(file)
    draft = drafted(queues, wanted(ADS))
    theirs = FILE.replace("3.0", "4.0")
    file.write_text(theirs, encoding="utf-8")
    queues.read(wanted(ADS))
    with pytest.raises(Rejected, match="was read again since this was drafted"):
        queues.write(draft)
    assert file.read_text(encoding="utf-8") == theirs


def test_a_broken_file_says_its_line(file: Path) -> None:
    file.write_text(FILE.replace("</queue>\n  <user", "\n  <user"), encoding="utf-8")
    with pytest.raises(NotUnderstood, match=r"the allocation file isn't understood, line \d+: "):
        fair(file).read(wanted(ADS))


def test_a_file_that_isnt_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"could not reach the allocation file: .*No such file"):
        fair(tmp_path / "nowhere.xml").read(wanted(ADS))


def test_a_resourcemanager_with_another_scheduler_is_told_which_adapter_to_use(file: Path) -> None:
    with pytest.raises(Rejected, match="runs the capacity scheduler; use the adapter yarn-capacity"):
        fair(file, "scheduler_labelled").read(wanted(ADS))
