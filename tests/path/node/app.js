// An application as its author writes it with @sentry/node; what it sends is told by the SDK alone.
const Sentry = require("@sentry/node");

Sentry.init({ dsn: process.argv[2], tracesSampleRate: 1, release: "web@1", environment: "test", enableLogs: true });

for (let number = 0; number < 3; number++) {
  Sentry.startSpan({ name: "GET /items/:id", op: "http.server", attributes: { "sentry.source": "route" } }, () => {
    Sentry.startSpan({ name: "query", op: "db" }, () => {});
  });
}
for (let number = 0; number < 2; number++) {
  try {
    throw new Error("it broke");
  } catch (error) {
    Sentry.captureException(error);
  }
}
Sentry.captureMessage("hello");
Sentry.captureCheckIn({ monitorSlug: "nightly", status: "ok" });
Sentry.captureFeedback({ message: "it is slow" });
for (let number = 0; number < 4; number++) Sentry.logger.info(`number ${number}`);
Sentry.getCurrentScope().addAttachment({ filename: "a.txt", data: "x".repeat(100_000) });
Sentry.captureMessage("with a file"); // larger than 32 KiB: sent compressed
Sentry.close(20_000).then((done) => process.exit(done ? 0 : 1));
