// What goes wrong in the life of a cluster, and what must go on meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { startNode, startNodes } from "./harness/chorus.js";
import { cleanup } from "./harness/cleanup.js";
import { Inbox, join, open } from "./harness/client.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, until, within } from "./harness/wait.js";

const OUTAGE_MS = 3000;
const BACK_WITHIN_MS = 2000; // cross-node delivery, counted from Redis being ready again

async function readiness(node) {
  const response = await fetch(`${node.url}/readyz`);
  return { status: response.status, body: await response.json() };
}

test("a node is killed, the others carry on", async (t) => {
  const nodes = await startNodes(t, 3, await startRedis(t));
  const clients = await Promise.all(nodes.map(({ url }) => join(t, url)));
  const inboxes = clients.map((socket) => new Inbox(socket, "message"));
  await clients[0].emitWithAck("message", "before");
  for (const inbox of inboxes) assert.deepEqual((await inbox.count(1)).splice(0), [["before"]]);

  const gone = event(clients[2], "disconnect");
  await nodes[2].stop("SIGKILL");
  assert.equal((await gone)[0], "transport close");
  for (let n = 0; n < 20; n++) {
    const speaker = clients[n % 2];
    assert.deepEqual(await speaker.timeout(10_000).emitWithAck("message", n), { ok: true });
  }
  const want = Array.from({ length: 20 }, (_, n) => n);
  for (const inbox of inboxes.slice(0, 2)) assert.deepEqual((await inbox.count(20)).map(([n]) => n).toSorted((a, b) => a - b), want);
  for (const node of nodes.slice(0, 2)) assert.equal((await readiness(node)).status, 200);

  // The client that lost its node goes on with another one.
  const back = await join(t, nodes[0].url);
  const inbox = new Inbox(back, "message");
  await clients[1].emitWithAck("message", "welcome back");
  assert.deepEqual(await inbox.count(1), [["welcome back"]]);
});

for (const [fault, hit, mend] of [
  ["stopped and started again", (redis) => redis.stop(), (redis) => redis.start()],
  ["halted and resumed", async (redis) => redis.halt(), async (redis) => redis.resume()],
]) {
  test(`Redis is ${fault}`, async (t) => {
    const redis = await startRedis(t);
    const [one, two] = await startNodes(t, 2, redis);
    const [ada, bob, eve] = [await join(t, one.url), await join(t, one.url), await join(t, two.url)];
    const [hears, beyond] = [new Inbox(bob, "message"), new Inbox(eve, "message")];

    await hit(redis);
    await until(async () => (await readiness(one)).status === 503 && (await readiness(two)).status === 503, "both nodes not ready");
    const { body } = await readiness(one);
    assert.equal(body.status, "unavailable");
    assert.ok(body.checks.redis && body.checks.redis !== "ok", JSON.stringify(body));
    assert.equal((await fetch(`${one.url}/healthz`)).status, 200, "alive all the same");

    // Local delivery goes on, and an acknowledged message says that the others did not get it.
    const { ok, error } = await ada.timeout(10_000).emitWithAck("message", "local");
    assert.deepEqual([ok, error.code], [false, "cluster_unavailable"]);
    assert.deepEqual((await hears.count(1)).splice(0), [["local"]]);
    // One that asks for no acknowledgement waits.
    ada.emit("message", "kept");
    assert.deepEqual((await hears.count(1)).splice(0), [["kept"]]);
    assert.equal(beyond.items.length, 0);

    await sleep(OUTAGE_MS); // long enough for the nodes to wait as long as they ever do between attempts
    await mend(redis);
    const start = Date.now();
    // One node may be back before the other, and what it says meanwhile goes nowhere.
    await until(async () => {
      await ada.timeout(10_000).emitWithAck("message", "again");
      return beyond.items.some(([value]) => value === "again");
    }, "a message from node to node");
    const took = Date.now() - start;
    t.diagnostic(`cross-node delivery was back ${took} ms after Redis`);
    assert.ok(took <= BACK_WITHIN_MS, `back after ${took} ms`);
    assert.equal(beyond.items.filter(([value]) => value === "local").length, 0, "what was refused is not sent later");
    assert.equal(beyond.items.filter(([value]) => value === "kept").length, 1, "what has waited is sent once");
    await until(async () => (await readiness(one)).status === 200 && (await readiness(two)).status === 200, "both nodes ready");
    for (const socket of [ada, bob, eve]) assert.ok(socket.connected, "nobody lost a connection");
  });
}

test("malformed messages on every channel do no harm", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await startNodes(t, 2, redis);
  const [ada, eve] = [await join(t, one.url), await join(t, two.url)];
  const inbox = new Inbox(eve, "message");
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.close());

  const channels = ["socket.io#/#", `socket.io#/#${eve.id}#`, "socket.io-request#/#", "socket.io-response#/#"];
  const payloads = ["", "{", "{}", '{"type":99}', '{"type":5}', "[]", "\xc1", "\x93", "hello", Buffer.from([0x93, 0xa1, 0x61, 0xdd, 0xff, 0xff, 0xff, 0xff])];
  for (const channel of channels) for (const payload of payloads) await client.publish(channel, payload);
  assert.deepEqual(await ada.emitWithAck("message", "on we go"), { ok: true });
  assert.deepEqual(await inbox.count(1), [["on we go"]]);
  const metrics = await (await fetch(`${two.admin}/metrics`)).text();
  assert.ok(Number(/^chorus_redis_malformed_total (\d+)/m.exec(metrics)[1]) > 10, "they are counted");
  assert.equal(two.lines.filter((line) => line.includes("malformed")).length, 1, "and logged once");
});

test("SIGTERM: not ready at once, no new clients, those there told to go, exit code 0", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await startNodes(t, 2, redis, { CHORUS_DRAIN_PERIOD: "3s" });
  const sockets = await Promise.all(Array.from({ length: 450 }, (_, i) => join(t, one.url, { transports: [i % 10 ? "websocket" : "polling"] })));
  const witness = await join(t, two.url);
  const reasons = Promise.all(sockets.map(async (socket) => (await event(socket, "disconnect"))[0]));

  one.signalled("SIGTERM");
  const { body } = await until(async () => {
    const state = await readiness(one);
    return state.status === 503 && state;
  }, "not ready");
  assert.match(body.checks.node, /draining/);
  const refused = await fetch(`${one.url}/socket.io/?EIO=4&transport=polling`);
  assert.equal(refused.status, 503);

  for (const reason of await reasons) assert.ok(["transport close", "transport error"].includes(reason), reason);
  assert.equal(await within(one.exited, "the end"), 0); // a second SIGTERM would end it at once
  const inbox = new Inbox(witness, "message");
  await witness.emitWithAck("message", "the cluster lives");
  assert.deepEqual(await inbox.count(1), [["the cluster lives"]]);
});

test("a client that is told to go connects to the node that takes its place", async (t) => {
  const redis = await startRedis(t);
  const first = await startNode(t, redis);
  const { host } = new URL(first.url);
  const client = open(t, first.url, { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100, auth: { token: token() } });
  await event(client, "connect");
  assert.equal(await first.stop(), 0);
  await startNode(t, redis, { CHORUS_LISTEN: host });
  await event(client, "connect");
  assert.deepEqual(await client.emitWithAck("message", 1), { ok: true });
});
