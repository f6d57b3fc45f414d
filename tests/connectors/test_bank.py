"""The bank's files: they can be read, they are whole, and a fault is told with file, line and remedy."""

import subprocess
import sys
from dataclasses import replace

import pytest

from connectors.providers.builtin.bank.census import violations
from connectors.providers.builtin.bank.shelves import BankError, genre, genres, parse
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.company import with_company
from connectors.providers.builtin.idea import read
from connectors.providers.builtin.model import invent, lending
from genesis.session.brief import Brief


@pytest.mark.parametrize("name", genres())
def test_every_genre_can_be_read(name: str) -> None:
    assert genre(name).premises


def test_an_unknown_genre_names_those_there_are() -> None:
    with pytest.raises(BankError, match="quiet_fantasy"):
        genre("tax law")


LOOK = 'looks = [{look = "a scar", voice = "low"}]'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("looks = [", "not TOML"),
        ('[[looks]]\nlook = "a scar"', r"people\.toml: looks › voice: Field required; add it"),
        ('[[looks]]\nlook = "a scar"\nvoice = "low"\nhue = "red"', "hue: Extra inputs.*take it out"),
        ('[[looks]]\nlook = "{L.hat}"\nvoice = "low"', "no form “hat”"),
        ('[[looks]]\nlook = "{L"\nvoice = "low"', "brace belongs to no slot"),
        ('[[looks]]\nlook = "{L.v}"\nvoice = "low"', "a verb is written"),
        (
            '\n[[chains]]\nid = "nurse"\npart = "Q"\ntitle = "t"\nquestion = "q"\nbeats = []',
            "line 3: chains › “nurse” › part: .*choose one of those",
        ),
    ],
)
def test_a_fault_is_told_with_its_place_and_remedy(text: str, said: str) -> None:
    with pytest.raises(BankError, match=said):
        parse("noir", {"people.toml": text})


def test_entries_of_several_files_come_together() -> None:
    assert len(parse("noir", {"a.toml": LOOK, "b.toml": LOOK}).looks) == 2


def test_people_and_towns_have_names_of_the_cultures_that_a_premise_asks_for() -> None:
    shelf = genre("historical")
    for premise in shelf.premises:
        fitting = [each for each in shelf.cultures if each.id in premise.cultures]
        firsts = {name for each in fitting for name in (*each.she, *each.he, *each.they)}
        towns = {town for each in fitting for town in each.towns}
        for seed in range(3):
            choice = Choice(seed)
            model = with_company(invent(shelf, premise, Brief(seed=seed), read(""), choice, "told", seed), choice)
            assert {model.person(part).first for part in "LNDAMRW"} <= firsts, premise.id
            assert model.text("town") in towns, premise.id


def test_a_blend_can_say_what_only_the_second_premise_has_slots_for() -> None:
    shelf = genre("quiet_fantasy")
    (lender,) = (each for each in shelf.premises if "{contest}" in each.rules[0].statement)
    (first, *_) = (each for each in shelf.premises if "contest" not in each.more)
    alone = invent(shelf, first, Brief(seed=1), read(""), Choice(1), "told")
    said = lending(lender, alone).say(lender.rules[0].statement, 300)
    assert any(option in said for option in lender.more["contest"].options)
    assert lending(lender, alone).slots.items() >= alone.slots.items()


def test_a_culture_that_does_not_exist_is_told() -> None:
    shelf = genre("mystery")
    first, *others = shelf.premises
    wrong = replace(shelf, premises=(first.model_copy(update={"cultures": ("moon",)}), *others))
    assert [each for each in violations(wrong) if "no culture “moon”" in each]


def test_a_beat_that_the_plot_does_not_have_can_not_be_put_elsewhere() -> None:
    shelf = genre("mystery")
    first, *others = shelf.premises
    wrong = replace(shelf, premises=(first.model_copy(update={"where": {"picnic": "wild"}}), *others))
    assert [each for each in violations(wrong) if "no beat “picnic”" in each]


LAZY = """
import tracemalloc
from connectors.providers.builtin.bank.shelves import genre, genres
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.rehearsal import request
from genesis.session.brief import Brief
from genesis.session.stages import Stage

assert genre.cache_info().currsize == 0, "importing reads no bank"
propose(request(Stage.CONCEPT_SELECTION, Brief(genre="crime noir", seed=1), {}))
assert genre.cache_info().currsize == 1, "a session reads the bank of its own genre"
tracemalloc.start()
for name in genres():
    genre(name)
print(tracemalloc.get_traced_memory()[1])
"""


def test_a_genre_is_read_when_it_is_first_needed_and_all_of_them_fit_into_thirty_megabytes() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) < 30_000_000
