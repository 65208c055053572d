"""Past rehearsals: all of them, one with its drills and its whole report, and two side by side."""

from functools import partial
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse

from embedded.pages.access import Visit
from embedded.pages.extension import Section
from embedded.pages.frame import Ask, find_scope, render
from rehearsal.baseline import differences, read_baseline
from rehearsal.console.runs import NAME, PAGE, REPORT, Run, find_run, list_runs
from rehearsal.console.sources import Sources
from rehearsal.errors import UsageError

PATH: Final = "/rehearsals/"
SHOWN: Final = 20
CHOICES: Final = 50  # runs that another is compared with
MAX_OFFSET: Final = 1_000_000
# A report is a page of its own, with its style in it. It may look as it likes and do nothing.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; sandbox allow-popups"
)


def rehearsals_section(sources: Sources) -> Section:
    """The pages, for the navigation."""
    router = APIRouter()
    router.add_api_route(PATH, partial(rehearsals, sources.runs))
    router.add_api_route(f"{PATH}{{name}}/", partial(rehearsal, sources.runs))
    router.add_api_route(f"{PATH}{{name}}/{PAGE}", partial(report, sources.runs))
    return Section(PATH, "Rehearsals", router)


def rehearsals(
    runs: Path, request: Request, context: Visit, asked: Ask, offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0
) -> Response:
    """The runs below `runs`, newest first."""
    scope = find_scope(context, asked.project, asked.period)
    found, has_more = list_runs(runs, SHOWN, offset)
    return render(
        request,
        "rehearsals.html.jinja",
        scope=scope,
        runs=found,
        has_more=has_more,
        offset=offset,
        size=SHOWN,
        folder=runs,
    )


def rehearsal(
    runs: Path,
    request: Request,
    context: Visit,
    asked: Ask,
    name: str,
    against: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """One run, and what differs from another one."""
    run = _find(runs, name)
    others = [each for each in list_runs(runs, CHOICES)[0] if each.verdict and each.name != name]
    return render(
        request,
        "rehearsal.html.jinja",
        scope=find_scope(context, asked.project, asked.period),
        run=run,
        others=others,
        against=against,
        differences=_differences(runs, run, against) if against else None,
    )


def report(runs: Path, context: Visit, name: str) -> Response:  # noqa: ARG001 - the visit is checked
    """The report as the run wrote it."""
    if not _find(runs, name).has_page:
        raise HTTPException(404, "This run has left no report.")
    return FileResponse(runs / name / PAGE, headers={"content-security-policy": POLICY}, media_type="text/html")


def _find(runs: Path, name: str) -> Run:
    run = find_run(runs, name)
    if run is None:
        raise HTTPException(404, "There is no such rehearsal.")
    return run


def _differences(runs: Path, run: Run, against: str) -> list[str]:
    """Raises 404 for a run that is not there, 400 for one that cannot be compared."""
    if not NAME.fullmatch(against) or find_run(runs, against) is None:
        raise HTTPException(404, "There is no such rehearsal to compare with.")
    earlier, later = sorted((run.name, against))
    try:
        before, after = (read_baseline(runs / each / REPORT) for each in (earlier, later))
    except UsageError as error:
        raise HTTPException(400, str(error).replace(f"{runs}/", "")) from None
    return differences(before, after, is_whole=True)
