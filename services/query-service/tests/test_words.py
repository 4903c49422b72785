"""What was typed, as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_service.search.words import forgives_a_typo, other_number, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("White  METAL lantern", ["white", "metal", "lantern"]),
        ("t-light SET/6", ["t", "light", "set", "6"]),
        ("poppy's, heart.", ["poppy's", "heart"]),
        ("3.5 A.B", ["3.5", "a.b"]),
        ("mug mug MUG", ["mug"]),
        ("ﬁg ＭＵＧ a_b", ["fig", "mug", "a", "b"]),
        ("!!! ' -", []),
        ("", []),
    ],
)
def test_words_are_split_folded_and_distinct(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text(max_size=200))
def test_any_text_gives_distinct_lower_case_words(text: str) -> None:
    found = words(text)
    assert len(found) == len(set(found))
    assert all(word and word == word.lower() and not word.isspace() for word in found)


@pytest.mark.parametrize(("word", "forgiven"), [("mug", False), ("mugs", True), ("71053", False), ("8512a", False)])
def test_a_typo_is_forgiven_in_words_of_four_letters_and_more(word: str, forgiven: bool) -> None:
    assert forgives_a_typo(word) is forgiven


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("boxes", "box"),
        ("berries", "berry"),
        ("berry", "berries"),
        ("toy", None),
        ("ties", None),
        ("yes", None),
        ("mugs", None),
        ("lantern", None),
        ("sky", None),
    ],
)
def test_the_other_number_is_guessed_where_it_differs_by_more_than_a_letter(word: str, other: str | None) -> None:
    assert other_number(word) == other
