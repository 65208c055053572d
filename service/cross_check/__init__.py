"""The optional second opinion: y0 is asked the same question, and Sentry is told where it answers otherwise."""
