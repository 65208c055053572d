"""Recognisable secrets: random, so that a hit is no chance, and each one of its own, so that a hit names its origin.

All words of a run share a mark of letters. Letters pass through JSON, URLs, HTML and SQL as they are, so one search for
the mark finds what any of these did to the word around it; other encodings are searched for as such.
"""

import base64
import json
import secrets
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from string import ascii_lowercase, digits
from typing import Final
from urllib.parse import quote_plus

MARK_CHARS: Final = 14  # 26**14 marks: none turns up by chance
NUMBER_CHARS: Final = 6  # letters that tell one word from another
CARD_DIGITS: Final = 16
ADDRESSES: Final = IPv6Network("2001:db8::/32")  # for documentation. Source: RFC 3849
URL_ALPHABET: Final = bytes.maketrans(b"+/", b"-_")
KINDS: Final = ("word", "email", "text", "token", "card", "number", "address")


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that was planted."""

    kind: str
    value: str  # as it is sent
    core: str  # the part of it that is searched for
    where: str = ""  # for example `header Cookie of GET /items`


@dataclass(frozen=True, slots=True)
class Planted:
    """What was planted in the course of a drill."""

    mark: str
    secrets: tuple[Secret, ...]
    request_ids: tuple[str, ...]


class Mint:
    """Makes the secrets of one run."""

    def __init__(self) -> None:
        self.mark = "".join(secrets.choice(ascii_lowercase) for _ in range(MARK_CHARS))

    def make(self, kind: str, where: str) -> Secret:
        """Make a secret of one of KINDS; no two are alike."""
        word = self.mark + "".join(secrets.choice(ascii_lowercase) for _ in range(NUMBER_CHARS))
        match kind:
            case "email":
                return Secret(kind, f"{word}@people.example", word, where)
            case "text":
                return Secret(kind, f'Zoë "{word}" O\'Neil & <co>', word, where)
            case "token":
                return Secret(kind, f"tok_{word}", word, where)
            case "card":
                card = _card()
                return Secret(kind, card, card, where)
            case "number":
                number = "7" + "".join(secrets.choice(digits) for _ in range(10)) + "3"
                return Secret(kind, number, number, where)
            case "address":
                address = str(IPv6Address(int(ADDRESSES.network_address) + secrets.randbits(96)))
                return Secret(kind, address, address, where)
            case _:
                return Secret(kind, word, word, where)


def encodings(core: str) -> dict[str, bytes]:
    """Return how a value may look in bytes, by the name of the encoding. All in lower case: search so too.

    What remains of base64 is what its neighbours in the same three bytes cannot change.
    """
    raw = core.lower().encode()
    found = {
        "plain": raw,
        "JSON": json.dumps(core.lower())[1:-1].encode(),
        "URL": quote_plus(core.lower()).lower().encode(),
        "JSON escapes": "".join(f"\\u{ord(char):04x}" for char in core.lower()).encode(),
        "URL escapes": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "hex": raw.hex().encode(),
        "UTF-16": core.lower().encode("utf-16-le")[:-1],
        "backwards": raw[::-1],
    }
    for cased in dict.fromkeys((core, core.lower(), core.upper())):
        for offset in range(3):
            needle = _base64(cased.encode(), offset).lower()
            found[f"base64 of {cased}, offset {offset}"] = needle
            found[f"base64 for URLs of {cased}, offset {offset}"] = needle.translate(URL_ALPHABET)
    return found


def _base64(raw: bytes, offset: int) -> bytes:
    encoded = base64.b64encode(bytes(offset) + raw)
    first = -(-offset * 8 // 6)  # characters that hold bits of what comes before
    return encoded[first : (offset + len(raw)) * 8 // 6]


def _card() -> str:
    """A number that passes for a card's. Source: ISO/IEC 7812-1, annex B (Luhn)."""
    body = "4" + "".join(secrets.choice(digits) for _ in range(CARD_DIGITS - 2))
    doubled = [int(digit) * (2 - index % 2) for index, digit in enumerate(body)]
    return body + str(-sum(sum(divmod(each, 10)) for each in doubled) % 10)
