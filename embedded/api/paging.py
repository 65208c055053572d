"""Cursor paging as Sentry does it: `cursor=0:<offset>:0`, and a Link header with the previous and the next page."""

from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from embedded.api.context import invalid
from embedded.dsn import parse_number

MAX_PAGE = 100
FIRST = "0:0:0"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows are asked for. Read `limit + 1` rows, so that `cut` can tell whether more follow."""

    offset: int
    size: int

    @property
    def limit(self) -> int:
        return self.size + 1


def _page(
    cursor: str = FIRST,
    per_page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    limit: Annotated[int | None, Query(ge=1, le=MAX_PAGE)] = None,
) -> Page:
    parts = (cursor or FIRST).split(":")  # sentry-cli asks for the first page with an empty one
    offset = parse_number(parts[1]) if len(parts) == 3 else None
    if offset is None:
        raise invalid("cursor", "Invalid cursor parameter.")
    return Page(offset, limit or per_page)


Paging = Annotated[Page, Depends(_page)]


@dataclass(frozen=True, slots=True)
class Listing:
    """The page that is asked for, and the answer that says whether there are more."""

    page: Page
    request: Request
    response: Response

    def cut(self, rows: list[T]) -> list[T]:
        """Return the page's rows, of rows that were read from its offset on."""
        return cut(rows, self.page, self.request, self.response)

    def of(self, rows: list[T]) -> list[T]:
        """Return the page's rows, of all that there are."""
        return self.cut(rows[self.page.offset : self.page.offset + self.page.limit])


def _listing(page: Paging, request: Request, response: Response) -> Listing:
    return Listing(page, request, response)


Listed = Annotated[Listing, Depends(_listing)]


def cut(rows: list[T], page: Page, request: Request, response: Response) -> list[T]:
    """Return the page's rows and say in the Link header whether there are more."""
    has_more = len(rows) > page.size
    links = [
        _link(request, max(0, page.offset - page.size), "previous", has_results=page.offset > 0),
        _link(request, page.offset + page.size, "next", has_results=has_more),
    ]
    response.headers["Link"] = ", ".join(links)
    return rows[: page.size]


def _link(request: Request, offset: int, rel: str, *, has_results: bool) -> str:
    is_previous = int(rel == "previous")
    cursor = f"0:{offset}:{is_previous}"
    url = request.url.include_query_params(cursor=cursor)
    return f'<{url}>; rel="{rel}"; results="{str(has_results).lower()}"; cursor="{cursor}"'
