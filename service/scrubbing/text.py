"""Text in, the same text without what nobody may read out. Total, and linear in the length of the text.

Every repetition in a pattern is bounded or starts at a word's start: a message of one long word must not cost seconds.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

FILTERED: Final = "[Filtered]"  # as Sentry writes it
TEXT_LIMIT: Final = 2048  # characters; the rest of a longer text is data and no message
ELLIPSIS: Final = "..."
# Most texts of an event come again with the next: names, source lines, headers. About 2 MB when it is full.
CACHED_TEXTS: Final = 8192
CACHED_LENGTH: Final = 160  # characters

# Parts of names whose values are secrets, as in DB_PASSWORD, x-auth-token, apiKey or client_secret.
_SENSITIVE_WORDS: Final = (
    r"passw|pass[_-](?:word|wd)|pass[_-]?phrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|authori[sz]ation|credential|cookie|session[_-]?id|csrf|xsrf|jwt|signature"
)
SENSITIVE_NAME: Final = rf"(?:{_SENSITIVE_WORDS})"

Replacement = str | Callable[[re.Match[str]], str]

# Without one of these a text holds nothing of the list below; most texts end here. Each begins with a character that is
# given, so that `re` skips from one to the next; to ignore case, it would try all of them everywhere.
_TRIGGER: Final = re.compile(
    rf"[@?#]|eyj|-----begin|bearer|basic|gh[pousr]_|github_pat|xox|[srp]k[_-]|sntry|akia|asia|{_SENSITIVE_WORDS}"
)
_TRIGGER_IN_ANY_CASE: Final = re.compile(_TRIGGER.pattern, re.I)  # knows letters beyond ASCII that count as one of it
_TRIGGER_DIGITS: Final = re.compile(r"\d[\d -]{11}")


def _mask_card(found: re.Match[str]) -> str:
    digits = [int(each) for each in found[0] if each.isdigit()]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[-2::-2]]
    return FILTERED if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else found[0]  # Luhn, ISO/IEC 7812-1 annex B


_RULES: Final[tuple[tuple[re.Pattern[str], Replacement], ...]] = (
    (re.compile(r"-----BEGIN[A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END[A-Z ]{0,40}-----|\Z)", re.S), FILTERED),
    (re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)[^/\s@]{1,256}@", re.I), rf"\1{FILTERED}@"),  # user and password
    (re.compile(r"(?<![\w.+:-])[\w.+-]{1,64}:[^\s@/:'\"<>]{1,256}@(?=[\w\[])"), f"{FILTERED}@"),  # without a scheme
    (re.compile(r"(\b[a-z]{2,10}://[^\s?#\"'<>]{1,512})[?#][^\s\"'<>]*", re.I), rf"\1?{FILTERED}"),
    (re.compile(r"\?[^\s\"'<>=]{1,100}=[^\s\"'<>]*"), f"?{FILTERED}"),  # the query of a path without a host
    (re.compile(r"\b(bearer)\s+[\w.~+/=-]{4,}", re.I), rf"\1 {FILTERED}"),
    (re.compile(r"\b(basic)\s+(?=[\w+/]{0,256}[\d=])[\w+/=]{6,}", re.I), rf"\1 {FILTERED}"),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}"), FILTERED),  # JSON Web Tokens
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{12,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|xox[a-z]-[\w-]{8,}"
            r"|(?:sk|rk|pk)[_-](?:live|test|proj)[_-][\w-]{8,}|sntry[su]_[\w=/+-]{16,})"
        ),
        FILTERED,
    ),
    # Headers as a line: their values have parts of their own, up to the end of the line.
    (re.compile(r"\b((?:authorization|cookie)\s{0,3}[:=])[^\"'\n][^\n]*", re.I), rf"\1 {FILTERED}"),
    (
        re.compile(
            rf"(?<![\w-])([\w.-]{{0,40}}?{SENSITIVE_NAME}[\w.-]{{0,40}})(\\{{0,2}}[\"']?\s{{0,3}}[:=]\s{{0,3}})"
            r"(?:\[Filtered\]|\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|[^\s,;&)}\]]+)",
            re.I | re.S,
        ),
        rf"\1\2{FILTERED}",
    ),
    (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}\b", re.I), FILTERED),  # e-mail addresses
    (re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?!\w)(?![.-]\d)"), _mask_card),
)
_QUOTED: Final = re.compile(r"(?<!\w)(['\"`])(?:\\.|(?!\1).){0,2048}?(?:\1(?!\w)|\Z)", re.S)
_SQL_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"/\*.*?(?:\*/|\Z)", re.S), ""),
    (re.compile(r"--[^\n]*"), ""),
    (re.compile(r"\$(\w{0,20})\$.*?(?:\$\1\$|\Z)", re.S), "?"),
    (re.compile(r"'[^']*(?:'|\Z)"), "?"),  # a doubled quote inside leaves two marks, and no text
    (re.compile(r"(?<![\w.:$])\d+(?:\.\d+)?\b"), "?"),
)


def scrub_text(text: str) -> str:
    """Replace secrets, personal data and query strings, and cut what is too long."""
    if len(text) <= CACHED_LENGTH:
        return scrub_short(text)
    return _apply_rules(text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + ELLIPSIS)


@lru_cache(maxsize=CACHED_TEXTS)
def scrub_short(text: str) -> str:
    """Scrub a text of at most CACHED_LENGTH characters."""
    return _apply_rules(text)


def _apply_rules(text: str) -> str:
    found = _TRIGGER.search(text.lower()) if text.isascii() else _TRIGGER_IN_ANY_CASE.search(text)
    if found is None and _TRIGGER_DIGITS.search(text) is None:
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def scrub_quotes(text: str) -> str:
    """Replace what stands in quotes as well: errors of Python and of libraries quote the value that they refuse."""
    return _QUOTED.sub(rf"\1{FILTERED}\1", scrub_text(text))


def scrub_sql(text: str) -> str:
    """Keep the statement and replace its literals and comments."""
    text = scrub_text(text)
    for pattern, mark in _SQL_RULES:
        text = pattern.sub(mark, text)
    return text
