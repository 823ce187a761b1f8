// Clients that send faster than Redis takes their messages: they are held back, and nothing is lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { startNodes } from "./harness/chorus.js";
import { join } from "./harness/client.js";
import { startRedis } from "./harness/redis.js";
import { until } from "./harness/wait.js";

// heard gathers the numbers that a client hears of a sender, in order.
function heard(socket) {
  const numbers = new Map();
  socket.on("message", ({ from, n }) => {
    if (!numbers.has(from)) numbers.set(from, []);
    numbers.get(from).push(n);
  });
  return (from) => numbers.get(from) ?? [];
}

const upTo = (count) => Array.from({ length: count }, (_, n) => n);
const metric = (text, name) => Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);

async function nothingDropped(nodes) {
  for (const node of nodes) {
    const text = await (await fetch(`${node.admin}/metrics`)).text();
    for (const name of ["dropped", "publish_errors", "missed", "gaps"]) assert.equal(metric(text, `chorus_redis_${name}_total`), 0, name);
  }
}

for (const [adapter, count, bytes] of [
  ["pubsub", 2_000, 10],
  ["pubsub", 5_000, 1_000],
  ["pubsub", 20_000, 10],
  ["sharded", 5_000, 1_000],
  ["streams", 5_000, 10],
  ["streams", 20_000, 10],
]) {
  test(`${adapter}: a burst of ${count} messages of ${bytes} bytes without acknowledgements`, async (t) => {
    const nodes = await startNodes(t, 2, await startRedis(t), { CHORUS_CLUSTER_ADAPTER: adapter });
    const [sender, listener] = [await join(t, nodes[0].url), await join(t, nodes[1].url)];
    const hears = heard(listener);
    const filler = "x".repeat(bytes);
    for (let n = 0; n < count; n++) {
      sender.emit("message", { from: "burst", n, filler });
      if (n % 100 === 99) await turn(); // the listener lives in this process, and must not become a slow consumer
    }
    await until(() => hears("burst").length >= count, "the whole burst");
    assert.deepEqual(hears("burst"), upTo(count));
    await nothingDropped(nodes);
  });
}

test("clients that flood the queue do not crowd out one that does not", async (t) => {
  const nodes = await startNodes(t, 2, await startRedis(t));
  const flooders = await Promise.all(upTo(20).map(() => join(t, nodes[0].url)));
  const [honest, listener] = [await join(t, nodes[0].url), await join(t, nodes[1].url)];
  const hears = heard(listener);
  for (const [i, flooder] of flooders.entries()) {
    for (let n = 0; n < 500; n++) flooder.emit("message", { from: i, n });
  }
  for (let n = 0; n < 50; n++) {
    assert.deepEqual(await honest.timeout(10_000).emitWithAck("message", { from: "honest", n }), { ok: true });
    await sleep(10);
  }
  await until(() => hears("honest").length >= 50 && flooders.every((_, i) => hears(i).length >= 500), "all messages");
  for (const [i] of flooders.entries()) assert.deepEqual(hears(i), upTo(500));
  assert.deepEqual(hears("honest"), upTo(50));
  await nothingDropped(nodes);
});
