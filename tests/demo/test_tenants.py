"""The tenants' day: what is summed up and how it is said, and that it agrees with the world that was played."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from rich.console import Console

from bridge.core.tenants.policy import Tenant
from bridge.demo import say, summary
from bridge.demo.tenant_day import Look, TenantDay, tenant_days
from bridge.demo.tenants import Cores, TenantNow
from bridge.sim import Accounts, NamespaceAccount
from tests.demo.stretch import STRETCH, Played

NOON = datetime(2021, 10, 11, 4, tzinfo=UTC)
ADS = Tenant(
    name="ads", guarantee={"cpu_millicores": 40_000}, queues=("root.ads",), namespaces=("ads-batch", "ads-lab")
)
ETL = Tenant(name="etl", queues=("root.etl",), namespaces=("etl",))


def now(name: str, *, target: float = 40, used: float = 0, borrowed: dict[str, float] | None = None) -> TenantNow:
    return TenantNow(
        name=name,
        target=Cores(yarn=target, pods=target / 2),
        part=60,
        used=Cores(yarn=used, pods=0),
        borrowed=borrowed or {},
    )


def look(hours: float, *tenants: TenantNow) -> Look:
    return NOON + timedelta(hours=hours), tenants


def days_of(*looks: Look, tide: Accounts | None = None, without: Accounts | None = None) -> tuple[TenantDay, ...]:
    return tenant_days((ADS, ETL), looks, tide=tide or Accounts(), without=without or Accounts())


def test_targets_are_summed_over_time_each_until_the_next_look() -> None:
    ads, etl = days_of(
        look(0, now("ads", target=40), now("etl", target=10)),
        look(2, now("ads", target=20), now("etl", target=10)),
        look(3, now("ads", target=99), now("etl", target=99)),
    )
    assert (ads.entitled, etl.entitled) == (Cores(yarn=100, pods=50), Cores(yarn=30, pods=15))


def test_what_one_borrows_the_other_lends() -> None:
    ads, etl = days_of(
        look(0, now("ads"), now("etl", borrowed={"ads": 12})),
        look(2, now("ads", borrowed={"etl": 3}), now("etl")),
        look(3, now("ads"), now("etl")),
    )
    assert (ads.borrowed, ads.lent) == ({"etl": 3}, 24)
    assert (etl.borrowed, etl.lent) == ({"ads": 24}, 3)


def test_what_a_tenant_got_is_of_all_its_queues_and_namespaces() -> None:
    tide = Accounts(
        used_core_s_by_queue={"root.ads.daily": 3600, "root.ads.hourly": 7200, "root.adsorb": 99, "root.etl": 36},
        namespaces={
            "ads-batch": NamespaceAccount(used_core_s=3600, held_back_core_s=1800, pods_evicted=1),
            "ads-lab": NamespaceAccount(used_core_s=7200, pods_preempted=2),
        },
    )
    ads, etl = days_of(look(0), tide=tide, without=Accounts(used_core_s_by_queue={"root.ads": 7200}))
    assert (ads.used, ads.without) == (Cores(yarn=3, pods=3), Cores(yarn=2, pods=0))
    assert (ads.held_back, ads.namespaces.pods_evicted, ads.namespaces.pods_preempted) == (0.5, 1, 2)
    assert etl.used == Cores(yarn=0.01, pods=0)


@pytest.mark.parametrize(
    ("tenant", "is_long", "expected"),
    [
        pytest.param(now("ads", used=7), False, "YARN 7 + pods 0; target 60; borrows nothing", id="short"),
        pytest.param(
            now("ads", used=72, borrowed={"etl": 12.3, "lab": 0.2}),
            True,
            "YARN 72 + pods 0; target 40 + 20, part 60; borrows 12 from etl",
            id="long, and what is less than half a core isn't said",
        ),
    ],
)
def test_a_tenant_is_said_in_a_line(tenant: TenantNow, is_long: bool, expected: str) -> None:
    assert say.tenant(tenant, is_long=is_long) == expected


def test_both_tenants_are_seen_from_the_first_tick_on(played: Played) -> None:
    assert {tuple(one.name for one in moment.tenants) for moment in played.moments} == {("ads", "etl")}


def test_rounds_run_while_the_day_is_played(played: Played) -> None:
    targets = [tuple(one.target for one in moment.tenants) for moment in played.moments]
    assert played.report.rounds == sum(moment.has_rebalanced for moment in played.moments) > 1
    assert any(before != after for before, after in pairwise(targets))


def test_no_more_is_granted_than_both_clusters_have(played: Played) -> None:
    for moment in played.moments:
        assert sum(one.target.both for one in moment.tenants) <= STRETCH.static_vcores + STRETCH.lender_cores


def test_the_day_of_the_tenants_agrees_with_the_worlds_accounts(played: Played) -> None:
    accounts, days = played.report.tide.accounts, played.report.tenants
    in_queues = sum(accounts.used_core_s_by_queue.values()) / 3600
    in_namespaces = sum(account.used_core_s for account in accounts.namespaces.values()) / 3600
    assert sum(day.used.yarn for day in days) == pytest.approx(in_queues)
    assert sum(day.used.pods for day in days) == pytest.approx(in_namespaces)
    assert all(day.used.yarn > 0 and day.used.pods > 0 for day in days)
    assert sum(sum(day.borrowed.values()) for day in days) == pytest.approx(sum(day.lent for day in days))


def test_each_number_of_the_tenants_has_a_sentence(played: Played) -> None:
    for _, values, sentence in summary.tenant_rows(played.report.tenants):
        assert len(values) == 2
        assert sentence


def test_the_report_sets_the_tenants_side_by_side(played: Played) -> None:
    console = Console(width=80)
    with console.capture() as shown:
        console.print(summary.write(played.report))
    lines = shown.get().splitlines()
    (heading,) = (number for number, line in enumerate(lines) if line.startswith("tenants"))
    assert lines[heading].split()[1:3] == ["ads", "etl"]
    assert lines[heading + 1].startswith("entitled")
    assert max(map(len, lines)) <= 80
