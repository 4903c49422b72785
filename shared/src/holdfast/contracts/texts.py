"""Texts that people write: which characters they may hold, and the one form in which they are compared.

Texts come out in Unicode's form NFC, so that what looks the same is the same. Refused are control characters, halves of
surrogate pairs, and what is not seen: format characters (among them the overrides of direction), fillers, private and
unassigned code points. A joiner (U+200C, U+200D) is taken between two characters that are seen, as Persian and emoji
need it.
"""

import re
import unicodedata
from typing import Final

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

# Domains for tests and local networks can have mailboxes too. The list is email_validator's documented setting.
SPECIAL_USE_DOMAIN_NAMES.clear()

_JOINERS: Final = "\u200c\u200d"
# Letters for Unicode, but nothing is seen of them.
_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PLAIN: Final = re.compile(r"[\x20-\x7e\xa1-\xac\xae-\u02ff]*")  # nothing in it has to be looked at one by one


def visible_text(value: str) -> str:
    """The text in NFC. Raises ValueError if it holds a character that is not allowed."""
    if _PLAIN.fullmatch(value):
        return value
    for index, character in enumerate(value):
        if character in _JOINERS:
            if not (0 < index < len(value) - 1 and _is_seen(value[index - 1]) and _is_seen(value[index + 1])):
                raise ValueError(f"must not hold U+{ord(character):04X} but between two characters")
        elif unicodedata.category(character) in _UNSEEN or character in _FILLERS:
            raise ValueError(f"must not hold control or invisible characters, such as U+{ord(character):04X}")
    return unicodedata.normalize("NFC", value)


def not_blank(value: str) -> str:
    """Raises ValueError for a text of which nothing is seen."""
    if not any(_is_seen(character) and not character.isspace() for character in value):
        raise ValueError("must not be blank")
    return value


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in _UNSEEN and character not in _FILLERS


def email_address(value: str) -> str:
    """The address in NFC, as it was written otherwise. Raises ValueError if no mailbox can have it.

    What browsers take is taken, but for dots that no mailbox has, and for domains without one; letters of all scripts
    too.
    """
    value = visible_text(value)
    try:
        validate_email(value, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError("must be an e-mail address") from error
    return value


def normal_email(email: str) -> str:
    """The form in which an e-mail is unique: NFC, surrounding space dropped, capitals as small letters.

    `ß` stays what it is: `strauß@` and `strauss@` are two mailboxes. So only foldings of one character to one count.
    """
    folded = "".join(_folded(character) for character in unicodedata.normalize("NFC", email.strip()))
    return unicodedata.normalize("NFC", folded)


def _folded(character: str) -> str:
    folded = character.casefold()
    return folded if len(folded) == 1 else character.lower()


def password_forms(password: str) -> tuple[str, ...]:
    """What is to be tried for a password that was typed: NFC, then, if it differs, as it came. Passwords from before
    were hashed as they came."""
    normal = unicodedata.normalize("NFC", password)
    return (normal,) if normal == password else (normal, password)


COUNTRIES: Final = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """.split()  # noqa: SIM905
)
"""ISO 3166-1 alpha-2: the 249 codes that are assigned. `UK` and `EU` are only reserved."""


def country(value: str) -> str:
    """Raises ValueError for what is no country's code."""
    if value not in COUNTRIES:
        raise ValueError("must be an assigned code of ISO 3166-1 alpha-2, such as GB")
    return value
