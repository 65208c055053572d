"""The service as it is run: how fast it answers, what the SDK costs, what `/health` feels of heavy work.

Run as `python tests/bench/bench_service.py`, about five minutes. One gunicorn worker, the real SDK, a sink in a
process of its own. The load comes from threads of this process, which shares the machine with the service. Variants
take turns within a run, so that whatever else the machine does hits them alike. Prints one JSON object per figure.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations, pairwise
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.path.engine import ROOT, await_true, free_port
from tests.path.isl import Service, command, environ

VALIDATE = "/api/v1/causal/validate"
ROBUSTNESS = "/api/v1/robustness/analyze"
CLIENTS = 4  # at a time: more only queue before one worker
HEAVY_CALLERS = 4  # one per computing thread
BIG = 50  # nodes, the most that is allowed
EDGES = [["a", "x"], ["a", "y"], ["b", "x"], ["b", "c"], ["c", "y"], ["x", "y"]]
STILL_S = 0.2
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def small_body(prefix: str) -> dict[str, Any]:
    """The same five nodes under names of their own: what the cache has not seen is computed."""
    edges = [[prefix + cause, prefix + effect] for cause, effect in EDGES]
    nodes = [prefix + name for name in "abcxy"]
    return {"dag": {"nodes": nodes, "edges": edges}, "treatment": prefix + "x", "outcome": prefix + "y"}


def big_body(choose: Random) -> dict[str, Any]:
    """A random graph at the limits: 50 nodes, 200 arrows, up to 200 hidden common causes."""
    nodes = [f"n{place}" for place in range(BIG)]
    pairs = list(combinations(nodes, 2))
    edges, hidden = choose.sample(pairs, 200), choose.sample(pairs, choose.choice([0, 10, 50, 200]))
    return {"dag": {"nodes": nodes, "edges": edges, "bidirected": hidden}, "treatment": "n10", "outcome": "n45"}


def heavy_body() -> dict[str, Any]:
    """Options on an uncertain graph, as many as are allowed; it uses its budget of two seconds up."""
    nodes = [f"n{place}" for place in range(BIG)]
    pairs = [(nodes[place], nodes[place + step]) for step in range(1, 5) for place in range(BIG - step)]
    edges = [{"cause": cause, "effect": effect, "strength": {"mean": 0.2, "std": 0.1}} for cause, effect in pairs]
    options = [{"id": f"o{place}", "interventions": {"n0": place}} for place in range(2)]
    return {"nodes": nodes, "edges": edges, "options": options, "goal": "n49", "samples": 10_000, "budget_ms": 2000}


def medium_body(samples: int, prefix: str) -> dict[str, Any]:
    """As the load of a rehearsal asks: a few options on a small uncertain graph; computed in a thread."""
    nodes = [prefix + name for name in "abcdefgh"]
    edges = [
        {"cause": cause, "effect": effect, "strength": {"mean": 0.5, "std": 0.1}} for cause, effect in pairwise(nodes)
    ]
    options = [{"id": f"o{place}", "interventions": {nodes[0]: place}} for place in range(3)]
    return {"nodes": nodes, "edges": edges, "options": options, "goal": nodes[-1], "samples": samples}


# What the SDK costs is asked of requests of different cost, since it costs each the same.
KINDS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "validate": (VALIDATE, small_body),
    "robustness, 1,000 worlds": (ROBUSTNESS, partial(medium_body, 1000)),
    "robustness, 5,000 worlds": (ROBUSTNESS, partial(medium_body, 5000)),
}
# How Sentry is set up in each variant; nothing: it is off.
VARIANTS: dict[str, dict[str, str]] = {
    "off": {},
    "rate 0": {"SENTRY_TRACES_SAMPLE_RATE": "0"},  # the least that any rate costs
    "rate 0.1": {"SENTRY_TRACES_SAMPLE_RATE": "0.1"},
    "rate 1.0": {"SENTRY_TRACES_SAMPLE_RATE": "1.0"},
    # Neither scrubbed nor written nor sent: what is left is the SDK's, before any code of ours sees the transaction.
    "rate 1.0, thrown away": {"SENTRY_TRACES_SAMPLE_RATE": "1.0", "PROBE_NO_TRANSACTIONS": "true"},
    "rate 1.0, not sent": {"SENTRY_TRACES_SAMPLE_RATE": "1.0", "PROBE_NO_SENDING": "true"},
    "rate 1.0, profiled": {"SENTRY_TRACES_SAMPLE_RATE": "1.0", "SENTRY_PROFILES_SAMPLE_RATE": "1"},
}


@dataclass(frozen=True)
class Sink:
    """A Sentry that counts the envelopes that arrive."""

    dsn: str
    counted: "Synchronized[int]"

    def count_till_still(self) -> int:
        """Return how many arrived so far, once none has for a while: what waits in a queue is on its way."""
        found, since = self.counted.value, time.perf_counter()
        while time.perf_counter() - since < STILL_S:
            time.sleep(0.02)
            if self.counted.value != found:
                found, since = self.counted.value, time.perf_counter()
        return found


@contextmanager
def run_sink() -> Iterator[Sink]:
    """Answer 200 to whatever the SDK sends, in another process."""
    counted = multiprocessing.Value("q")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece: in two, the second waits 40 ms for the acknowledgement of the first

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with counted.get_lock():
                counted.value += 1
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def handle(self) -> None:
            with suppress(ConnectionResetError):  # the service ends before its connection does
                super().handle()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    process = multiprocessing.get_context("fork").Process(target=server.serve_forever, daemon=True)
    process.start()
    yield Sink(f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{server.server_port}/1", counted)
    process.terminate()
    process.join()
    server.server_close()


@contextmanager
def run_service(**extra: str) -> Iterator[Service]:
    """Run the service with one worker."""
    with tempfile.TemporaryDirectory() as directory:
        folder, port = Path(directory), free_port()
        own = {"ISL_WORKERS": "1", "ISL_LOG_LEVEL": "ERROR", "ISL_RATE_LIMIT": "1000000/minute", **extra}
        variables = environ(folder, port, own)
        del variables["ISL_FAULTS_FILE"]  # as in production, which refuses one
        log = folder / "service.log"
        with log.open("wb") as file:  # it says why, if it does not start
            process = subprocess.Popen(
                command("gunicorn", port),
                cwd=ROOT,
                env=variables,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        service = Service(process, f"http://127.0.0.1:{port}", folder / "faults.json", log)
        try:
            await_true("the service to answer", service.is_up)
            yield service
        finally:
            service.end()


def ask(client: http.client.HTTPConnection, path: str, content: bytes | None = None) -> int:
    """Send one request on a connection that stays open; return the status."""
    client.request("GET" if content is None else "POST", path, content, {"content-type": "application/json"})
    answer = client.getresponse()
    answer.read()
    return answer.status


def connect(service: Service) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(service.url.removeprefix("http://"))


def time_requests(service: Service, bodies: list[dict[str, Any]]) -> list[float]:
    """Milliseconds of each `causal/validate`, one after the other; the client's own share is in it."""
    client, taken_ms = connect(service), []
    for content in [json.dumps(body).encode() for body in bodies]:
        begun = time.perf_counter()
        assert ask(client, VALIDATE, content) in {200, 422, 504}  # or refused, at its deadline
        taken_ms.append((time.perf_counter() - begun) * 1000)
    client.close()
    return taken_ms


