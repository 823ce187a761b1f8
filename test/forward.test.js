// Any load balancer: requests go to any node, and the node passes them on to the one that owns the session.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startNode, startNodes } from "./harness/chorus.js";
import { Inbox, join, open } from "./harness/client.js";
import { metric } from "./harness/metrics.js";
import { startRedis } from "./harness/redis.js";
import { startRoundRobin } from "./harness/roundrobin.js";
import { token } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const ready = async (node) => (await fetch(`${node.url}/readyz`)).json();

// handshake begins a session by long-polling and returns its query.
async function handshake(node, headers) {
  const answer = await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, { headers });
  return `/socket.io/?EIO=4&transport=polling&sid=${JSON.parse((await answer.text()).slice(1)).sid}`;
}

for (const [name, adapter] of [["pub/sub", "pubsub"], ["sharded pub/sub", "sharded"], ["streams", "streams"]]) {
  test(`clients behind a balancer without sticky sessions: ${name}`, async (t) => {
    const nodes = await startNodes(t, 3, await startRedis(t), { CHORUS_CLUSTER_ADAPTER: adapter });
    for (const node of nodes) await until(async () => (await ready(node)).forwarding === "ok", "forwarding");
    const balancer = await startRoundRobin(t, nodes);
    const transports = [["polling"], ["polling", "websocket"], ["websocket"]];
    const clients = await Promise.all(Array.from({ length: 18 }, async (_, i) => {
      const socket = await join(t, balancer.url, { transports: transports[i % 3] });
      if (i % 3 === 1 && socket.io.engine.transport.name === "polling") await event(socket.io.engine, "upgrade");
      return { socket, inbox: new Inbox(socket, "message"), gone: new Inbox(socket, "disconnect") };
    }));
    for (let n = 0; n < 10; n++) {
      const answers = await Promise.all(clients.map(({ socket }, i) => socket.timeout(20_000).emitWithAck("message", { i, n })));
      assert.ok(answers.every((answer) => answer.ok));
    }
    for (const { inbox, gone } of clients) {
      await inbox.count(180);
      assert.deepEqual(gone.items, []);
    }
    const passed = await Promise.all(nodes.map((node) => metric(node, "chorus_forwarded_requests_total")));
    assert.ok(passed.every((count) => count > 0), `requests passed on: ${passed}`);
    const sockets = await Promise.all(nodes.map((node) => metric(node, "chorus_forwarded_open")));
    assert.ok(sockets.reduce((a, b) => a + b) > 0, `passed on at the moment: ${sockets}`);
  });
}

