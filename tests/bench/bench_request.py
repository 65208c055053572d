"""What its instrumentation takes of one request, stage by stage, in process: no server, no other work, one core.

Run as `python tests/bench/bench_request.py`, about two minutes. Each stage is a process of its own, in which the same
requests are answered one after the other; the stages take turns. Then an envelope is posted, by the SDK's transport and
by ours. Prints one JSON object per figure: CPU time of the process, whose least says most on a machine with other work.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import sentry_sdk
from fastapi import FastAPI
from sentry_sdk.envelope import Envelope
from sentry_sdk.scope import add_global_event_processor
from sentry_sdk.transport import HttpTransport
from starlette.types import Message, Scope

from service.app import build_app
from service.graph import Checkpoint
from service.pool import Task
from service.scrubbing import one_pass
from service.sending.transport import FrugalTransport
from service.settings import load_settings
from tests.bench.bench_service import VALIDATE, run_sink, show, small_body
from tests.bench.request_parts import PARTS, SERVICE, THE_SDK, PartProfiler

ROUNDS = 3  # of all stages
STRETCHES, STRETCH = 30, 70  # requests
WARM = 3  # stretches that are not measured
PROFILED = 100  # stretches: a part of 20 us is seen in some ten of them
POSTS = 100


def _drop_transactions() -> None:
    add_global_event_processor(lambda event, _hint: None if event.get("type") == "transaction" else event)


def _post_nothing() -> None:
    transport = sentry_sdk.get_client().transport
    assert transport is not None
    transport.capture_envelope = lambda _envelope: None  # type: ignore[assignment,method-assign]


def _scrub_nothing() -> None:
    one_pass.scrub_event = dict  # type: ignore[assignment,attr-defined]
    _post_nothing()


# What is changed before the first request; None: Sentry is off.
STAGES: dict[str, tuple[str, Callable[[], None]] | None] = {
    "SDK off": None,
    "unsampled": ("0", lambda: None),
    "sampled, thrown away": ("1", _drop_transactions),
    "sampled, not scrubbed": ("1", _scrub_nothing),
    "sampled, not sent": ("1", _post_nothing),
    "sampled": ("1", lambda: None),
}


def _build(folder: Path, dsn: str, stage: tuple[str, Callable[[], None]] | None) -> FastAPI:
    own = {
        "ISL_AUTH_DISABLED": "true",
        "ISL_DATABASE_URL": f"sqlite:///{folder}/isl.db",
        "ISL_LOG_LEVEL": "ERROR",
        "ISL_RATE_LIMIT": "1000000/minute",
        "ISL_WORKERS": "1",
    }
    if stage is None:
        return build_app(load_settings(own))
    on = {"SENTRY_ENABLED": "true", "SENTRY_DSN": dsn, "SENTRY_PROFILES_SAMPLE_RATE": "0"}
    app = build_app(load_settings(own | on | {"SENTRY_TRACES_SAMPLE_RATE": stage[0]}))
    stage[1]()
    return app


async def _ask(app: FastAPI, body: bytes) -> None:
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": VALIDATE,
        "raw_path": VALIDATE.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200

    await app(scope, receive, send)


async def _ask_stretch(app: FastAPI, turn: int) -> float:
    """Answer a stretch of requests, none of which the cache knows; return the CPU time of one in microseconds."""
    bodies = [json.dumps(small_body(f"t{turn}_{place}_")).encode() for place in range(STRETCH)]
    begun = time.process_time()
    for body in bodies:
        await asyncio.create_task(_ask(app, body))  # as a server does, in a context of its own
    return (time.process_time() - begun) / STRETCH * 1e6


async def _measure(app: FastAPI) -> list[float]:
    """CPU time of a request in each stretch, in microseconds."""
    async with app.router.lifespan_context(app):
        return [await _ask_stretch(app, turn) for turn in range(WARM + STRETCHES)][WARM:]


async def _profile(app: FastAPI) -> dict[str, float]:
    """CPU time by part, in microseconds for each request, where the event loop's thread computes as well."""
    profiler = PartProfiler()

    async def run(work: Callable[[Task], object], limit_s: float, trip: Checkpoint) -> object:
        return work(Task(limit_s, trip, None, threading.Lock()))

    app.state.pool.run = run
    async with app.router.lifespan_context(app):
        for turn in range(WARM):
            await _ask_stretch(app, turn)
        with profiler.running():
            for turn in range(WARM, WARM + PROFILED):
                await _ask_stretch(app, turn)
    return {part: spent_us / PROFILED / STRETCH for part, spent_us in profiler.spent_us.items()}


