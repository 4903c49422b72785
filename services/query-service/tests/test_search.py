"""Search is what a shopper expects, tried on the names of the real shop's goods."""

import csv
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

CATALOGUE = Path(__file__).parents[3] / "data" / "online-retail" / "2010-12.csv.gz"


@pytest.fixture(scope="module")
def names(goods_only: Any) -> dict[str, str]:
    """Product id → name of every good of the shop's first two weeks, all of them indexed."""
    found: dict[str, str] = {}
    with gzip.open(CATALOGUE, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["Description"].strip() and row["StockCode"][:1].isdigit() and float(row["UnitPrice"]) > 0:
                found.setdefault(row["StockCode"], row["Description"].strip())
            if len(found) == 1_200:
                break
    documents = [
        {
            "product_id": code,
            "name": name,
            "description": f"{name.title()}, from our gift shop",
            "category": "gifts",
            "unit_amount": 100,
            "currency": "GBP",
            "available": 20,
            "discontinued": False,
            "created_at": "2026-01-01T00:00:00.000000Z",
            "version": 1,
        }
        for code, name in found.items()
    ]
    special = {
        "x-lamp": ("DESK LAMP", "shines like a lantern"),
        "x-cafe": ("CAFÉ AU LAIT BOWL", ""),
        "x-plate": ("PLATES, BOXES AND BERRIES", ""),
        "x-box": ("BOX WITH A BERRY", ""),
        "x-tokyo": ("東京 SOUVENIR", ""),
    }
    template = documents[0]
    documents += [
        {**template, "product_id": code, "name": name, "description": text} for code, (name, text) in special.items()
    ]
    goods_only.write("products", *documents)
    return found | {code: name for code, (name, _) in special.items()}


@pytest.fixture
async def client(goods_only: Any, serve: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(goods_only) as made:
        yield made


@pytest.fixture
def search(client: httpx.AsyncClient, names: dict[str, str]) -> Callable[..., Any]:
    async def run(q: str, limit: int = 100) -> tuple[list[str], int]:
        answer = await client.get("/api/products", params={"q": q, "limit": limit})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return [item["name"] for item in body["items"]], body["total"]

    return run


def holding(names: dict[str, str], *words: str) -> set[str]:
    """The names that hold every word, or a word that begins so."""

    def parts(name: str) -> list[str]:
        return name.lower().replace("-", " ").replace("/", " ").replace(",", " ").replace(".", " ").split()

    return {
        name for name in names.values() if all(any(part.startswith(word) for part in parts(name)) for word in words)
    }


@pytest.mark.parametrize("q", ["lantern", "heart", "christmas", "set", "retrospot", "t-light"])
async def test_a_word_finds_every_name_that_holds_it(search: Any, names: dict[str, str], q: str) -> None:
    expected = holding(names, *q.split("-"))
    found, total = await search(q)
    assert total >= len(expected)
    assert set(found[: len(expected)]) <= expected
    assert min(len(found), len(expected)) == len([name for name in found if name in expected])


async def test_several_words_must_all_be_there_in_any_order(search: Any, names: dict[str, str]) -> None:
    expected = holding(names, "heart", "white")
    assert len(expected) > 3
    for q in ("white heart", "heart white", "WHITE  Heart!"):
        found, total = await search(q)
        assert expected <= set(found)
        assert total < 60
        assert set(found[: len(expected)]) == expected


async def test_words_side_by_side_come_before_scattered_ones(search: Any) -> None:
    found, _ = await search("hanging heart")
    first_scattered = next(n for n, name in enumerate(found) if "HANGING HEART" not in name)
    assert first_scattered >= 1
    assert not any("HANGING HEART" in name for name in found[first_scattered:])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lantrn", "LANTERN"),
        ("lanterm", "LANTERN"),
        ("latnern", "LANTERN"),
        ("lanterns", "LANTERN"),
        ("chrismas", "CHRISTMAS"),
        ("hart", "HEART"),
        ("umbrela", "UMBRELLA"),
        ("reterospot", "RETROSPOT"),
    ],
)
async def test_one_typo_is_forgiven(search: Any, typed: str, meant: str) -> None:
    found, _ = await search(typed)
    assert any(meant in name for name in found), found[:10]


