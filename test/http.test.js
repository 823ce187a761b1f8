// The HTTP side: which web pages may connect, health, limits, metrics.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";
import { WebSocket } from "ws";
import { startNode } from "./harness/chorus.js";
import { connected, join, open } from "./harness/client.js";
import { startRedis } from "./harness/redis.js";
import { event } from "./harness/wait.js";

const PAGE = "https://page.example";

async function ask(node, path, headers = {}, { method = "GET", body } = {}) {
  const req = request(node.url + path, { method, headers });
  req.end(body);
  const [response] = await once(req, "response");
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, headers: response.headers, text };
}

async function handshakeStatus(node, headers) {
  const socket = new WebSocket(`${node.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`, { headers });
  try {
    return await new Promise((resolve, reject) => {
      socket.on("open", () => resolve(101));
      socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
      socket.on("error", reject);
    });
  } finally {
    socket.terminate();
  }
}

async function statuses(node, headers) {
  const polling = await ask(node, "/socket.io/?EIO=4&transport=polling", headers);
  const { sid } = JSON.parse((await ask(node, "/socket.io/?EIO=4&transport=polling")).text.slice(1));
  const post = await ask(node, `/socket.io/?EIO=4&transport=polling&sid=${sid}`, headers, { method: "POST", body: "40" });
  return { polling: polling.status, post: post.status, websocket: await handshakeStatus(node, headers), cors: polling.headers["access-control-allow-origin"] };
}

test("web pages of foreign origins are refused on every transport", async (t) => {
  const [strict, listed, open] = [
    await startNode(t), await startNode(t, undefined, { CHORUS_CORS_ORIGINS: `https://app.example,${PAGE}` }),
    await startNode(t, undefined, { CHORUS_CORS_ORIGINS: "*" }),
  ];
  const refused = { polling: 403, post: 403, websocket: 403, cors: undefined };
  const served = { polling: 200, post: 200, websocket: 101 };
  const cases = [
    [strict, { origin: PAGE }, refused], [strict, { origin: "null" }, refused], [strict, { origin: strict.url }, { ...served, cors: strict.url }],
    [strict, {}, { ...served, cors: undefined }], [strict, { "sec-fetch-site": "cross-site" }, refused],
    [listed, { origin: PAGE }, { ...served, cors: PAGE }], [listed, { origin: "https://evil.example" }, refused],
    [open, { origin: PAGE }, served],
  ];
  for (const [node, headers, want] of cases) {
    const got = await statuses(node, headers);
    for (const [key, value] of Object.entries(want)) assert.equal(got[key], value, `${JSON.stringify(headers)}: ${key}`);
  }
  assert.ok((await statuses(open, { origin: PAGE })).cors);
});

test("health and readiness", async (t) => {
  const alone = await startNode(t);
  const inCluster = await startNode(t, await startRedis(t));
  for (const [node, forwarding, checks] of [[alone, "off", { node: "ok" }], [inCluster, "ok", { node: "ok", redis: "ok", revocations: "ok" }]]) {
    for (const [path, body] of [["/healthz", { status: "ok" }], ["/readyz", { status: "ok", forwarding, checks }]]) {
      const response = await ask(node, path);
      assert.equal(response.status, 200);
      assert.equal(response.headers["content-type"], "application/json");
      assert.deepEqual(JSON.parse(response.text), body);
    }
  }
});

test("a message above max_payload ends its connection and no other", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_MAX_PAYLOAD: "10000" });
  for (const transport of ["websocket", "polling"]) {
    const [large, other] = [await join(t, node.url, { transports: [transport] }), await join(t, node.url)];
    const gone = event(large, "disconnect");
    large.emit("message", "x".repeat(20_000));
    await gone;
    assert.deepEqual(await other.emitWithAck("message", "x".repeat(5000)), { ok: true });
  }
});

test("metrics are for the operator's address only", async (t) => {
  const node = await startNode(t, await startRedis(t));
  await connected(open(t, node.url));
  const metrics = await fetch(`${node.admin}/metrics`);
  assert.match(await metrics.text(), /^chorus_\w*connections\w* 1$/m);
  assert.equal((await ask(node, "/metrics")).status, 404);
});
