"""Names as a person reads them: what cannot be seen goes, and what looks like a letter of ASCII becomes it.

Source: Unicode's normalisation (UAX 15, NFKD), categories and names of letters; for what looks like Latin and is not,
https://www.unicode.org/reports/tr39/. Of other scripts the letters of Cyrillic and Greek are known.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

LETTERS_KEPT: Final = 1024  # of which the reading is remembered
_BLANKS: Final = "\u115f\u1160\u2800"  # nothing is seen of these letters and this symbol
# O WITH STROKE, DOTLESS I, SMALL CAPITAL A. What has a decomposition, as most accents, does not come this far.
_LATIN: Final = re.compile(r"LATIN (?:SMALL |CAPITAL )?LETTER (?:(?:SMALL CAPITAL|DOTLESS|SCRIPT|OPEN) )*([A-Z])\b")
_LOOK_ALIKES: Final = (  # how names of letters begin; then the rest of each name, and what it looks like
    ("LATIN SMALL LETTER", "ALPHA a, SHARP S ss"),
    ("CYRILLIC SMALL LETTER", "A a, VE b, ES c, KOMI DE d, IE e, EN h, SHHA h, BYELORUSSIAN-UKRAINIAN I i, JE j, KA k"),
    ("CYRILLIC SMALL LETTER", "PALOCHKA l, EM m, O o, ER p, QA q, GHE r, DZE s, TE t, IZHITSA v, WE w, HA x, U y"),
    ("CYRILLIC CAPITAL LETTER", "A A, VE B, ES C, KOMI DE D, IE E, EN H, SHHA H, BYELORUSSIAN-UKRAINIAN I I, JE J"),
    ("CYRILLIC CAPITAL LETTER", "KA K, EM M, O O, ER P, QA Q, DZE S, TE T, IZHITSA V, WE W, HA X, U Y"),
    ("CYRILLIC LETTER", "PALOCHKA I"),
    (
        "GREEK SMALL LETTER",
        "ALPHA a, BETA b, EPSILON e, IOTA i, KAPPA k, ETA n, NU v, OMICRON o, SIGMA o, RHO p, TAU t",
    ),
    ("GREEK SMALL LETTER", "UPSILON u, CHI x, GAMMA y, OMEGA w"),
    ("GREEK CAPITAL LETTER", "ALPHA A, BETA B, EPSILON E, ZETA Z, ETA H, IOTA I, KAPPA K, MU M, NU N, OMICRON O"),
    ("GREEK CAPITAL LETTER", "RHO P, TAU T, UPSILON Y, CHI X"),
)
_BY_NAME: Final[dict[str, str]] = {
    f"{begin} {name}": letters
    for begin, rest in _LOOK_ALIKES
    for name, letters in (each.rsplit(" ", maxsplit=1) for each in rest.split(", "))
}


def read_plainly(name: str) -> str:
    """Return the name in letters of ASCII, as far as it looks like them; itself, where it is ASCII and can be seen."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(map(_read_letter, unicodedata.normalize("NFKD", name)))


@lru_cache(maxsize=LETTERS_KEPT)
def _read_letter(letter: str) -> str:
    kind = unicodedata.category(letter)[0]
    if letter.isspace() or kind in "PZ":
        return letter if letter.isascii() else "_"
    if kind in "CM" or letter in _BLANKS:
        return ""
    name = unicodedata.name(letter, "")
    found = _LATIN.match(name)
    if letter.isascii() or found is None:
        return _BY_NAME.get(name, letter)
    return found[1].lower() if letter.islower() else found[1]
