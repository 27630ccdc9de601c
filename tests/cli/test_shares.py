"""`tidebridge shares`: the answer for people and for programs, the chain to one queue, both modes, and refusals."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from bridge.cli import shares_words
from bridge.core.shares import Binding
from tests.cli.stage import Said, run

EXAMPLE = """
total: {cpu: 1000, memory: 4096}
unit: {cpu: 1, memory: 1}
queues:
  - {name: ads, weight: 3, min: {cpu: 200}, max: {cpu: 800}, demand: {cpu: 900, memory: 500}, used: {cpu: 300}}
  - {name: etl, weight: 1, demand: {cpu: 600, memory: 2000}, used: {cpu: 500}}
"""
ANSWER = {
    "shares": {"ads": {"cpu": 750, "memory": 500}, "etl": {"cpu": 250, "memory": 2000}},
    "usable": {"ads": {"cpu": 750, "memory": 500}, "etl": {"cpu": 250, "memory": 2000}},
    "remaining": {"cpu": 0, "memory": 1596},
    "certificate": {
        "root": {
            "cpu": {"lambda": 250, "mu": None, "tier": 0, "binding": {}},
            "memory": {"lambda": None, "mu": None, "tier": 0, "binding": {"ads": "demand", "etl": "demand"}},
        }
    },
    "corrections": [],
    "reclaim": {"etl": {"cpu": 250}},
}
TREE = """
total: {cpu: 1000, memory: 4096}
unit: {cpu: 1, memory: 1}
queues:
  - {name: online, weight: 3, min: {cpu: 400}}
  - {name: ads, parent: online, weight: 2, max: {cpu: 300}, demand: {cpu: 900, memory: 500}, used: {cpu: 300}}
  - {name: search, parent: online, demand: {cpu: 250, memory: 2000}, used: {cpu: 100}}
  - {name: batch, weight: 1}
  - {name: etl, parent: batch, demand: {cpu: 600}, used: {cpu: 550, memory: 3000}}
  - {name: adhoc, parent: batch, weight: 0.5, min: {cpu: 50}, active: false, demand: {}}
"""
SPLIT = """
total: {cpu: 1000}
unit: {cpu: 1}
queues:
  - {name: ads, min: {cpu: 400}, share_mode: surplus}
  - {name: etl}
"""


class Shares:
    """The command, and the file that it reads."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "shares.yaml"
        self.capture = capture

    def say(self, text: str, *words: str) -> Said:
        self.file.write_text(text, encoding="utf-8")
        return run(self.capture, "shares", str(self.file), *words)


@pytest.fixture
def shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shares:
    return Shares(tmp_path, capsys)


def test_the_worked_example_is_answered_to_the_letter(shares: Shares) -> None:
    said = shares.say(EXAMPLE, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.out == json.dumps(ANSWER, indent=2) + "\n"


def test_stdin_is_read_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EXAMPLE.encode())))
    assert run(capsys, "shares", "-", "--json").json == ANSWER


def test_the_same_queues_in_another_order_give_the_same_bytes(shares: Shares) -> None:
    *head, ads, etl = EXAMPLE.splitlines()
    swapped = "\n".join([*head, etl, ads])
    assert shares.say(EXAMPLE, "--json").out == shares.say(swapped, "--json").out


