"""The reference ISL: a small causal-inference service, instrumented with sentry-sdk, that a rehearsal watches."""