test("a node that is killed ends its own clients, and no others but those on their way through it", async (t) => {
  const nodes = await startNodes(t, 3, await startRedis(t));
  const balancer = await startRoundRobin(t, nodes);
  const clients = await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    const socket = await join(t, balancer.url, { transports: ["polling"], reconnection: true, reconnectionDelay: 50 });
    return { socket, sid: socket.io.engine.id, inbox: new Inbox(socket, "message"), gone: new Inbox(socket, "disconnect") };
  }));
  const tag = (sid) => sid.slice(0, 6);
  const dead = tag(clients[0].sid);
  const owner = await Promise.all(nodes.map(async (node) => (await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`)).text()));
  const victim = nodes.findIndex((_, i) => tag(JSON.parse(owner[i].slice(1)).sid) === dead);
  await nodes[victim].stop("SIGKILL");
  await Promise.all(clients.filter(({ sid }) => tag(sid) === dead).map(({ gone }) => gone.count(1)));
  for (const { socket } of clients) if (!socket.connected) await event(socket, "connect");
  for (const [i, { socket }] of clients.entries()) assert.deepEqual(await socket.timeout(20_000).emitWithAck("message", i), { ok: true });
  for (const { inbox } of clients.filter(({ sid }) => tag(sid) !== dead)) await inbox.count(12);
  for (const { sid, gone } of clients) if (tag(sid) !== dead) assert.deepEqual(gone.items, [], "a client of another node");
});

test("a repeated poll gets the same answer through whichever node", async (t) => {
  const [a, b] = await startNodes(t, 2, await startRedis(t));
  const path = await handshake(a);
  const post = (node, body) => fetch(node.url + path, { method: "POST", body }).then((answer) => answer.text());
  const poll = (node, stamp) => fetch(`${node.url}${path}&t=${stamp}`).then((answer) => answer.text());
  assert.equal(await post(b, `40${JSON.stringify({ token: token() })}`), "ok");
  assert.match(await poll(b, "one"), /^40/);
  await post(b, '42["message","hello"]');
  const answer = await poll(b, "two");
  assert.match(answer, /hello/);
  assert.equal(await poll(a, "two"), answer);
  assert.equal(await poll(b, "two"), answer);
});

test("addresses, origins, cookies and CORS are those of a direct request", async (t) => {
  const settings = { CHORUS_CORS_ORIGINS: "https://page.example", CHORUS_COOKIE_NAME: "io", CHORUS_TRUSTED_PROXIES: "127.0.0.1/32" };
  const [a, b] = await startNodes(t, 2, await startRedis(t), settings);
  const origin = { origin: "https://page.example" };
  const path = await handshake(a, origin);
  const post = async (node, headers) => {
    const answer = await fetch(node.url + path, { method: "POST", body: "40", headers });
    const cors = Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith("access-control") || name === "vary"));
    return { status: answer.status, body: await answer.text(), cors };
  };
  const [direct, passed] = [await post(a, origin), await post(b, origin)];
  assert.equal(direct.status, 200);
  assert.deepEqual(passed, direct);
  assert.equal((await post(b, { origin: "https://evil.example" })).status, 403);
});

test("a page can read that too many requests are passed on", async (t) => {
  const redis = await startRedis(t);
  const owner = await startNode(t, redis);
  const entry = await startNode(t, redis, { CHORUS_CLUSTER_MAX_FORWARDED: "1", CHORUS_CORS_ORIGINS: "https://app.example" });
  await until(async () => (await ready(entry)).forwarding === "ok", "forwarding");
  const [waiting, refused] = [await handshake(owner), await handshake(owner)];
  const poll = fetch(`${entry.url}${waiting}`);
  await until(async () => (await metric(entry, "chorus_forwarded_open")) === 1, "the poll waits");
  const answer = await fetch(`${entry.url}${refused}`, { headers: { Origin: "https://app.example" } });
  assert.deepEqual([answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("retry-after")], [503, "https://app.example", "1"]);
  await fetch(`${owner.url}${waiting}`, { method: "POST", body: "1" });
  await poll;
});

test("headers between nodes mean nothing when a stranger sends them", async (t) => {
  const [a, b] = await startNodes(t, 2, await startRedis(t));
  const path = await handshake(a);
  for (const op of ["cancel", "retire", "release"]) {
    const headers = { "chorus-op": op, "chorus-address": "6.6.6.6:6", connection: "chorus-op, chorus-address" };
    for (const node of [a, b]) {
      const answer = await fetch(node.url + path, { method: "POST", body: "3", headers: { "chorus-op": op, "chorus-address": headers["chorus-address"] } });
      assert.equal(await answer.text(), "ok", op);
    }
  }
  assert.equal((await fetch(`${a.url}/.chorus/link`)).status, 404);
  assert.equal(a.output.includes("6.6.6.6") || b.output.includes("6.6.6.6"), false);
});

test("without forwarding, the error says that sessions must be sticky", async (t) => {
  const redis = await startRedis(t);
  const [a, b] = await startNodes(t, 2, redis, { CHORUS_CLUSTER_FORWARD: "off" });
  assert.equal((await ready(a)).forwarding, "off");
  const answer = await fetch(b.url + (await handshake(a)));
  assert.equal(answer.status, 400);
  const body = await answer.json();
  assert.equal(body.code, 1);
  assert.equal(body.message, "Session ID unknown");
  assert.match(body.detail, /sticky/);

  const alone = await startNode(t);
  assert.equal((await ready(alone)).forwarding, "off");
});

test("a node that the others cannot reach says so", async (t) => {
  const redis = await startRedis(t);
  const hidden = await startNode(t, redis, { CHORUS_CLUSTER_ADVERTISE: "127.0.0.1:9" });
  const other = await startNode(t, redis);
  for (const node of [hidden, other]) await until(async () => (await ready(node)).forwarding === "unreachable", "being unreachable");
  assert.equal((await fetch(`${hidden.url}/readyz`)).status, 200);
  const answer = await fetch(other.url + (await handshake(hidden)));
  assert.equal(answer.status, 400);
  assert.match((await answer.json()).detail, /sticky/);
  await hidden.line((line) => (line.includes("cluster.advertise") ? true : undefined), "the line in the log");
});

test("a session of a node that is gone is unknown at once", async (t) => {
  const [a, b] = await startNodes(t, 2, await startRedis(t));
  const path = await handshake(a);
  await a.stop("SIGKILL");
  const began = Date.now();
  const answer = await fetch(b.url + path);
  assert.equal(answer.status, 400);
  assert.equal((await answer.json()).message, "Session ID unknown");
  assert.ok(Date.now() - began < 1500);
});

test("a node that drains moves the clients whose connections it passes on", async (t) => {
  const [a, b] = await startNodes(t, 2, await startRedis(t));
  const path = await handshake(a);
  const before = await metric(b, "chorus_forwarded_websockets_total");
  const balancer = await startRoundRobin(t, [a, b]); // the handshake goes to a, the upgrade to b
  const sockets = await Promise.all(Array.from({ length: 6 }, () => open(t, balancer.url, { transports: ["polling", "websocket"] })));
  for (const socket of sockets) if (!socket.connected) await event(socket, "connect");
  for (const socket of sockets) if (socket.io.engine.transport.name === "polling") await event(socket.io.engine, "upgrade");
  const inboxes = sockets.map((socket) => ({ told: new Inbox(socket, "server:draining"), gone: new Inbox(socket, "disconnect") }));
  const through = (await metric(b, "chorus_forwarded_websockets_total")) - before; // polls may still be on their way
  const own = await metric(b, "chorus_connections");
  assert.ok(through > 0, `${before} before, ${through} through b (${path})`);
  assert.equal(await b.stop(), 0);
  const told = () => inboxes.filter(({ told }) => told.items.length === 1 && told.items[0][0].retry_after_ms > 0).length;
  await until(() => told() === through + own, `${through + own} clients to be told`);
  await until(() => inboxes.filter(({ gone }) => gone.items.length === 1).length === through + own, "their ends");
});
