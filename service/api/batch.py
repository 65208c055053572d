"""Many graphs in one request: each is answered, or refused with the error that it would have had on its own.

Only mistakes of the caller are answers of an item. A failure of ours fails the request: it is one 5xx, one error event.
"""

from functools import partial
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import State

from service.api.batch_schemas import BatchItem, BatchValidateRequest, BatchValidateResponse
from service.api.computing import ERROR_RESPONSES, compute, hold_back
from service.api.crumbs import describe
from service.api.identifying import find_identification, is_large
from service.api.schemas import ValidateRequest
from service.error_handlers import error_body
from service.errors import SERVER_ERROR, IslError
from service.pool import Task
from service.request_id import current_request_id

PREFIX: Final = "/api/v1/batch"
MANY: Final = "<batch>"  # in place of the asked pair, of which there are many

router = APIRouter(prefix=PREFIX, tags=["batch"], responses=ERROR_RESPONSES, dependencies=[Depends(hold_back)])


@router.post("/validate", response_model=BatchValidateResponse)
async def validate_batch(body: BatchValidateRequest, request: Request) -> Response:
    """Answer up to 50 questions of `causal/validate`, each with its result or its error. The status is 200 for both."""
    state = request.app.state
    pool = state.long if any(is_large(item.dag) for item in body.items) else state.pool
    return await compute(request, partial(_validate, body, state), pool)


def _validate(body: BatchValidateRequest, state: State, task: Task) -> BatchValidateResponse:
    nodes = sum(len(item.dag.nodes) for item in body.items)
    edges = sum(len(item.dag.edges) + len(item.dag.bidirected) for item in body.items)
    describe("batch_identify", nodes, edges, MANY, MANY)
    items = [_answer(index, item, state, task) for index, item in enumerate(body.items)]
    failed = sum(item.error is not None for item in items)
    return BatchValidateResponse(
        items=items, succeeded=len(items) - failed, failed=failed, request_id=current_request_id()
    )


def _answer(index: int, item: ValidateRequest, state: State, task: Task) -> BatchItem:
    try:
        kept, is_hit = find_identification(item, state, task)
        return BatchItem(index=index, result=kept.resolve(), cache_hit=is_hit)
    except IslError as error:
        if error.status_code >= SERVER_ERROR:
            raise
        return BatchItem(index=index, error=error_body(error, current_request_id()))
