"""What every world holds of ``Enforcer`` for quotas of tenants' namespaces."""

from __future__ import annotations

import pytest

from bridge.core.ledger import Side
from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Change, Draft, Wanted
from bridge.ports import Rejected
from tests.contract.tenants.stage import CPU, MEMORY, Enforcers, Stage, look, read
from tests.contract.worlds import stays, wait_until

EACH = Room(cpu_millicores=20, memory_mib=16)
AMOUNT = EACH * 2
ANOTHER = {CPU: "70m", MEMORY: "90Mi"}


def wanted(namespace: str, amount: Room = AMOUNT) -> tuple[Wanted, ...]:
    return (Wanted(leaf=Leaf(side=Side.KUBERNETES, name=namespace), amount=amount),)


def draft(enforcers: Enforcers, namespace: str, amount: Room = AMOUNT) -> Draft:
    """Return the one draft that an amount needs."""
    leaves = wanted(namespace, amount)
    (found,) = enforcers.quotas.drafts(leaves, enforcers.quotas.read(leaves))
    return found


def enforced(stage: Stage, enforcers: Enforcers, namespace: str, amount: Room = AMOUNT) -> None:
    """Write an amount, and let the API server take it up."""
    enforcers.quotas.write(draft(enforcers, namespace, amount))
    stage.world.pass_time(1)


def amount(enforcers: Enforcers, namespace: str) -> Room | None:
    """Read what is in force."""
    leaves = wanted(namespace)
    return enforcers.quotas.read(leaves).amounts.get(leaves[0].leaf)


def test_it_says_whose_and_what_it_is(enforcers: Enforcers) -> None:
    quotas = enforcers.quotas
    assert (quotas.name, quotas.side, quotas.is_lagging) == ("resource-quota", Side.KUBERNETES, False)


def test_a_namespace_without_a_quota_has_no_limit_and_gets_its_first(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    (entry,) = wanted(namespace)
    assert read(enforcers.quotas, (entry,)) == ({entry.leaf: {}}, {})
    first = draft(enforcers, namespace)
    assert [(change.key, change.before, change.after) for change in first.changes] == [
        (CPU, None, "40m"),
        (MEMORY, None, "32Mi"),
    ]
    enforcers.quotas.write(first)
    assert read(enforcers.quotas, (entry,)) == ({entry.leaf: {CPU: "40m", MEMORY: "32Mi"}}, {entry.leaf: AMOUNT})


def test_what_is_in_force_needs_no_draft(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    enforced(stage, enforcers, namespace)
    assert enforcers.quotas.drafts(wanted(namespace), enforcers.quotas.read(wanted(namespace))) == ()


def test_only_what_differs_is_drafted_and_the_rest_stays(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    enforced(stage, enforcers, namespace)
    more = AMOUNT + Room(cpu_millicores=2000, memory_mib=0)
    second = draft(enforcers, namespace, more)
    assert [(change.key, change.before, change.after) for change in second.changes] == [(CPU, "40m", "2040m")]
    enforcers.quotas.write(second)
    assert amount(enforcers, namespace) == more


def test_nothing_is_an_amount_too(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    enforced(stage, enforcers, namespace, NO_ROOM)
    assert amount(enforcers, namespace) == NO_ROOM
    assert enforcers.quotas.drafts(wanted(namespace, NO_ROOM), enforcers.quotas.read(wanted(namespace))) == ()


def test_a_quota_below_use_stops_new_pods_and_ends_none(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    stage.want_pods(namespace, "first", 3, EACH)
    wait_until(stage.world, lambda: look(stage, namespace).used == EACH * 3)
    enforced(stage, enforcers, namespace)
    stage.want_pods(namespace, "second", 1, EACH)
    wait_until(stage.world, lambda: look(stage, namespace).held_back == EACH)
    assert stays(stage.world, lambda: look(stage, namespace).used) == EACH * 3


def test_a_first_quota_names_the_pods_whose_like_it_would_refuse(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    stage.want_pods(namespace, "bare", 1, NO_ROOM)
    (name,) = wait_until(stage.world, lambda: look(stage, namespace).without_requests)
    first = draft(enforcers, namespace)
    assert [name in note for note in first.notes] == [True]
    enforcers.quotas.write(first)
    assert draft(enforcers, namespace, EACH).notes == ()


# --- Other hands


def test_a_draft_is_rejected_once_somebody_has_written_in_between(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    enforced(stage, enforcers, namespace)
    late = draft(enforcers, namespace, EACH)
    stage.set_quota(namespace, "tidebridge", ANOTHER)
    with pytest.raises(Rejected, match=namespace):
        enforcers.quotas.write(late)
    assert amount(enforcers, namespace) == Room(cpu_millicores=70, memory_mib=90)


def test_a_first_quota_is_rejected_once_somebody_has_made_one(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    late = draft(enforcers, namespace)
    stage.set_quota(namespace, "tidebridge", ANOTHER)
    with pytest.raises(Rejected, match="exists"):
        enforcers.quotas.write(late)


def test_a_quota_of_our_name_that_isnt_ours_is_left_and_the_other_namespaces_go_on(
    stage: Stage, enforcers: Enforcers
) -> None:
    theirs, ours = stage.new_namespace(), stage.new_namespace()
    stage.set_quota(theirs, "tidebridge", ANOTHER)
    with pytest.raises(Rejected, match="isn't ours: rename it, or label it"):
        enforcers.quotas.read(wanted(theirs))
    both = (*wanted(theirs), *wanted(ours))
    in_force = enforcers.quotas.read(both)
    left, made = enforcers.quotas.drafts(both, in_force)
    assert (left.changes, f"namespace {theirs} has a ResourceQuota" in left.problems[0]) == ((), True)
    enforcers.quotas.write(made)
    assert amount(enforcers, ours) == AMOUNT


def test_quotas_of_other_names_are_no_matter(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    stage.set_quota(namespace, "somebodys", ANOTHER)
    assert amount(enforcers, namespace) is None
    enforced(stage, enforcers, namespace)
    assert amount(enforcers, namespace) == AMOUNT


def test_what_is_refused_leaves_everything_as_it_was(stage: Stage, enforcers: Enforcers) -> None:
    namespace = stage.new_namespace()
    enforced(stage, enforcers, namespace)
    (entry,) = wanted(namespace)
    before = read(enforcers.quotas, (entry,))
    changes = (
        Change(leaf=entry.leaf, key=MEMORY, before="32Mi", after="64Mi"),
        Change(leaf=entry.leaf, key=CPU, before="40m", after="-1m"),
    )
    with pytest.raises(Rejected):
        enforcers.quotas.write(Draft(changes=changes))
    assert read(enforcers.quotas, (entry,)) == before