def cpu_seconds(service: Service) -> float:
    """CPU time so far of the service's processes (Linux)."""
    master = service.process.pid
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in (master, *workers)]
    return sum(int(each[11]) + int(each[12]) for each in stats) / TICKS_PER_S  # utime, stime


def switches(service: Service) -> int:
    """How often so far the kernel has put another thread in the place of one of the worker's (Linux)."""
    master = service.process.pid
    [worker] = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    lines = [line for each in Path(f"/proc/{worker}/task").glob("*/status") for line in each.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


@dataclass(frozen=True)
class Loaded:
    """What a service did under load."""

    per_s: float
    cpu_ms: float  # of the service, for each request
    switches: float  # of threads, for each request
    arrived: float  # envelopes at Sentry, for each request


def measure_load(service: Service, sink: Sink, seconds: float, tag: str, kind: str) -> Loaded:
    """Let a few callers ask as fast as they are answered, and nothing that the cache has."""
    path, make_body = KINDS[kind]
    until, counts = time.perf_counter() + seconds, [0] * CLIENTS

    def call(number: int) -> None:
        client = connect(service)
        while time.perf_counter() < until:
            content = json.dumps(make_body(f"{tag}_{number}_{counts[number]}_")).encode()
            assert ask(client, path, content) == 200
            counts[number] += 1
        client.close()

    before, switched, arrived = cpu_seconds(service), switches(service), sink.counted.value
    threads = [threading.Thread(target=call, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered = sum(counts)
    spent_ms = (cpu_seconds(service) - before) * 1000
    per_request = (switches(service) - switched) / answered
    return Loaded(answered / seconds, spent_ms / answered, per_request, (sink.count_till_still() - arrived) / answered)


def time_health(service: Service, heavy_callers: int, count: int) -> list[float]:
    """Milliseconds of /health while so many callers keep the service computing."""
    is_over, content = threading.Event(), json.dumps(heavy_body()).encode()

    def burden() -> None:
        client = connect(service)
        while not is_over.is_set():
            assert ask(client, ROBUSTNESS, content) in {200, 503}
        client.close()

    threads = [threading.Thread(target=burden) for _ in range(heavy_callers)]
    for thread in threads:
        thread.start()
    time.sleep(0.5 if threads else 0)  # until all of them compute
    client, taken_ms = connect(service), []
    for _ in range(count):
        begun = time.perf_counter()
        assert ask(client, "/health") == 200
        taken_ms.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.02)
    client.close()
    is_over.set()
    for thread in threads:
        thread.join()
    return taken_ms


def show(figure: str, values: list[float], unit: str) -> None:
    """Print median, 95th percentile and extremes."""
    ranked = sorted(values)
    p95 = ranked[min(len(ranked) - 1, len(ranked) * 95 // 100)]
    found = {"p50": statistics.median(ranked), "p95": p95, "least": ranked[0], "most": ranked[-1]}
    line = {"figure": figure, "unit": unit, **{name: round(value, 2) for name, value in found.items()}}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def bench_latency(count: int) -> None:
    """Small graphs, graphs at the limits, and the probe beside heavy work; SDK off."""
    with run_service() as service:
        time_requests(service, [small_body(f"warm{number}_") for number in range(50)])
        show("validate, 5 nodes, computed", time_requests(service, [small_body(f"g{n}_") for n in range(count)]), "ms")
        show("validate, 5 nodes, from the cache", time_requests(service, [small_body("g0_")] * count), "ms")
        choose = Random(1)
        show("validate, 50 nodes", time_requests(service, [big_body(choose) for _ in range(40)]), "ms")
        for callers in (0, HEAVY_CALLERS):
            show(f"/health beside {callers} heavy callers", time_health(service, callers, 100), "ms")


def bench_overhead(rounds: int, seconds: float, kinds: Iterable[str]) -> None:
    """What the SDK takes: throughput and CPU time with it, as a share of those without it."""
    with ExitStack() as stack:
        sink = stack.enter_context(run_sink())
        on = {"SENTRY_ENABLED": "true", "SENTRY_DSN": sink.dsn, "SENTRY_PROFILES_SAMPLE_RATE": "0"}
        services = {
            name: stack.enter_context(run_service(**(on | own if own else {}))) for name, own in VARIANTS.items()
        }
        for kind in kinds:
            for service in services.values():
                measure_load(service, sink, 1, "warm", kind)
            show_overhead(
                kind,
                [
                    {name: measure_load(service, sink, seconds, f"r{turn}", kind) for name, service in services.items()}
                    for turn in range(rounds)
                ],
            )


def show_overhead(kind: str, found: list[dict[str, Loaded]]) -> None:
    """Print what the turns found: throughput and CPU time, as shares of those without the SDK."""
    show(f"{kind}: throughput, SDK off", [each["off"].per_s for each in found], "requests/s")
    show(f"{kind}: CPU time, SDK off", [each["off"].cpu_ms for each in found], "ms/request")
    for name in list(VARIANTS)[1:]:
        pairs = [(each[name], each["off"]) for each in found]
        show(f"{kind}: throughput, {name} / off", [it.per_s / off.per_s for it, off in pairs], "ratio")
        show(f"{kind}: CPU time, {name} / off", [it.cpu_ms / off.cpu_ms for it, off in pairs], "ratio")
        show(f"{kind}: CPU time, {name} - off", [it.cpu_ms - off.cpu_ms for it, off in pairs], "ms/request")
    for name in VARIANTS:
        show(f"{kind}: switches of threads, {name}", [each[name].switches for each in found], "1/request")
        show(f"{kind}: arrived at Sentry, {name}", [each[name].arrived for each in found], "envelopes/request")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=1.2)
    parser.add_argument("--only", choices=KINDS, help="what the SDK takes of these requests, and nothing else")
    options = parser.parse_args()
    if options.only is None:
        bench_latency(options.requests)
    bench_overhead(options.rounds, options.seconds, KINDS if options.only is None else [options.only])


if __name__ == "__main__":
    main()
