"""The bank's files: they can be read, they are whole, and a fault is told with file, line and remedy."""

import pytest

from connectors.providers.builtin.bank.shelves import BankError, genre, genres, parse


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
