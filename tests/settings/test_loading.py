"""The settings file: what a good one means, and what is said of a bad one."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bridge import packaged
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import PoolPolicy
from bridge.settings import Mode, Plain, Problem, Settings, SettingsError, Spill, load, parse, pool_policy
from bridge.settings.section import sections

FILE = Path("/etc/tidebridge/tidebridge.yaml")
SHAPE = Shape(yarn=Resources(vcores=8, memory_mib=16384), pod=Room(cpu_millicores=8250, memory_mib=17408))
REMOVED = object()


def make_values(**changes: Any) -> dict[str, Any]:
    """Legal values, the fewest there can be with a window; `pools__night__cluster=…` changes one, REMOVED removes."""
    values: dict[str, Any] = {
        "yarn": {"clusters": {"main": {"resourcemanagers": ["http://rm1:8088"]}}},
        "pools": {
            "night": {
                "cluster": "main",
                "lenders": {"node_selector": {"lend": "true"}},
                "shape": {"vcores": 8, "memory_mib": 16384},
            }
        },
        "windows": [
            {
                "name": "weeknights",
                "pool": "night",
                "cron": "0 22 * * mon-fri",
                "back_by": "06:30",
                "timezone": "Asia/Shanghai",
                "max_ratio": 0.6,
            }
        ],
    }
    values = deepcopy(values)
    for path, value in changes.items():
        above: list[Any] = [int(key) if key.isdigit() else key for key in path.split("__")]
        last = above.pop()
        place: Any = values
        for key in above:
            place = place[key] if isinstance(place, list) else place.setdefault(key, {})
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return values


def make_settings(**changes: Any) -> Settings:
    return parse(make_values(**changes), file=FILE)


def problems(values: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(values, file=FILE)
    return str(caught.value).splitlines()


def problems_if_any(values: Any) -> tuple[Problem, ...]:
    try:
        parse(values, file=FILE)
    except SettingsError as error:
        return error.problems
    return ()


def write(directory: Path, text: str) -> Path:
    file = directory / "tidebridge.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_is_legal_and_says_what_it_says() -> None:
    file = packaged.path("config/tidebridge.yaml")
    found = load(file)
    assert (found.mode, found.tick_s, found.kubernetes.namespace) == (Mode.OBSERVE, 10.0, "tidebridge")
    assert found.store.url == f"sqlite:///{file.parent / 'tidebridge.db'}"
    assert found.pools["night"].placement == Spill(kind="spill", label="k8s")
    assert found.pools["night"].pod_template == file.parent / "nodemanager-pod.yaml"
    window, freeze = found.windows
    assert (freeze.from_, freeze.to) == (datetime.fromisoformat("2026-02-14"), datetime.fromisoformat("2026-02-23"))
    assert (window.back_by, window.zone) == (time(6, 30), ZoneInfo("Asia/Shanghai"))
    assert (window.lead, window.max_extend) == (timedelta(minutes=45), timedelta(minutes=30))


@pytest.mark.parametrize(
    ("bases", "other", "is_refused"),
    [
        (("usage", "usage"), {"lend": "true"}, True),
        (("requests", "usage"), {"lend": "true"}, True),
        (("usage", "usage"), {"lend": "true", "zone": "a"}, True),
        (("usage", "usage"), {"lend": "day"}, False),
        (("requests", "requests"), {"lend": "true"}, False),
    ],
)
def test_what_is_not_requested_is_not_lent_by_two_pools(
    bases: tuple[str, str], other: dict[str, str], is_refused: bool
) -> None:
    values = make_values(signals={"load": {"kind": "metrics"}})
    night = values["pools"]["night"]
    for name, basis, selector in zip(("night", "day"), bases, ({"lend": "true"}, other), strict=True):
        lenders = {"node_selector": selector, "basis": basis, **({"signal": "load"} if basis == "usage" else {})}
        values["pools"][name] = {**night, "lenders": lenders}
    found = [str(problem) for problem in problems_if_any(values)]
    assert ["pools night and day" in problem and "different values" in problem for problem in found] == (
        [True] if is_refused else []
    )


def test_the_example_names_every_setting() -> None:
    text = packaged.path("config/tidebridge.yaml").read_text(encoding="utf-8")
    names = {field.alias or name for section in sections() for name, field in section.model_fields.items()}
    assert {name for name in names if f"{name}:" not in text} == set()


def test_every_setting_is_described() -> None:
    fields = [(section, name) for section in sections() for name in section.model_fields]
    silent = {f"{section.__name__}.{name}" for section, name in fields if not section.model_fields[name].description}
    assert silent == {
        "Alone.kind",
        "ByLease.kind",
        "Spill.kind",
        "Entitled.kind",
        "Plain.kind",
        "PrometheusSignal.kind",
        "MetricsSignal.kind",
        "RecordedSignal.kind",
    }


def test_what_is_left_out_has_a_default() -> None:
    found = make_settings(windows=REMOVED)
    assert (found.mode, found.tick_s, found.windows) == (Mode.OBSERVE, 10.0, ())
    assert found.store.url == "sqlite:////etc/tidebridge/tidebridge.db"
    assert found.pools["night"].pod_template == packaged.path("config/nodemanager-pod.yaml")
    assert found.pools["night"].placement == Spill(kind="spill", label="k8s")
    assert found.yarn.clusters["main"].auth.user == "tidebridge"


def test_default_limits_are_those_of_the_core() -> None:
    found = pool_policy(make_settings(pools__night__lenders__margin_ratio=0), "night", shape=SHAPE)
    assert found == PoolPolicy(name="night", shape=SHAPE, label="k8s")


def test_a_pool_becomes_a_policy_with_every_limit() -> None:
    limits = {
        "max_nodes": 1,
        "grow_per_tick": 2,
        "cool_down_s": 3,
        "start_timeout_s": 40,
        "lost_timeout_s": 50,
        "reclaim_s": 6,
        "overcommit_timeout_s": 7,
        "grace_s": 8,
    }
    found = make_settings(
        tick_s=9,
        pools__night__limits=limits,
        pools__night__placement={"kind": "plain"},
        pools__night__lenders__margin_ratio=0.25,
        pools__night__lenders__keep_free_cores=1.5,
        pools__night__lenders__keep_free_memory_mib=512,
    )
    assert isinstance(found.pools["night"].placement, Plain)
    assert pool_policy(found, "night", shape=SHAPE) == PoolPolicy(
        name="night",
        shape=SHAPE,
        label=None,
        margin_ratio=0.25,
        keep_free=Room(cpu_millicores=1500, memory_mib=512),
        max_nodes=1,
        grow_per_tick=2,
        cool_down=timedelta(seconds=3),
        start_timeout=timedelta(seconds=40),
        lost_timeout=timedelta(seconds=50),
        reclaim_within=timedelta(seconds=6),
        overcommit_timeout=timedelta(seconds=7),
        grace=timedelta(seconds=8),
        tick=timedelta(seconds=9),
    )


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "mine.yaml").touch()
    values = make_values(
        pools__night__pod_template="pods/mine.yaml", kubernetes__kubeconfig="kube/config", store__url="sqlite:///a/b.db"
    )
    found = parse(values, file=tmp_path / "tidebridge.yaml")
    assert found.pools["night"].pod_template == tmp_path / "pods" / "mine.yaml"
    assert found.kubernetes.kubeconfig == tmp_path / "kube" / "config"
    assert found.store.url == f"sqlite:///{tmp_path}/a/b.db"


@pytest.mark.parametrize("url", ["sqlite:////var/lib/tide.db", "postgresql+psycopg://ann@db:5432/tide?sslmode=require"])
def test_absolute_urls_are_left_as_they_are(url: str) -> None:
    assert make_settings(store__url=url).store.url == url


def test_a_resourcemanagers_address_loses_its_last_slash() -> None:
    found = make_settings(yarn__clusters__main__resourcemanagers=["https://rm1:8090/", "http://[::1]:8088"])
    assert found.yarn.clusters["main"].resourcemanagers == ("https://rm1:8090", "http://[::1]:8088")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("150s", timedelta(seconds=150)),
        ("45m", timedelta(minutes=45)),
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1h0m5s", timedelta(seconds=3605)),
    ],
)
def test_durations_are_read_by_their_units(written: str, meant: timedelta) -> None:
    assert make_settings(windows__0__lead=written).windows[0].lead == meant


REFUSED = [
    ("store__url", "sqlite://", "store.url is 'sqlite://': isn't a file", "write sqlite:///FILE"),
    ("store__url", "sqlite:///:memory:", "store.url", "write sqlite:///FILE"),
    ("store__url", "postgresql://db/x", "store.url is 'postgresql://db/x'", "postgresql+psycopg://USER@HOST/DATABASE"),
    ("mode", "force", "mode is 'force'", "use 'observe', 'advise' or 'enforce'"),
    ("mode", False, "mode is False", "use 'observe', 'advise' or 'enforce'"),
    ("tick_s", 0, "tick_s is 0", "raise it above 0"),
    ("tick_s", "10", "tick_s is '10'", "write a number, without quotes"),
    ("tick_s", float("nan"), "tick_s is nan", "write a number"),
    ("yarn", REMOVED, "yarn: is missing", "add it"),
    ("yarn__clusters", {}, "yarn.clusters is {}", "add one"),
    ("yarn__clusters__main__resourcemanagers", [], "yarn.clusters.main.resourcemanagers is []", "add one"),
    (
        "yarn__clusters__main__resourcemanagers",
        "http://rm:8088",
        "resourcemanagers is 'http://rm:8088'",
        "write a list",
    ),
    ("yarn__clusters__main__resourcemanagers", ["rm1:8088"], "resourcemanagers[0] is 'rm1:8088'", '"http://HOST:8088"'),
    ("yarn__clusters__main__resourcemanagers", ["http://rm/ws/v1"], "resourcemanagers[0]", '"http://HOST:8088"'),
    (
        "yarn__clusters__main__decommission",
        {"exclude_file": "exclude", "admin_addresses": ["rm1:8033"]},
        "yarn.clusters.main.decommission.exclude_file",
        "ends in .xml",
    ),
    (
        "yarn__clusters__main__decommission",
        {"exclude_file": "exclude.xml", "admin_addresses": []},
        "yarn.clusters.main.decommission.admin_addresses is []",
        "add one",
    ),
    (
        "yarn__clusters__main__decommission",
        {"exclude_file": "exclude.xml", "admin_addresses": ["http://rm1:8033"]},
        "decommission.admin_addresses[0]",
        '"HOST:8033"',
    ),
    (
        "yarn__clusters__main__decommission",
        {"exclude_file": "exclude.xml", "admin_addresses": ["rm1:80333"]},
        "decommission.admin_addresses[0]",
        '"HOST:8033"',
    ),
    (
        "yarn__clusters__main__decommission",
        {"admin_addresses": ["rm1:8033"]},
        "yarn.clusters.main.decommission.exclude_file",
        "",
    ),
    ("yarn__clusters__main__resourcemanagers", ["http://rm:80888"], "resourcemanagers[0]", '"http://HOST:8088"'),
    ("yarn__clusters__main__vcores_per_core", 0, "main.vcores_per_core is 0", "raise it to 0.001 or more"),
    ("yarn__clusters__main__vcores_per_core", 1e-320, "main.vcores_per_core is 1e-320", "raise it to 0.001 or more"),
    ("yarn__clusters__main__settle_s", 1e15, "main.settle_s is 1000000000000000.0", "lower it to 31622400.0 or less"),
    ("store__keep_days", 1_000_000, "store.keep_days is 1000000", "lower it to 36500 or less"),
    ("pools__night__lenders__keep_free_cores", 1e308, "keep_free_cores is 1e+308", "lower it to 1000000.0 or less"),
    ("pools__night__shape__memory_mib", 10**20, "shape.memory_mib is 1", "lower it to 1000000000 or less"),
    ("pools__night__limits__cool_down_s", 10**18, "limits.cool_down_s is 1", "lower it to 31622400 or less"),
    ("pools__night__limits__reclaim_s", 10**18, "limits.reclaim_s is 1", "lower it to 31622400 or less"),
    ("pools__night__limits__grow_per_tick", 1001, "limits.grow_per_tick is 1001", "lower it to 1000 or less"),
    ("pools__night__limits__start_timeout_s", 19, "limits.start_timeout_s is 19", "set it to 20 or more"),
    ("pools__night__limits__lost_timeout_s", 19, "limits.lost_timeout_s is 19", "set it to 20 or more"),
    ("tick_s", 61, "pools.night.limits.lost_timeout_s is 120: is shorter than two ticks", "set it to 122 or more"),
    ("yarn__clusters__main__auth", {"kind": "kerberos"}, "main.auth.kind is 'kerberos'", "use 'simple'"),
    ("kubernetes__namespace", "Tide", "kubernetes.namespace is 'Tide'", "use a-z, 0-9 and -"),
    ("pools__night__cluster", "mian", "pools.night.cluster is 'mian': isn't a key of yarn.clusters", "use main"),
    ("pools__night__placement", {"kind": "burst"}, "pools.night.placement", "use 'spill', 'entitled', 'plain'"),
    ("pools__night__placement", {"kind": "entitled"}, "placement entitled for pool night", "add tenants"),
    ("pools__night__placement", {"label": "k8s"}, "pools.night.placement", "add kind"),
    ("pools__night__placement", {"kind": "spill", "label": "a b"}, "pools.night.placement.label is 'a b'", "letters"),
    ("pools__night__placement", {"kind": "plain", "label": "x"}, "pools.night.placement.label is 'x'", "label"),
    ("pools__night__lenders__node_selector", {}, "pools.night.lenders.node_selector is {}", "add one"),
    ("pools__night__lenders__node_selector", {"lend": True}, "node_selector.lend is True", "write text, in quotes"),
    ("pools__night__lenders__basis", "use", "pools.night.lenders.basis is 'use'", "use 'requests' or 'usage'"),
    ("pools__night__lenders__basis", "usage", "pools.night.lenders.signal is None", "add one under signals"),
    ("pools__night__lenders__signal", "x", "pools.night.lenders.signal is 'x'", "add it there"),
    (
        "pools__night__lenders__expecting",
        {"lend_for": "3h"},
        "pools.night.lenders.expecting.lend_for is '3h'",
        "set it from 5m to 2h",
    ),
    (
        "pools__night__lenders__expecting",
        {"lend_for": "20m", "give_back_ahead": "30m"},
        "give_back_ahead is '30m': is longer than lend_for",
        "set it to lend_for or less",
    ),
    ("pools__night__lenders__margin_ratio", 1.1, "margin_ratio is 1.1", "lower it to 1.0 or less"),
    ("pools__night__lenders__keep_free_cores", -1, "keep_free_cores is -1", "raise it to 0.0 or more"),
    ("pools__night__lenders__cap", 1.5, "pools.night.lenders.cap is 1.5", "lower it to 1"),
    ("pools__night__shape__vcores", 0, "pools.night.shape.vcores is 0", "raise it above 0"),
    ("pools__night__shape__vcores", True, "pools.night.shape.vcores is True", "write a whole number"),
    ("pools__night__shape__memory_mb", 1, "pools.night.shape.memory_mb is 1", "did you mean memory_mib?"),
    ("pools__night__pod_template", "no.yaml", "no file /etc/tidebridge/no.yaml", "correct the path"),
    ("pools__night__limits__grace_s", 16, "pools.night.limits.grace_s is 16", "lower it to 15 or less"),
    ("pools__night__limits__grace_s", 0, "pools.night.limits.grace_s is 0", "raise it to 1 or more"),
    ("windows__0__pool", "nigth", "windows[0].pool is 'nigth': isn't a key of pools", "use night"),
    ("windows__0__cron", "0 22 * *", "windows[0].cron is '0 22 * *': has not five fields", "0 22 * * mon-fri"),
    ("windows__0__cron", "0 0 22 * * *", "windows[0].cron", "0 22 * * mon-fri"),
    ("windows__0__cron", "0 24 * * *", "isn't a cron expression: bad hour", "write numbers or names"),
    ("windows__0__cron", "0 0 30 2 *", "windows[0].cron", "write numbers or names"),
    ("windows__0__back_by", 1350, "windows[0].back_by is 1350", "put it in quotes"),
    ("windows__0__back_by", "24:00", "windows[0].back_by is '24:00'", 'from "00:00" to "23:59:59"'),
    ("windows__0__back_by", "6.30", "windows[0].back_by is '6.30'", '"HH:MM"'),
    ("windows__0__back_by", "22:00", "is when the window starts", "always: true"),
    ("windows__0__timezone", "Asia/Shangai", "windows[0].timezone is 'Asia/Shangai'", "did you mean Asia/Shanghai?"),
    ("windows__0__timezone", "Asia", "windows[0].timezone is 'Asia'", "?"),
    ("windows__0__max_ratio", 60, "windows[0].max_ratio is 60", "lower it to 1.0 or less"),
    ("windows__0__lead", 45, "windows[0].lead is 45: isn't a duration", "such as 45m"),
    ("windows__0__lead", "", "windows[0].lead is ''", "such as 45m"),
    ("windows__0__lead", "-5m", "windows[0].lead is '-5m'", "such as 45m"),
    ("windows__0__lead", "99s", "shorter than the pool's notice, 100s", "set it to 100s or more"),
    ("windows__0__lead", "8h30m", "as long as the window (8:30:00)", "shorten it"),
    ("windows__0__lead", "9h", "as long as the window (8:30:00)", "shorten it"),
    ("windows__0__max_extend", "25h", "windows[0].max_extend is '25h'", "24h or less"),
    ("windows__0__from", "2026-02-14", "windows[0].to", "write both"),
    ("windows__0__from", "2026-14-02", "windows[0].from is '2026-14-02'", "write 2026-02-14"),
    ("windows__0__from", "2026-02-14T00:00Z", "names a zone of its own", "without an offset"),
    ("windows__0__always", True, "beside others: always, cron", "keep one of them"),
    ("windows__0__calendar", "absent.ics", "windows[0].calendar", "name an iCalendar file"),
    ("windows__0__back_by", REMOVED, "windows[0].back_by", 'such as "06:30"'),
    ("windows__0__cron", REMOVED, "windows[0].cron", "add cron and back_by"),
    ("windows__0__max_cores", 0, "windows[0].max_cores is 0", "raise it above 0"),
    ("windows__0__end_above", 0.1, "windows[0].open_below", "set open_below above 0"),
    ("signals", {"x": {"kind": "ganglia"}}, "signals.x is ", "use 'prometheus', 'metrics', 'recorded'"),
    (
        "signals",
        {"x": {"kind": "prometheus", "url": "prometheus:9090", "query": "up"}},
        "signals.x.url is 'prometheus:9090'",
        "write http://HOST:PORT",
    ),
    (
        "signals",
        {"x": {"kind": "metrics", "shrink_after_s": 60}},
        "signals.x",
        "set shrink_after_s to frozen_after_s or more",
    ),
    ("signals", {"x": {"kind": "recorded", "file": "none.csv"}}, "signals.x.file is 'none.csv'", "correct the path"),
    ("tenants", [{"name": "root"}], "tenants[0].name is 'root'", "choose another"),
    ("tenants", [{"name": "a"}, {"name": "a"}], "tenants[0].name is 'a'", "give each a name of its own"),
    ("tenants", [{"name": "a", "parent": "b"}], "tenants[0].parent is 'b'", "use a, or add it"),
    ("tenants", [{"name": "a", "parent": "a"}], "a is below itself", "let one of the circle have no parent"),
    ("tenants", [{"name": "a", "yarn_queues": ["ads"]}], "yarn_queues[0] is 'ads'", "write it from the root"),
    ("tenants", [{"name": "a", "namespaces": ["A_b"]}], "namespaces[0] is 'A_b'", "use a-z"),
    (
        "tenants",
        [{"name": "a", "namespaces": ["x"]}, {"name": "b", "namespaces": ["x"]}],
        "namespace x is claimed by a and b",
        "leave it to one of them",
    ),
    (
        "tenants",
        [{"name": "a", "yarn_queues": ["root.x"]}, {"name": "b", "yarn_queues": ["root.x.y"]}],
        "root.x.y of b lies below root.x of a",
        "claim either the one or the other",
    ),
    ("tenants", [{"name": "a", "weight": -1}], "tenants[0].weight is -1", "raise it to 0"),
    ("tenants", [{"name": "a", "min": {"cpu": 1}}], "tenants[0].min.cpu is 1", "did you mean"),
    (
        "tenants",
        [{"name": "a", "namespaces": ["tidebridge"]}],
        "gives tenant a the namespace tidebridge",
        "give the tenant a namespace of its own",
    ),
    ("rebalance", {"adapters": ["yarn"]}, "rebalance.adapters[0] is 'yarn'", "use 'yarn-capacity'"),
    ("rebalance", {"adapters": ["yarn-fair"]}, "yarn-fair and no allocation_file", "name FairScheduler's"),
    ("rebalance", {"adapters": ["yarn-fair", "yarn-capacity"]}, "names two schedulers", "keep the one that it runs"),
    ("rebalance", {"pool": "day"}, "rebalance.pool is 'day'", "use night"),
    ("rebalance", {"history": {"half_life": "0s"}}, "rebalance.history.half_life is '0s'", "null to switch it off"),
    ("rebalance", {"cron": "* *"}, "rebalance.cron is '* *'", "write minute, hour"),
    (
        "leadership",
        {"kind": "lease"},
        "leadership is {'kind': 'lease'}: lets replicas take turns, and store.url is SQLite",
        "set store.url to postgresql+psycopg://USER@HOST/DATABASE, or leadership to {kind: none}",
    ),
    ("leadership", {"kind": "etcd"}, "leadership is ", "use 'none', 'lease'"),
    (
        "leadership",
        {"kind": "lease", "lease_s": 7},
        "has a lease of 7 s, which one renewal that fails would end",
        "set lease_s to 8 or more",
    ),
    ("window", [], "window is []: isn't a key of this version", "did you mean windows?"),
]


@pytest.mark.parametrize(
    ("path", "value", "says", "remedy"), [pytest.param(*row, id=f"{row[0]}={str(row[1])[:30]}") for row in REFUSED]
)
def test_what_is_wrong_is_named_with_file_key_value_and_remedy(path: str, value: Any, says: str, remedy: str) -> None:
    values = make_values(**{path: value})
    lines = [line for line in problems(values) if says in line]
    assert len(lines) == 1, problems(values)
    assert lines[0].startswith(f"{FILE}: ")
    assert remedy in lines[0].rpartition("; ")[2] or remedy in lines[0]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"windows__0__lead": "100s"}, id="a lead of exactly the notice"),
        pytest.param({"windows__0__lead": "8h29m59s"}, id="a lead that leaves a second"),
        pytest.param(
            {"windows__0__cron": "0 * * * *", "windows__0__back_by": "00:00"}, id="a window that never closes"
        ),
        pytest.param({"windows__0__cron": "0 6,22 * * *"}, id="a second start inside, shorter than the lead"),
        pytest.param({"windows__0__cron": "0 22 * * 7"}, id="Sunday as 7"),
        pytest.param({"windows__0__max_ratio": 0}, id="a window that lends nothing"),
        pytest.param({"pools__night__limits": {"overcommit_timeout_s": 0}}, id="preempting at once"),
    ],
)
def test_edges_are_legal(changes: dict[str, Any]) -> None:
    assert make_settings(**changes).windows


def test_a_slow_tick_lengthens_the_notice() -> None:
    assert "notice, 300s" in "".join(problems(make_values(tick_s=60, windows__0__lead="60s")))


def test_the_largest_values_there_are_make_a_policy() -> None:
    year_s = 366 * 24 * 3600
    names = ("cool_down_s", "start_timeout_s", "lost_timeout_s", "reclaim_s")
    found = make_settings(
        store__keep_days=36500,
        yarn__clusters__main__settle_s=float(year_s),
        yarn__clusters__main__vcores_per_core=1000.0,
        pools__night__lenders__keep_free_cores=1e6,
        pools__night__limits={**dict.fromkeys(names, year_s), "max_nodes": 10**9, "grow_per_tick": 1000},
    )
    assert pool_policy(found, "night", shape=SHAPE).cool_down == timedelta(days=366)


def test_two_windows_of_one_name_are_refused() -> None:
    window = make_values()["windows"][0]
    found = problems(make_values(windows=[window, window | {"cron": "0 1 * * *"}]))
    assert [line.split(": ")[1] for line in found] == [
        "windows[0].name is 'weeknights'",
        "windows[1].name is 'weeknights'",
    ]


def test_all_problems_are_told_at_once_whatever_their_kind(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
mode: force
tick_s: 10
tick_s: 20
yarn: {clusters: {main: {resourcemanagers: ["http://rm1:8088"]}}}
pools:
  night:
    cluster: mian
    lenders: {node_selector: {lend: "true"}}
    shape: {vcores: 8}
windows:
- {name: a, pool: nigth, cron: "0 22 * * mon-fry", back_by: "06:30", timezone: Mars/Base, max_ratio: 0.6, lead: 5x}
""",
    )
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert [problem.key for problem in caught.value.problems] == [
        "tick_s",
        "mode",
        "pools.night.cluster",
        "pools.night.shape.memory_mib",
        "windows[0].pool",
        "windows[0].cron",
        "windows[0].timezone",
        "windows[0].lead",
    ]
    assert caught.value.file == file