def run_stage(name: str, dsn: str, measure: Callable[[FastAPI], Coroutine[Any, Any, object]]) -> None:
    """Measure one stage in this process, on one core, and print what was found as JSON."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(asyncio.run(measure(_build(Path(folder), dsn, STAGES[name])))))


def bench_stages(rounds: int) -> None:
    """Measure all stages, in turns."""
    found: dict[str, list[float]] = {name: [] for name in STAGES}
    with run_sink() as sink:
        for _ in range(rounds):
            for name, stretches in found.items():
                stretches += _run_apart(name, sink.dsn)
    for name, stretches in found.items():
        show(f"a request, {name}", stretches, "us of CPU time")


def bench_parts(rounds: int) -> None:
    """Say where the CPU time of a request goes."""
    stages = ("SDK off", "unsampled", "sampled")
    with run_sink() as sink:
        runs = [{name: _run_apart(name, sink.dsn, "--parts") for name in stages} for _ in range(rounds)]
    for name in stages:
        for part in [SERVICE, *PARTS, THE_SDK]:
            show(f"a request, {name}: {part}", [run[name].get(part, 0.0) for run in runs], "us of CPU time")


def _run_apart(stage: str, dsn: str, *flags: str) -> Any:
    command = [sys.executable, __file__, "--stage", stage, "--dsn", dsn, *flags]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def _catch(dsn: str) -> Envelope:
    """Let a service make the envelope of a request, and catch it."""
    caught: list[Envelope] = []
    with tempfile.TemporaryDirectory() as folder:
        app = _build(Path(folder), dsn, ("1", lambda: None))
        transport = sentry_sdk.get_client().transport
        assert transport is not None
        transport.capture_envelope = caught.append  # type: ignore[assignment,method-assign]
        asyncio.run(_ask(app, json.dumps(small_body("caught_")).encode()))
    return caught[0]


def _copies(envelope: Envelope) -> Iterator[Envelope]:
    """Copies that are not written yet: the first that is sent remembers its JSON."""
    for _ in range(POSTS):
        yield Envelope.deserialize(envelope.serialize())


def bench_posts(rounds: int) -> None:
    """Write, compress and post one and the same transaction."""
    with run_sink() as sink:
        envelope = _catch(sink.dsn)
        options = sentry_sdk.get_client().options | {"dsn": sink.dsn}
        transports = {"the SDK's transport": HttpTransport(options), "ours": FrugalTransport(options)}
        found: dict[str, list[float]] = {name: [] for name in transports}
        for turn in range(rounds + 1):
            for name, transport in transports.items():
                copies = list(_copies(envelope))
                begun = time.thread_time()
                for each in copies:
                    transport._send_envelope(each)
                if turn:  # the first opens connections
                    found[name].append((time.thread_time() - begun) / POSTS * 1e6)
    for name, spent in found.items():
        show(f"writing and posting a transaction, {name}", spent, "us of CPU time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)  # how this program calls itself
    parser.add_argument("--dsn", default="", help=argparse.SUPPRESS)
    parser.add_argument("--parts", action="store_true", help="where a request's time goes, and nothing else")
    options = parser.parse_args()
    if options.stage is not None:
        run_stage(options.stage, options.dsn, _profile if options.parts else _measure)
        return
    bench_parts(options.rounds)
    if options.parts:
        return
    bench_stages(options.rounds)
    bench_posts(5 * options.rounds)


if __name__ == "__main__":
    main()
