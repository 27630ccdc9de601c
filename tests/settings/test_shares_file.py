"""The file of `tidebridge shares`: what a good one means, and what is said of a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.core.shares.problem import Problem, Queue, ReclaimPolicy, ShareMode
from bridge.settings import SettingsError, shares_file

FILE = Path("shares.yaml")


def make_values(*queues: object, **changes: Any) -> dict[str, Any]:
    return {"total": {"cpu": 10}, "queues": list(queues), **changes}


def make_queue(**changes: Any) -> dict[str, Any]:
    return {"name": "ads", **changes}


def said_of(text: str, file: Path = FILE) -> str:
    with pytest.raises(SettingsError) as caught:
        shares_file.tree(shares_file.parse(text.encode(), file), file)
    return str(caught.value)


def said_of_queues(*queues: object, **changes: Any) -> str:
    return said_of(yaml.safe_dump(make_values(*queues, **changes)))


def test_every_key_has_its_place() -> None:
    text = """
        total: {cpu: 1000, memory: 4096}
        unit: {cpu: 1, memory: 0.5}
        options: {share_mode: surplus, reclaim_policy: guarantee_only, dead_band_ratio: 0.1}
        queues:
          - {name: ads, share_mode: floor, priority: -1, order: 7}
          - name: etl
            parent: ads
            weight: {cpu: 3, memory: 0.5}
            min: {cpu: 200}
            max: {cpu: 800}
            demand: {cpu: 900}
            used: {cpu: 300}
            used_nonpreemptible: {cpu: 100}
            lending_limit: {cpu: 50}
            borrowing_limit: {cpu: 60}
            active: false
    """
    assert shares_file.parse(text.encode(), FILE) == Problem(
        total={"cpu": 1000, "memory": 4096},
        unit={"cpu": 1, "memory": 0.5},
        share_mode=ShareMode.SURPLUS,
        reclaim_policy=ReclaimPolicy.GUARANTEE_ONLY,
        dead_band_ratio=0.1,
        queues=(
            Queue(name="ads", share_mode=ShareMode.FLOOR, priority=-1, order=7),
            Queue(
                name="etl",
                parent="ads",
                weight={"cpu": 3, "memory": 0.5},
                guarantee={"cpu": 200},
                ceiling={"cpu": 800},
                demand={"cpu": 900},
                used={"cpu": 300},
                pinned={"cpu": 100},
                lending_limit={"cpu": 50},
                borrowing_limit={"cpu": 60},
                is_active=False,
            ),
        ),
    )


@pytest.mark.parametrize("name", ["shares.json", "shares.yaml", "stdin"])
def test_json_and_yaml_mean_the_same(name: str) -> None:
    values = make_values(make_queue(weight=2.5, min={"cpu": 3}))
    read = shares_file.parse(json.dumps(values).encode(), Path(name))
    assert read == shares_file.parse(yaml.safe_dump(values).encode(), Path("shares.yml"))


def test_yaml_may_begin_with_a_brace() -> None:
    assert shares_file.parse(b"{queues: [{name: ads}]}", Path("stdin")) == Problem(queues=(Queue(name="ads"),))


def test_a_json_number_may_have_an_exponent() -> None:
    text = b'{"total": {"cpu": 1e3}, "queues": [{"name": "ads"}]}'
    assert shares_file.parse(text, Path("stdin")).total == {"cpu": 1000}


@pytest.mark.parametrize("name", ["shares.json", "shares.yaml"])
@pytest.mark.parametrize("number", [2**53 + 1, 10**18 + 1, 2**64 + 1])
def test_a_whole_number_keeps_its_digits(name: str, number: int) -> None:
    text = json.dumps(make_values(make_queue(min={"cpu": number}), total={"cpu": number}))
    read = shares_file.parse(text.encode(), Path(name))
    assert (read.total, read.queues[0].guarantee) == ({"cpu": number}, {"cpu": number})
    assert isinstance(read.total["cpu"], int)


BAD_AMOUNTS = {
    "negative": (-1, "is negative; write 0 or more"),
    "NaN": (float("nan"), "isn't finite"),
    "infinite": (float("inf"), "isn't finite"),
    "boolean": (True, "isn't a number"),
    "text": ("8", "isn't a number; write a number, without quotes"),
    "nothing": (None, "isn't a number"),
    "a list": ([8], "isn't a number"),
    "immense": (1e300, "is beyond any capacity"),
}
KEYS_WITH_AMOUNTS = [
    "min",
    "max",
    "demand",
    "used",
    "used_nonpreemptible",
    "lending_limit",
    "borrowing_limit",
    "weight",
]


@pytest.mark.parametrize(("amount", "why"), BAD_AMOUNTS.values(), ids=BAD_AMOUNTS)
@pytest.mark.parametrize("key", KEYS_WITH_AMOUNTS)
def test_a_bad_amount_is_told_with_queue_key_value_and_remedy(key: str, amount: Any, why: str) -> None:
    said = said_of_queues({"name": "etl"}, make_queue(**{key: {"cpu": amount}}))
    assert said.startswith(f"shares.yaml: queue 'ads': {key}.cpu is {amount!r}: ")
    assert why in said


@pytest.mark.parametrize(("amount", "why"), BAD_AMOUNTS.values(), ids=BAD_AMOUNTS)
def test_a_bad_number_elsewhere_is_told_with_its_key(amount: Any, why: str) -> None:
    said = said_of_queues(
        make_queue(weight=amount),
        total={"cpu": amount},
        unit={"cpu": amount},
        options={"dead_band_ratio": amount},
    )
    for key in ("total.cpu", "unit.cpu", "options.dead_band_ratio", "queue 'ads': weight"):
        assert f"shares.yaml: {key} is {amount!r}: {why}" in said


BAD_QUEUES = {
    "no name": ({"parent": "root"}, "queues[0].name: is missing; add it"),
    "a name that isn't text": (make_queue(name=7), "queues[0].name is 7: isn't text; put the name in quotes"),
    "YAML's no as a name": (make_queue(name=False), "queues[0].name is False: isn't text"),
    "an empty name": (make_queue(name=" "), "queue ' ': name is ' ': is empty; write a name"),
    "root as a name": (make_queue(name="root"), "queue 'root': name is 'root': is the name of the top"),
    "a name that can't be printed": (make_queue(name="a\x1b[2J"), "has a character that can't be printed"),
    "an unknown key": (make_queue(mim={"cpu": 1}), "queue 'ads': mim is {'cpu': 1}: isn't a key of this version; did"),
    "a parent that isn't text": (make_queue(parent=None), "queue 'ads': parent is None: isn't text"),
    "a resource that isn't text": (make_queue(min={1: 1}), "queue 'ads': min.1 is 1: isn't text"),
    "a number for amounts": (make_queue(min=5), "queue 'ads': min is 5: has no keys; write keys and values below it"),
    "half a priority": (make_queue(priority=0.5), "queue 'ads': priority is 0.5: "),
    "an immense priority": (make_queue(priority=10**20), "lower it to 1000000000 or less"),
    "a flag in words": (make_queue(active="no"), "queue 'ads': active is 'no': "),
    "an unknown mode": (make_queue(share_mode="ceiling"), "use 'floor' or 'surplus'"),
    "an unknown parent": (make_queue(parent="nobody"), "queue 'ads': parent: 'nobody' isn't there; "),
    "a parent of itself": (make_queue(parent="ads"), "queue 'ads': parent: 'ads' leads back to itself"),
    "no keys": ("ads", "queues[0] is 'ads': has no keys; write keys and values below it"),
}


@pytest.mark.parametrize(("queue", "said"), BAD_QUEUES.values(), ids=BAD_QUEUES)
def test_a_bad_queue_is_told_by_its_name_or_else_its_position(queue: object, said: str) -> None:
    assert said in said_of_queues(queue)


def test_a_name_that_is_there_twice_is_refused() -> None:
    assert "queue 'ads': name: is there twice; " in said_of_queues(make_queue(), {"name": "etl"}, make_queue())


def test_a_cycle_is_refused() -> None:
    assert "queue 'ads': parent: 'etl' leads back to itself" in said_of_queues(
        make_queue(parent="etl"), {"name": "etl", "parent": "ads"}
    )


def test_demand_on_an_inner_queue_is_refused() -> None:
    said = said_of_queues(make_queue(demand={"cpu": 1}), {"name": "etl", "parent": "ads"})
    assert "queue 'ads': demand.cpu: " in said


def test_more_pinned_than_used_is_refused() -> None:
    said = said_of_queues(make_queue(used={"cpu": 1}, used_nonpreemptible={"cpu": 2}))
    assert "queue 'ads': used_nonpreemptible.cpu: " in said


def test_unbounded_demand_without_a_total_is_refused() -> None:
    assert "queue 'ads': demand.gpu: " in said_of_queues(make_queue(min={"gpu": 1}))


def test_a_unit_of_nothing_is_refused() -> None:
    assert "unit.cpu is 0: is 0; raise it above 0" in said_of_queues(make_queue(), unit={"cpu": 0})


@pytest.mark.parametrize("name", ["shares.json", "stdin"])
def test_a_key_that_is_there_twice_in_json_is_refused(name: str) -> None:
    text = '{"total": {"cpu": 1, "cpu": 2}, "queues": [{"name": "ads", "min": {"cpu": 1, "cpu": 2}}]}'
    assert said_of(text, Path(name)).splitlines() == [
        f"{name}: total.cpu: is there twice; keep one of them",
        f"{name}: queue 'ads': min.cpu: is there twice; keep one of them",
    ]


def test_a_key_that_is_there_twice_in_yaml_is_refused_with_its_lines() -> None:
    text = "queues:\n  - name: ads\n    weight: 1\n    weight: 2\n"
    assert said_of(text) == ("shares.yaml: queue 'ads': weight: is there twice, in lines 3 and 4; keep one of them")


def test_all_mistakes_are_told_at_once() -> None:
    said = said_of_queues(make_queue(min={"cpu": -1}, weigth=2), {"weight": -3}, quues=[])
    assert said.splitlines() == [
        "shares.yaml: queue 'ads': min.cpu is -1: is negative; write 0 or more",
        "shares.yaml: queue 'ads': weigth is 2: isn't a key of this version; did you mean weight?",
        "shares.yaml: queues[1].name: is missing; add it",
        "shares.yaml: queues[1].weight is -3: is negative; write 0 or more",
        "shares.yaml: quues is []: isn't a key of this version; did you mean queues?",
    ]


BAD_FILES = {
    "empty": ("", "is empty; write total and queues"),
    "spaces": ("  \n", "is empty"),
    "only a comment": ("# nothing\n", "is empty"),
    "text": ("queues", "has no keys; write total and queues"),
    "a list": ("- name: ads", "has no keys"),
    "no queues": ("total: {cpu: 1}", "queues: is missing; add it"),
    "no list of queues": ("queues: {name: ads}", "queues is {'name': 'ads'}: "),
    "not YAML": ("queues: [", "isn't YAML"),
    "nested too deep": ("[" * 100_000, "isn't YAML: it is nested more than 50 levels deep"),
    "JSON, nested too deep": ('{"a":' * 100_000, "is nested too deep"),
}


@pytest.mark.parametrize(("text", "said"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_says_nothing_useful_is_refused(text: str, said: str) -> None:
    assert said_of(text).startswith(f"shares.yaml: {said}")


@pytest.mark.parametrize("text", ["{", '{"queues": [}', "queues: []", "{'queues': []}"])
def test_a_json_file_has_to_be_json(text: str) -> None:
    assert said_of(text, Path("shares.json")).startswith("shares.json: isn't JSON: ")


def test_an_empty_json_file_is_empty() -> None:
    assert said_of("\n", Path("shares.json")).startswith("shares.json: is empty; ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    with pytest.raises(SettingsError, match="can't be read: No such file or directory; correct the path"):
        shares_file.read(file)


def test_other_encodings_are_refused() -> None:
    with pytest.raises(SettingsError, match="isn't UTF-8 text; save it as UTF-8"):
        shares_file.parse("queues: [{name: küche}]".encode("latin-1"), FILE)