def test_a_short_lead_is_told_beside_mistakes_elsewhere() -> None:
    found = problems(make_values(mode="force", windows__0__lead="1s"))
    assert [line.split(" ")[1] for line in found] == ["mode", "windows[0].lead"]


def test_keys_that_are_there_twice_are_named_with_their_lines(tmp_path: Path) -> None:
    file = write(tmp_path, "store:\n  url: sqlite:///a.db\n  url: sqlite:///b.db\nstore: {}\n")
    with pytest.raises(SettingsError) as caught:
        load(file)
    first, second, *_ = str(caught.value).splitlines()
    assert first == f"{file}: store.url: is there twice, in lines 2 and 3; keep one of them"
    assert second == f"{file}: store: is there twice, in lines 1 and 4; keep one of them"


def test_what_an_anchor_brings_in_may_be_replaced(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
yarn: {clusters: {main: {resourcemanagers: ["http://rm1:8088"]}}}
pools:
  night: &night
    cluster: main
    lenders: {node_selector: {lend: "true"}}
    shape: {vcores: 8, memory_mib: 16384}
  day:
    <<: *night
    shape: {vcores: 4, memory_mib: 8192}
""",
    )
    assert {name: pool.shape.vcores for name, pool in load(file).pools.items()} == {"night": 8, "day": 4}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("cron: */5 * * * *", "needs quotes", id="a star without quotes"),
        pytest.param("mode: [", "isn't YAML", id="broken"),
        pytest.param("mode: 2026-13-45", "isn't YAML", id="a date that there isn't"),
        pytest.param("? [a, b]\n: 1", "isn't YAML", id="a list as a key"),
        pytest.param("", "yarn: is missing", id="empty"),
        pytest.param("- a\n- b", "write keys and values", id="a list"),
        pytest.param("1: 2", "1 is", id="a number as a key"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        load(write(tmp_path, text))
    assert str(tmp_path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml: can't be read: No such file or directory; correct the path"):
        load(tmp_path / "none.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tidebridge.yaml"
    file.write_bytes(b"mode: \xff\xfe\n")
    with pytest.raises(SettingsError, match="isn't UTF-8 text; save it as UTF-8"):
        load(file)


def test_passwords_are_not_shown() -> None:
    urls = ("mysql://ann:secret@db/x", "mysql://ann@db/x?password=secret&a=b")
    for url in urls:
        assert "secret" not in "".join(problems(make_values(store__url=url)))
    assert "secret" not in repr(make_settings(store__url="postgresql+psycopg://ann:secret@db/x"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES = st.sampled_from(
    sorted({row[0] for row in REFUSED if "window__" not in row[0]} | {"windows", "pools", "windows__0"})
)


@hypothesis_settings(deadline=None)
@given(path=PLACES, value=JSON)
def test_nonsense_anywhere_is_refused_or_read_but_never_a_crash(path: str, value: Any) -> None:
    assert all(problem.why and problem.remedy for problem in problems_if_any(make_values(**{path: value})))


FIELDS = st.text("0123456789*,-/L#W", min_size=1, max_size=7)


@hypothesis_settings(deadline=None, max_examples=300)
@given(cron=st.tuples(FIELDS, FIELDS, FIELDS, FIELDS, FIELDS).map(" ".join))
def test_a_nonsensical_cron_is_refused_or_read_but_never_a_crash(cron: str) -> None:
    found = problems_if_any(make_values(windows__0__cron=cron))
    assert {problem.key.partition(".")[0] for problem in found} <= {"windows[0]"}
