"""What a shopper typed, as words to search for: pure, and harmless whatever was typed."""

import re
import unicodedata
from typing import Any, Final

_WORD: Final = re.compile(r"\w+(?:['’.]\w+)*")
_SHORTEST_FUZZY: Final = 4  # one typo in three letters makes another word
_SHORTEST_STEM: Final = 3

Query = dict[str, Any]


def words(text: str) -> list[str]:
    """The distinct words of `text` in order, split as Elasticsearch's standard tokenizer splits, compatibility forms
    (full width, ligatures) made plain. Punctuation alone is no word.
    """
    found = _WORD.findall(unicodedata.normalize("NFKC", text).replace("_", " "))
    return list(dict.fromkeys(word.lower() for word in found))


def forgives_a_typo(word: str) -> bool:
    """Whether one wrong letter is forgiven: in words, not in numbers and codes, of at least four letters."""
    return len(word) >= _SHORTEST_FUZZY and not any(character.isdigit() for character in word)


def other_number(word: str) -> str | None:
    """The likely singular of an English plural or the reverse, where they differ by more than the one letter that is
    forgiven anyway or than a beginning; else None.

    boxes → box, berries → berry, berry → berries. There is no stemmer in Elasticsearch's core; a wrong guess finds
    nothing.
    """
    if word.endswith("ies") and len(word) > _SHORTEST_STEM + 2:
        return word[:-3] + "y"
    if word.endswith("es") and len(word) >= _SHORTEST_STEM + 2:
        return word[:-2]
    if word.endswith("y") and len(word) > _SHORTEST_STEM and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return None


def exact(field: str, word: str, score: int) -> Query:
    """Documents whose `field` holds the word, for `score`."""
    return _scored({"match": {field: {"query": word, "operator": "and"}}}, score)


def prefix(field: str, word: str, score: int) -> Query:
    """Documents with a word in `field` that begins so."""
    return _scored({"match_bool_prefix": {field: {"query": word, "operator": "and"}}}, score)


def fuzzy(field: str, word: str, score: int) -> Query:
    """Documents with a word in `field` that differs by one letter, not the first; a swap of neighbours is one."""
    options = {"query": word, "operator": "and", "fuzziness": 1, "prefix_length": 1}
    return _scored({"match": {field: options}}, score)


def best_of(*queries: Query) -> Query:
    """The highest score of those that match."""
    return {"dis_max": {"queries": list(queries)}}


def _scored(query: Query, score: int) -> Query:
    # Small whole numbers: their sums are exact, so a score is the same in every search and can stand in a cursor
    # however documents change meanwhile (CORRECTNESS 23).
    return {"constant_score": {"filter": query, "boost": score}}
