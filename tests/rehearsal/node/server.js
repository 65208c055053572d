// A service that has nothing in common with the reference one: no Python, no SDK. It answers, and posts envelopes itself.
const http = require("http");
const { randomBytes } = require("crypto");

const [port, dsn] = process.argv.slice(2);
const { username: key, host, pathname, protocol } = new URL(dsn);
const ingest = `${protocol}//${host}/api${pathname}/envelope/`;
const headers = { "X-Sentry-Auth": `Sentry sentry_key=${key}, sentry_version=7, sentry_client=own/1` };
const hex = (bytes) => randomBytes(bytes).toString("hex");
const underWay = new Set();
let failing = 0; // share of requests that fail

function send(type, payload) {
  const id = hex(16);
  const common = { event_id: id, platform: "node", environment: "staging", release: "own@1" };
  const body = [{ event_id: id }, { type }, { ...common, ...payload }].map((line) => JSON.stringify(line)).join("\n");
  const sent = fetch(ingest, { method: "POST", headers, body }).catch(() => {});
  underWay.add(sent);
  sent.finally(() => underWay.delete(sent));
}

function report(request, started, failed) {
  const tags = { request_id: request.headers["x-request-id"] };
  const trace = { trace_id: hex(16), span_id: hex(8), op: "http.server", status: failed ? "internal_error" : "ok" };
  const name = `${request.method} /items`;
  const times = { start_timestamp: started / 1000, timestamp: Date.now() / 1000 };
  const spans = { transaction_info: { source: "route" }, contexts: { trace }, spans: [] };
  send("transaction", { type: "transaction", transaction: name, tags, ...times, ...spans });
  const exception = { values: [{ type: "StockError", value: "no stock" }] };
  if (failed) send("event", { level: "error", transaction: name, tags, exception, timestamp: Date.now() / 1000 });
}

const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    const answer = (status) => response.writeHead(status, { "Content-Type": "application/json" }).end("{}");
    if (request.url === "/health") return answer(200);
    if (request.url === "/faults") return answer(((failing = JSON.parse(body).failing), 200));
    const started = Date.now();
    const failed = Math.random() < failing;
    report(request, started, failed);
    answer(failed ? 500 : 200);
  });
});
server.keepAliveTimeout = 75_000;
server.listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => server.close(() => Promise.all(underWay).then(() => process.exit(0))) && server.closeAllConnections());
