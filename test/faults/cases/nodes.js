// Nodes that die, end and come back.
import assert from "node:assert/strict";
import { startNode, startNodes } from "../../harness/chorus.js";
import { Inbox, connected, join, open } from "../../harness/client.js";
import { startRedis } from "../../harness/redis.js";
import { token } from "../../harness/token.js";
import { until } from "../../harness/wait.js";
import { attacked } from "../held.js";
import { range } from "../wire.js";

// again starts a node at the address of one that has ended.
const again = (t, redis, node, settings) => startNode(t, redis, { ...settings, CHORUS_LISTEN: new URL(node.url).host });

// inTurn ends each of three nodes and starts it again. Clients go to the next node; what they publish
// meanwhile on the others is heard.
async function inTurn(t, signal) {
  const redis = await startRedis(t);
  const settings = { CHORUS_CLUSTER_ADAPTER: "streams", CHORUS_RECOVERY_ENABLED: "true" };
  const nodes = await startNodes(t, 3, redis, settings);
  const witnesses = await startNode(t, redis, settings); // never ends
  return attacked(witnesses, async (inner) => {
    const witness = await join(inner, witnesses.url);
    const inbox = new Inbox(witness, "message");
    const clients = range(60).map((n) => {
      const client = open(inner, nodes[n % 3].url, { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 500, auth: { token: token({ sub: `client ${n}` }) } });
      client.io.on("reconnect_attempt", (attempt) => (client.io.uri = nodes[(n + attempt) % 3].url));
      return client;
    });
    await Promise.all(clients.map(connected));
    const acknowledged = [];
    let slowest = 0;
    for (const [i, node] of nodes.entries()) {
      const ended = node.stop(signal);
      for (let n = 0; n < 30; n++) {
        const client = clients[(i + 1) % 3 + 3 * (n % 20)];
        const text = `${i}.${n}`;
        const answer = await client.timeout(10_000).emitWithAck("message", text).catch(() => ({}));
        if (answer.ok) acknowledged.push(text);
      }
      const code = await ended;
      if (signal === "SIGTERM") assert.equal(code, 0, node.output);
      const start = Date.now();
      await until(() => clients.every((client) => client.connected), "all clients");
      slowest = Math.max(slowest, Date.now() - start);
      nodes[i] = await again(t, redis, node, settings);
    }
    await until(() => {
      const heard = new Set(inbox.items.map(([text]) => text));
      return acknowledged.every((text) => heard.has(text));
    }, "all acknowledged messages");
    return `${acknowledged.length} of 90 acknowledged, none lost; all 60 clients back within ${slowest} ms`;
  });
}

// storm has 500 clients reconnect at once to a node that was killed.
async function storm(t) {
  const first = await startNode(t);
  const clients = range(500).map((n) => open(t, first.url, {
    reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500, auth: { token: token({ sub: `client ${n}` }) },
  }));
  await Promise.all(clients.map(connected));
  await first.stop("SIGKILL");
  await until(() => clients.every((client) => !client.connected), "the end of all");
  const node = await again(t, undefined, first);
  const start = Date.now();
  await until(() => clients.every((client) => client.connected), "all clients");
  const took = Date.now() - start;
  assert.deepEqual(await clients[0].emitWithAck("message", 1), { ok: true });
  return `500 clients back after ${(took / 1000).toFixed(1)} s; ${node.lines.length} log lines`;
}

export const nodes = [
  { name: "sigkill-in-turn", expect: "three nodes are killed in turn: nothing acknowledged is lost, clients are back", before: "held", run: (t) => inTurn(t, "SIGKILL") },
  { name: "rolling-restart", expect: "three nodes end in turn with exit code 0: nothing acknowledged is lost", before: "held", run: (t) => inTurn(t, "SIGTERM") },
  { name: "reconnect-storm", expect: "500 clients come back at once within 20 s", before: "held", run: storm },
];
