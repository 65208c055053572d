-- One file holds all. Instants are milliseconds since the epoch (*_ms), flags 0 or 1, structures JSON text.
-- Configuration ---------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS api_token (
  token_sha256 TEXT PRIMARY KEY,          -- the token itself is kept in a file of mode 0600 only
  created_ms   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS token_scope (  -- of tokens that may not do everything
  token_sha256 TEXT PRIMARY KEY REFERENCES api_token(token_sha256) ON DELETE CASCADE,
  scopes       TEXT NOT NULL              -- with spaces between them
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS project (
  id         INTEGER PRIMARY KEY,
  slug       TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  platform   TEXT,
  created_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS client_key (
  public_key TEXT PRIMARY KEY,
  secret_key TEXT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES project(id),
  label      TEXT NOT NULL,
  is_active  INTEGER NOT NULL DEFAULT 1,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS client_key_limit (
  public_key TEXT PRIMARY KEY REFERENCES client_key(public_key) ON DELETE CASCADE,
  window_s   INTEGER NOT NULL,
  max_count  INTEGER NOT NULL             -- of errors in a window
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS project_option ( -- what differs from the defaults
  project_id INTEGER PRIMARY KEY REFERENCES project(id) ON DELETE CASCADE,
  options    TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS sentry_app (
  id            INTEGER PRIMARY KEY,
  slug          TEXT NOT NULL UNIQUE,
  name          TEXT NOT NULL,
  uuid          TEXT NOT NULL,
  client_id     TEXT NOT NULL,
  client_secret TEXT NOT NULL,            -- signs the webhooks
  webhook_url   TEXT NOT NULL,
  scopes        TEXT NOT NULL,
  created_ms    INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS detector (
  id          INTEGER PRIMARY KEY,
  project_id  INTEGER NOT NULL REFERENCES project(id),
  name        TEXT NOT NULL,
  type        TEXT NOT NULL,              -- error, issue_stream, metric_issue
  description TEXT,
  enabled     INTEGER NOT NULL DEFAULT 1,
  config      TEXT NOT NULL,
  query       TEXT,                       -- the snuba query of a metric monitor; null for the default ones
  conditions  TEXT,
  created_ms  INTEGER NOT NULL,
  updated_ms  INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS workflow (
  id             INTEGER PRIMARY KEY,
  name           TEXT NOT NULL,
  enabled        INTEGER NOT NULL DEFAULT 1,
  environment    TEXT,
  config         TEXT NOT NULL,
  triggers       TEXT NOT NULL,
  action_filters TEXT NOT NULL,
  created_ms     INTEGER NOT NULL,
  updated_ms     INTEGER NOT NULL,
  triggered_ms   INTEGER
);

CREATE TABLE IF NOT EXISTS workflow_detector (
  workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
  detector_id INTEGER NOT NULL REFERENCES detector(id) ON DELETE CASCADE,
  PRIMARY KEY (workflow_id, detector_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS release (      -- announced ones; others are known from telemetry alone
  version     TEXT PRIMARY KEY,
  ref         TEXT,
  url         TEXT,
  created_ms  INTEGER NOT NULL,
  released_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS release_project (
  version    TEXT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES project(id) ON DELETE CASCADE,
  PRIMARY KEY (version, project_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS deploy (
  id          INTEGER PRIMARY KEY,
  version     TEXT NOT NULL,
  environment TEXT NOT NULL,
  name        TEXT,
  url         TEXT,
  started_ms  INTEGER,
  finished_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS sequence (     -- ids of nested objects: conditions, actions, data sources
  id INTEGER PRIMARY KEY AUTOINCREMENT
);

-- Telemetry -------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS request_span ( -- the root span of a transaction; its payload lies apart, so that rows are narrow
  id          INTEGER PRIMARY KEY,
  project_id  INTEGER NOT NULL,
  event_id    BLOB NOT NULL,              -- 16 bytes
  trace_id    BLOB NOT NULL,              -- 16 bytes
  key_id      INTEGER NOT NULL,           -- under which it is rolled up
  name        TEXT NOT NULL,
  op          TEXT NOT NULL,
  method      TEXT,
  ended_ms    INTEGER NOT NULL,
  duration_ms REAL NOT NULL,
  status      TEXT NOT NULL,
  http_status INTEGER,
  release     TEXT,
  environment TEXT,
  weight      REAL NOT NULL,
  span_count  INTEGER NOT NULL,
  tags        TEXT NOT NULL
);
-- Ids are random: by hour, new ones lie on the few pages of their hour, however many are stored. A request that is sent
-- again ends in the same hour. Who looks for an id looks into each hour of `request_hour`.
CREATE UNIQUE INDEX IF NOT EXISTS request_span_event ON request_span (ended_ms / 3600000, event_id, project_id);
CREATE INDEX IF NOT EXISTS request_span_trace ON request_span (ended_ms / 3600000, trace_id);
-- All that a window needs of its edges, so that no row is looked up.
CREATE INDEX IF NOT EXISTS request_span_window ON request_span (project_id, ended_ms, key_id, duration_ms, weight);

CREATE VIEW IF NOT EXISTS request_hour (number) AS -- hours since the epoch in which requests ended
  WITH RECURSIVE hour (number) AS (
    SELECT min(ended_ms / 3600000) FROM request_span INDEXED BY request_span_trace
    UNION ALL
    SELECT (SELECT min(ended_ms / 3600000) FROM request_span INDEXED BY request_span_trace
            WHERE ended_ms / 3600000 > hour.number)
    FROM hour WHERE hour.number IS NOT NULL
  ) SELECT number FROM hour WHERE number IS NOT NULL;

CREATE TABLE IF NOT EXISTS request_payload (
  id      INTEGER PRIMARY KEY,            -- of the request
  payload BLOB NOT NULL                   -- zstd
);

CREATE TABLE IF NOT EXISTS request_key (  -- what requests have in common and queries ask for; a row never changes
  id          INTEGER PRIMARY KEY,
  project_id  INTEGER NOT NULL,
  kept        INTEGER NOT NULL,           -- 2 all fields, 1 all but the name, 0 only whether it failed
  name        TEXT,
  op          TEXT,
  method      TEXT,
  status      TEXT NOT NULL,
  http_status INTEGER,
  release     TEXT,
  environment TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS request_key_fields
  ON request_key (project_id, kept, name, op, method, status, http_status, release, environment);

CREATE TABLE IF NOT EXISTS request_rollup ( -- the requests of one key that ended in [start, start + length)
  project_id  INTEGER NOT NULL,
  length_ms   INTEGER NOT NULL,           -- a minute; of minutes that are folded, ten and an hour too
  start_ms    INTEGER NOT NULL,           -- a multiple of the length
  key_id      INTEGER NOT NULL,           -- of minutes that are folded also 0, all that did not fail, and -1, all that did
  samples     INTEGER NOT NULL,           -- stored
  weight      REAL NOT NULL,              -- what they stand for
  squares     REAL NOT NULL,              -- sum of weight^2
  unit        REAL,                       -- the weight of each; null where they differ
  weighted_ms REAL NOT NULL,              -- sum of weight x duration
  plain_ms    REAL NOT NULL,              -- sum of durations
  spans       REAL NOT NULL,              -- sum of weight x number of spans
  least_ms    REAL NOT NULL,
  most_ms     REAL NOT NULL,
  first       INTEGER NOT NULL,           -- bucket of the first count, `histogram.py`
  counts      BLOB NOT NULL,              -- samples by bucket
  weights     BLOB,                       -- weights by bucket, where they differ
  PRIMARY KEY (project_id, length_ms, start_ms, key_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS request_rollup_key ON request_rollup (key_id);

CREATE TABLE IF NOT EXISTS rollup_fold (  -- minutes that end by then are in the longer slots and those of all keys
  project_id INTEGER PRIMARY KEY,
  until_ms   INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS error_event (
  id           INTEGER PRIMARY KEY,
  project_id   INTEGER NOT NULL,
  event_id     TEXT NOT NULL,
  issue_id     INTEGER NOT NULL,
  trace_id     TEXT,
  occurred_ms  INTEGER NOT NULL,
  level        TEXT NOT NULL,
  title        TEXT NOT NULL,
  transaction_name TEXT,
  release      TEXT,
  environment  TEXT,
  tags         TEXT NOT NULL,
  payload      BLOB NOT NULL,             -- zstd
  UNIQUE (project_id, event_id)
);
CREATE INDEX IF NOT EXISTS error_event_window ON error_event (project_id, occurred_ms);
CREATE INDEX IF NOT EXISTS error_event_trace ON error_event (trace_id);
CREATE INDEX IF NOT EXISTS error_event_issue ON error_event (issue_id, occurred_ms);
CREATE INDEX IF NOT EXISTS error_event_release ON error_event (release, project_id, occurred_ms);

-- When a release was first seen in a project: some instants, the least of which it was. Of requests the rollups know the
-- minute; only those of keys that have lost their release are looked at one by one.
CREATE VIEW IF NOT EXISTS release_seen (version, project_id, at_ms) AS
  SELECT k.release, k.project_id, (
    SELECT s.ended_ms FROM request_span s WHERE s.project_id = k.project_id AND s.key_id = k.id AND s.ended_ms >= (
      SELECT min(r.start_ms) FROM request_rollup r
      WHERE r.key_id = k.id AND r.project_id = k.project_id AND r.length_ms = 60000
    ) ORDER BY s.ended_ms LIMIT 1
  ) FROM request_key k WHERE k.kept > 0 AND k.release IS NOT NULL
    AND EXISTS (SELECT 1 FROM request_rollup r WHERE r.key_id = k.id)
  UNION ALL
  SELECT s.release, s.project_id, s.ended_ms FROM request_key k
    CROSS JOIN request_span s ON s.project_id = k.project_id AND s.key_id = k.id
    WHERE k.kept = 0 AND s.release IS NOT NULL
  UNION ALL
  SELECT release, project_id, min(occurred_ms) FROM error_event INDEXED BY error_event_release
    WHERE release IS NOT NULL GROUP BY release, project_id;

CREATE TABLE IF NOT EXISTS session_minute (
  project_id  INTEGER NOT NULL,
  minute_ms   INTEGER NOT NULL,
  release     TEXT NOT NULL,
  environment TEXT NOT NULL,
  exited      INTEGER NOT NULL,
  errored     INTEGER NOT NULL,
  crashed     INTEGER NOT NULL,
  abnormal    INTEGER NOT NULL,
  PRIMARY KEY (project_id, minute_ms, release, environment)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outcome_minute (
  project_id INTEGER NOT NULL,
  minute_ms  INTEGER NOT NULL,
  category   TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  quantity   INTEGER NOT NULL,
  PRIMARY KEY (project_id, minute_ms, category, outcome, reason)
) WITHOUT ROWID;

-- Issues and alerting ---------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS issue (
  id            INTEGER PRIMARY KEY,
  project_id    INTEGER NOT NULL,
  short_id      TEXT NOT NULL,
  type          TEXT NOT NULL,            -- error, metric_issue
  detector_id   INTEGER,                  -- of a metric issue
  title         TEXT NOT NULL,
  culprit       TEXT NOT NULL,
  level         TEXT NOT NULL,
  priority      TEXT NOT NULL,
  status        TEXT NOT NULL,            -- unresolved, resolved, ignored
  substatus     TEXT,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms  INTEGER NOT NULL,
  times_seen    INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS issue_hash (
  project_id INTEGER NOT NULL,
  hash       TEXT NOT NULL,
  issue_id   INTEGER NOT NULL REFERENCES issue(id),
  PRIMARY KEY (project_id, hash)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS detector_state (
  detector_id    INTEGER PRIMARY KEY REFERENCES detector(id) ON DELETE CASCADE,
  version        INTEGER NOT NULL,        -- a change of state is conditional on it
  level          INTEGER NOT NULL,        -- 0 ok, 50 medium, 75 high
  next_due_ms    INTEGER NOT NULL,
  fired_ms       INTEGER,                 -- last time it left ok
  value          REAL,                    -- of the last evaluation; null where there was no data
  evaluated_ms   INTEGER,
  issue_id       INTEGER
);

CREATE TABLE IF NOT EXISTS open_period (
  id          INTEGER PRIMARY KEY,
  detector_id INTEGER NOT NULL,
  issue_id    INTEGER NOT NULL,
  start_ms    INTEGER NOT NULL,           -- the first evaluation over the threshold
  end_ms      INTEGER,
  peak_level  INTEGER NOT NULL,
  value       REAL NOT NULL               -- at the start
);

CREATE TABLE IF NOT EXISTS period_activity (   -- what happened in a breach: it opened, its priority changed, it closed
  id          INTEGER PRIMARY KEY,
  period_id   INTEGER NOT NULL,
  type        TEXT NOT NULL,              -- opened, status_change or closed
  level       INTEGER NOT NULL,           -- from then on
  at_ms       INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS period_activity_of ON period_activity (period_id);

CREATE TABLE IF NOT EXISTS flip (         -- a change of state, handed from ingest and alerting to notify
  id          INTEGER PRIMARY KEY,
  detector_id INTEGER NOT NULL,
  issue_id    INTEGER NOT NULL,
  kind        TEXT NOT NULL,              -- a trigger's name, `escalated` or `captured`
  level       INTEGER NOT NULL,
  value       REAL,
  event_id    TEXT,                       -- of an error issue
  environment TEXT,
  at_ms       INTEGER NOT NULL,
  claimed_ms  INTEGER
);
CREATE INDEX IF NOT EXISTS flip_unclaimed ON flip (id) WHERE claimed_ms IS NULL;

CREATE TABLE IF NOT EXISTS captured (     -- up to which event alerts without triggers have been asked; one row
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  last_event_id INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS delivery (
  id          INTEGER PRIMARY KEY,
  flip_id     INTEGER NOT NULL REFERENCES flip(id),
  workflow_id INTEGER NOT NULL,
  action_id   TEXT NOT NULL,
  action      TEXT NOT NULL,              -- as it was when the flip was routed
  status      TEXT NOT NULL,              -- pending, sent, failed
  attempts    INTEGER NOT NULL DEFAULT 0,
  due_ms      INTEGER NOT NULL,
  sent_ms     INTEGER,
  error       TEXT,
  UNIQUE (flip_id, workflow_id, action_id)
);
CREATE INDEX IF NOT EXISTS delivery_pending ON delivery (due_ms) WHERE status = 'pending';