@pytest.mark.parametrize("total", [10**15 + 1, 2**60 + 1])
def test_large_amounts_are_exact(shares: Shares, total: int) -> None:
    found = shares.say(f"total: {{cpu: {total}}}\nunit: {{cpu: 1}}\nqueues: [{{name: a}}, {{name: b}}]", "--json").json
    assert found["shares"] == {"a": {"cpu": total // 2 + 1}, "b": {"cpu": total // 2}}


def test_without_a_unit_shares_are_numbers_and_whole_ones_have_no_point(shares: Shares) -> None:
    text = "total: {cpu: 1, memory: 4}\nqueues: [{name: a}, {name: b}, {name: c, weight: 2}]"
    found = shares.say(text, "--json").json["shares"]
    assert found == {name: {"cpu": part / 4, "memory": part} for name, part in (("a", 1), ("b", 1), ("c", 2))}
    assert [type(found["c"][resource]) for resource in ("cpu", "memory")] == [float, int]


def test_the_table_shows_the_tree_and_what_binds(shares: Shares) -> None:
    said = shares.say(TREE)
    assert (said.code, said.err) == (0, "")
    assert [line.rstrip() for line in said.out.splitlines()] == [
        "cpu: 1,000 in all, 0 remaining",
        "queue     gets  wants  min                                            bound by",
        "online     550  1,150  400  ████████████████┃█████░░░░░░░░░░░░░░░░░░  demand",
        "  ads      300    900    0  ████████████░░░░░░░░░░░░░░░░░░░░░░░░····  max",
        "  search   250    250    0  ██████████······························  demand",
        "batch      450    600    0  ██████████████████░░░░░░················  weight",
        "  etl      450    600    0  ██████████████████░░░░░░················  weight",
        "  adhoc      0      0   50  ··┃·····································  demand",
        "",
        "memory: 4,096 in all, 0 remaining",
        "queue      gets   wants  min                                          bound by",
        "online    2,500   2,500    0  ███████████████████████···············  demand",
        "  ads       500     500    0  █████·································  demand",
        "  search  2,000   2,000    0  ███████████████████···················  demand",
        "batch     1,596  no end    0  ███████████████░░░░░░░░░░░░░░░░░░░░░░░  weight",
        "  etl     1,596  no end    0  ███████████████░░░░░░░░░░░░░░░░░░░░░░░  weight",
        "  adhoc       0       0    0  ······································  demand",
        "",
        "█ granted  ░ wanted beyond it  ┃ min",
        "take back from etl: 100 cpu, 1,404 memory",
    ]


def test_a_narrow_terminal_cuts_names_and_no_numbers(shares: Shares, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "34")
    said = shares.say(TREE.replace("search", "search-and-recommendation"))
    lines = [line.rstrip() for line in said.out.splitlines()]
    assert lines[:5] == [
        "cpu: 1,000 in all, 0 remaining",
        "queue     gets          bound by",
        "online     550  ██┃░░░  demand",
        "  ads      300  ██░░░·  max",
        "  searc…   250  ██····  demand",
    ]
    assert max(map(len, lines)) <= 34


def test_without_a_terminal_there_is_no_colour(shares: Shares) -> None:
    assert "\x1b" not in shares.say(TREE).out + shares.say(TREE, "--compare").out


def test_a_resource_without_a_total_gives_everybody_what_it_may_have(shares: Shares) -> None:
    said = shares.say("queues: [{name: ads, demand: {gpu: 3}}, {name: etl, demand: {gpu: 2}, max: {gpu: 1}}]")
    assert [line.split() for line in said.out.splitlines()[1:4]] == [
        ["queue", "gets", "wants", "min", "bound", "by"],
        ["ads", "3", "3", "0", "demand"],
        ["etl", "1", "2", "0", "max"],
    ]


def test_corrections_are_told(shares: Shares) -> None:
    found = shares.say(EXAMPLE.replace("min: {cpu: 200}", "min: {cpu: 900}"), "--json").json
    correction = {"queue": "ads", "resource": "cpu", "key": "min", "asked": 900, "became": 800}
    assert found["corrections"] == [correction]
    assert "corrected: ads: min.cpu from 900 to 800" in shares.say(EXAMPLE.replace("{cpu: 200}", "{cpu: 900}")).out


def test_compare_has_floor_beside_surplus_whatever_the_file_says(shares: Shares) -> None:
    found = shares.say(SPLIT, "--compare", "--json").json
    assert {mode: each["shares"] for mode, each in found.items()} == {
        "floor": {"ads": {"cpu": 500}, "etl": {"cpu": 500}},
        "surplus": {"ads": {"cpu": 700}, "etl": {"cpu": 300}},
    }
    assert set(found["floor"]) == set(ANSWER)


def test_compare_for_people(shares: Shares) -> None:
    assert [line.rstrip() for line in shares.say(SPLIT, "--compare").out.splitlines()] == [
        "cpu: 1,000 in all, 0 remaining",
        "queue  floor  surplus  difference",
        "ads      500      700        +200",
        "etl      500      300        -200",
    ]


def test_an_unknown_queue_is_told_with_near_names(shares: Shares) -> None:
    said = shares.say(EXAMPLE, "--explain", "asd")
    assert (said.code, said.out) == (2, "")
    assert "no queue is called 'asd'; did you mean ads?" in said.err


def test_a_queue_unlike_any_other_is_told_with_some_that_there_are(shares: Shares) -> None:
    assert (
        "no queue is called 'nobody'; there are 2, such as ads, etl" in shares.say(EXAMPLE, "--explain", "nobody").err
    )


CHAIN = """
cpu
  root divides 1,000: online gets 550, all that it can use (bounds: 400 to 550)
    online divides 550: ads gets 300, its max (bounds: 0 to 300); more for it
      would come from search
memory
  root divides 4,096: online gets 2,500, all that it can use (bounds: 0 to
    2,500)
    online divides 2,500: ads gets 500, all that it can use (bounds: 0 to 500)
"""


def test_the_chain_to_a_queue_is_told_in_words(shares: Shares) -> None:
    said = shares.say(TREE, "--explain", "ads")
    assert (said.code, said.err) == (0, "")
    assert said.out == CHAIN.lstrip()


def test_a_queue_that_only_its_weight_binds_is_told_its_level_and_who_would_pay(shares: Shares) -> None:
    told = " ".join(shares.say(EXAMPLE, "--explain", "ads").out.split())
    assert "ads gets 750, what its weight gives it: 250 for each 1 of weight" in told
    assert "more for it would come from etl" in told


def test_guarantees_that_do_not_fit_are_told_with_their_part(shares: Shares) -> None:
    text = "total: {cpu: 10}\nunit: {cpu: 1}\nqueues: [{name: ads, min: {cpu: 8}}, {name: etl, min: {cpu: 8}}]"
    told = " ".join(shares.say(text, "--explain", "ads").out.split())
    assert "the guarantees don't fit, and each is cut to 0.625 of itself" in told
    assert "mins cut" in shares.say(text).out
    level = shares.say(text, "--json").json["certificate"]["root"]["cpu"]
    assert level == {"lambda": None, "mu": 0.625, "tier": 0, "binding": {}}


def test_everything_that_binds_has_a_word_and_a_clause() -> None:
    assert set(shares_words.BINDINGS) == set(shares_words.CLAUSES) == set(Binding)


def test_the_chain_is_there_for_programs(shares: Shares) -> None:
    found = shares.say(EXAMPLE, "--explain", "ads", "--json").json
    assert found["queue"] == "ads"
    assert [link["resource"] for link in found["explained"]] == ["cpu", "memory"]
    assert found["explained"][0] == {
        "resource": "cpu",
        "parent": "root",
        "available": 1000,
        "queue": "ads",
        "amount": 750,
        "lower": 200,
        "upper": 800,
        "lambda": 250,
        "mu": None,
        "tier": 0,
        "binding": None,
        "payer": "etl",
    }


def test_two_questions_at_once_are_refused(shares: Shares) -> None:
    said = shares.say(EXAMPLE, "--explain", "ads", "--compare")
    assert (said.code, said.out) == (2, "")
    assert "ask one of them" in said.err


BAD = {
    "an unknown parent": ("parent: nobody", "queue 'etl': parent: 'nobody' isn't there; "),
    "a cycle": ("parent: etl", "queue 'etl': parent: 'etl' leads back to itself"),
    "a negative amount": ("min: {cpu: -1}", "queue 'etl': min.cpu is -1: is negative; write 0 or more"),
    "NaN": ("max: {cpu: .nan}", "queue 'etl': max.cpu is nan: isn't finite"),
    "an unknown key": ("weigth: 2", "queue 'etl': weigth is 2: isn't a key of this version; did you mean weight?"),
    "a name that is there twice": ("order: 1}\n  - {name: ads", "queue 'ads': name: is there twice; "),
}


@pytest.mark.parametrize("words", [[], ["--json"], ["--compare"], ["--explain", "ads"]], ids=" ".join)
@pytest.mark.parametrize(("change", "why"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_queue_and_key_and_nothing_is_computed(
    shares: Shares, change: str, why: str, words: list[str]
) -> None:
    said = shares.say(EXAMPLE.replace("name: etl, weight: 1", f"name: etl, {change}"), *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"tidebridge: {shares.file}: ")
    assert why in said.err
    assert "Traceback" not in said.err


def test_a_mistake_on_stdin_is_told_as_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    said = run(capsys, "shares", "-")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("tidebridge: stdin: is empty; ")
