"""Which texts of people are taken, and when two are the same."""

import unicodedata

import pytest
from pydantic import TypeAdapter, ValidationError

from holdfast.contracts import fields, requests
from holdfast.contracts.texts import (
    COUNTRIES,
    country,
    email_address,
    normal_email,
    not_blank,
    password_forms,
    visible_text,
)

NAME = TypeAdapter(fields.Text200)


@pytest.mark.parametrize(
    "name",
    [
        "Ann Lee", "Zoë", "O'Neill-Smith", "李小龍", "Ðorđe", "محمد", "علی‌رضا", "क्‍ष", "👩‍👩‍👧", "🇬🇧", "❤️",
        "a\u00a0b", "№ 5", "ﬁ", "I\u0307",
    ],
)  # fmt: skip
def test_names_of_all_scripts_are_taken_in_nfc(name: str) -> None:
    assert NAME.validate_python(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    [
        "\u200b", "a\u200bb", "\u202eevil", "a\u2066b\u2069", "\ufeff", "a\u00adb", "\u2060", "\u180e",
        "\u3164", "\u115f",
        "\uffa0", "\u200d", "\u200cab", "ab\u200d", "a\u200d\u200db", "\x00", "a\nb", "\x7f", "\x85",
        "\ud800", "\ue000",
        "\U000e0041", "\U000f0000", "\u0378", "\u2028", "\u2029", "", " ", "\u00a0\u2003", "\u061c", "\ufff9",
    ],
)  # fmt: skip
def test_what_is_not_seen_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError):
        NAME.validate_python(name)


def test_an_optional_text_may_be_empty_and_still_holds_nothing_invisible() -> None:
    assert visible_text("") == ""
    with pytest.raises(ValueError, match=r"U\+200B"):
        visible_text("a\u200b")
    with pytest.raises(ValueError, match="blank"):
        not_blank("  ")


@pytest.mark.parametrize(
    "email",
    [
        "ann@example.com", "ANN.lee+shop@sub.example.co.uk", "o'neill@example.com", "a!#$%&'*+/=?^_`{|}~-b@example.com",
        "strauß@example.com", "δοκιμή@παράδειγμα.gr", "ann@xn--bcher-kva.example", "ann@bücher.example",
        "1@2.example", "ann@shop.test", "a" * 64 + "@example.com",
    ],
)  # fmt: skip
def test_addresses_that_mailboxes_have_are_taken_as_they_are_written(email: str) -> None:
    assert email_address(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "", "@", "ann", "ann@", "@example.com", "ann@example", "<a@example.com>", "Ann <a@example.com>",
        "a@-example.com",
        "a@example-.com", "a@exa_mple.com", "a..b@example.com", ".a@example.com", "a.@example.com", "a@example..com",
        "a@.example.com", "a@example.com.", "a b@example.com", "a@exam ple.com", "a@b@example.com", '"a b"@example.com',
        "a@[127.0.0.1]", "a\u200b@example.com", "a@exa\u202emple.com", "a\n@example.com", "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com", "a,b@example.com", "a;b@example.com", "a(b)@example.com",
        "a@example.com, b@example.com",
        "a\\b@example.com", "mailto:a@example.com",
    ],
)  # fmt: skip
def test_what_no_mailbox_has_is_refused(email: str) -> None:
    with pytest.raises(ValueError, match=r"e-mail|invisible|between"):
        email_address(email)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zoe\u0308@example.com", "zoë@example.com"),
        ("Ann@Example.COM", "ann@example.com"),
        (" ann@example.com ", "ann@example.com"),
        ("ΑΣ@example.com", "ας@example.com"),
        ("ÉCOLE@example.com", "e\u0301cole@example.com"),
        ("STRAẞE@example.com", "straße@example.com"),
        ("\u212bngstrom@example.com", "ångstrom@example.com"),
    ],
)
def test_one_person_writes_an_address_in_several_ways(one: str, other: str) -> None:
    assert normal_email(one) == normal_email(other)
    assert normal_email(normal_email(one)) == normal_email(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("strauß@example.com", "strauss@example.com"),
        ("ﬁ@example.com", "fi@example.com"),
        ("ann@example.com", "ann+shop@example.com"),
        ("a.nn@example.com", "ann@example.com"),
        ("а@example.com", "a@example.com"),
    ],
)
def test_two_mailboxes_stay_two(one: str, other: str) -> None:
    assert normal_email(one) != normal_email(other)


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    assert password_forms("pass wörd") == ("pass wörd",)
    assert password_forms("pass wo\u0308rd") == ("pass wörd", "pass wo\u0308rd")
    new = {"email": "a@example.com", "password": "pass wo\u0308rd long", "name": "A"}
    assert requests.NewCustomer.model_validate(new).password == "pass wörd long"


@pytest.mark.parametrize("code", ["ZZ", "UK", "EU", "XK", "AA", "QM", "XX", "gb", "GBR", "", "G B"])
def test_what_is_no_country_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="ISO 3166"):
        country(code)


def test_all_countries_are_taken() -> None:
    assert len(COUNTRIES) == 249
    assert {country(code) for code in ("GB", "DE", "SS", "CW", "AX")} == {"GB", "DE", "SS", "CW", "AX"}
