"""Which Sentry a rehearsal runs on: one contract, with an engine that we start and a Sentry that is there already."""
