"""How gunicorn runs the service: `gunicorn -c service/gunicorn_conf.py 'service.app:build_app()'`."""

import os

from service.cpus import usable_cpus
from service.settings import settings_or_exit
from service.telemetry import FLUSH_TIMEOUT_S

# Read in the master, before any worker exists: a wrong variable stops the start once, with a message, instead of
# making every worker die in turn.
_settings = settings_or_exit(os.environ)

bind = f"{_settings.isl_host}:{_settings.isl_port}"
# Several workers, since the maths holds a core; each has its own Sentry transport, counters and random faults.
# By default one for each CPU that the container's limit allows, not for each that the machine has.
workers = _settings.isl_workers or usable_cpus()
worker_class = "uvicorn_worker.UvicornWorker"  # uvicorn.workers is deprecated in favour of this package
# Every worker calls the factory itself: an SDK initialised before the fork would share nothing useful.
preload_app = False
# After SIGTERM a worker finishes its requests and then flushes Sentry. Killed earlier, it would lose what is queued.
graceful_timeout = FLUSH_TIMEOUT_S + 15
# A worker ends after so many requests and a fresh one follows, so that memory that leaks or fragments is bounded.
# Spread out, or all of them would start anew in the same moment and nobody would answer. Seldom, since each end cuts
# connections that clients keep open: measured, 9 ends cost 15 of 1,000 requests of 10 clients.
max_requests = 50_000
max_requests_jitter = max_requests // 5
# Heartbeats come from the event loop, and computations run in threads: only a stuck loop goes silent this long.
timeout = 60
# Longer than any caller's or proxy's own: whoever closes an idle connection first must be the caller, or else now and
# then a request is sent into a connection that is just being closed, and gets no answer. Proxies keep 60 s.
keepalive = 75
# One line per request says nothing that a transaction does not, and paths and addresses would land in files.
accesslog = None
errorlog = "-"
loglevel = _settings.isl_log_level.lower()
# New in gunicorn 25: a control socket under the home directory, shared by every gunicorn of the user. Not wanted.
control_socket_disable = True