async def test_a_typo_in_one_of_two_words_is_forgiven(search: Any, names: dict[str, str]) -> None:
    found, _ = await search("white hangng heart")
    assert "WHITE HANGING HEART T-LIGHT HOLDER" in found[:3]


async def test_an_exact_word_comes_before_a_misspelt_one(search: Any, names: dict[str, str]) -> None:
    found, _ = await search("hearts")
    exact = [n for n, name in enumerate(found) if "HEARTS" in name]
    other = [n for n, name in enumerate(found) if "HEARTS" not in name]
    assert exact
    assert other
    assert max(exact) < min(other)


async def test_a_name_comes_before_a_description(search: Any) -> None:
    found, _ = await search("lantern")
    assert found[-1] == "DESK LAMP"
    assert len(found) > 5


async def test_beginnings_find_while_typing(search: Any, names: dict[str, str]) -> None:
    for typed in ("lan", "lant", "white hang", "wh ha hea"):
        found, _ = await search(typed)
        assert holding(names, *typed.split()) <= set(found)
        assert found


async def test_short_words_and_numbers_are_taken_as_they_are(search: Any) -> None:
    reds, _ = await search("red")
    assert reds
    assert all(any(word.startswith("red") for word in name.lower().replace("/", " ").split()) for name in reds[:20])
    numbers, _ = await search("1234567")
    assert numbers == []


async def test_plural_finds_singular_and_the_other_way_round(search: Any) -> None:
    for typed in ("box", "boxes", "berry", "berries"):
        found, _ = await search(typed)
        assert {"PLATES, BOXES AND BERRIES", "BOX WITH A BERRY"} <= set(found), typed


async def test_a_product_code_finds_its_product_first(search: Any, names: dict[str, str]) -> None:
    assert (await search("85123A"))[0] == [names["85123A"]]
    assert (await search(" 85123a "))[0][0] == names["85123A"]
    assert (await search("71053"))[0][0] == names["71053"]


async def test_other_scripts_and_forms_find_too(search: Any) -> None:
    assert (await search("東京"))[0] == ["東京 SOUVENIR"]
    assert "CAFÉ AU LAIT BOWL" in (await search("café"))[0]
    assert "CAFÉ AU LAIT BOWL" in (await search("cafe"))[0]
    assert "CAFÉ AU LAIT BOWL" in (await search("ＢＯＷＬ　ｌａｉｔ"))[0]
    assert "POPPY'S PLAYHOUSE BEDROOM" in (await search("poppys playhouse"))[0]
    assert "POPPY'S PLAYHOUSE BEDROOM" in (await search("poppy’s playhouse"))[0]


@pytest.mark.parametrize(
    "q",
    [
        '"',
        "(((",
        "name:* OR *:*",
        "heart AND NOT (",
        '{"match_all":{}}',
        "\\",
        "*",
        "~1",
        "/.*/",
        "🏮🎄",
        "e\u0301\u0301\u0301",
        "\u202e\u200b",
        "\ud7ff\ufffd",
        "x" * 200,
        "a b " * 50,
        "'",
        "a'" * 100,
        "_",
        "__ _",
    ],
)
async def test_any_garbage_is_harmless(search: Any, q: str) -> None:
    _, total = await search(q)
    assert total <= 1_205


async def test_nothing_but_punctuation_finds_nothing(search: Any) -> None:
    assert await search("!!! ---") == ([], 0)


async def test_no_words_list_everything(client: httpx.AsyncClient, names: dict[str, str]) -> None:
    for params in ({}, {"q": ""}, {"q": "  "}):
        assert (await client.get("/api/products", params=params)).json()["total"] == len(names)
