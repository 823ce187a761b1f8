// Nodes that die, end and come back.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { startNode, startNodes } from "../../harness/chorus.js";
import { cleanup } from "../../harness/cleanup.js";
import { Inbox, connected, join, open } from "../../harness/client.js";
import { startRedis } from "../../harness/redis.js";
import { token } from "../../harness/token.js";
import { until, within } from "../../harness/wait.js";
import { attacked } from "../held.js";
import { inParallel, range } from "../wire.js";

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

const CLIENTS = Number(process.env.ROLLING_CLIENTS ?? 5000);

// curveOf reads a counter each second, until the function that it returns is called, which returns the rates. When this
// process gets no CPU for longer, that time counts as one: what was to do meanwhile is done before the counter is read.
function curveOf(counter) {
  const rates = [];
  let [since, last] = [performance.now(), counter()];
  const timer = setInterval(() => setImmediate(() => {
    const seconds = (performance.now() - since) / 1000;
    if (seconds < 1) return;
    rates.push(Math.round((counter() - last) / seconds));
    [since, last] = [performance.now(), counter()];
  }), 20).unref();
  return () => {
    clearInterval(timer);
    return rates;
  };
}

// rolling restarts three nodes, one after the other, while many clients are connected and messages are sent to all of them.
async function rolling(t) {
  const redis = await startRedis(t);
  const settings = { CHORUS_CLUSTER_ADAPTER: "streams", CHORUS_RECOVERY_ENABLED: "true", CHORUS_DRAIN_PERIOD: "20s" };
  const nodes = await startNodes(t, 3, redis, settings);
  let reconnects = 0;
  const clients = [];
  await inParallel(CLIENTS, 50, async (n) => {
    const client = open(t, nodes[n % 3].url, {
      reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 1000, auth: { token: token({ sub: `client ${n}` }) },
    });
    client.io.on("reconnect_attempt", (attempt) => (client.io.uri = nodes[(n + attempt) % 3].url));
    clients[n] = Object.assign(client, { heard: new Set(), resumed: 0 });
    client.on("message", (value) => client.heard.add(value));
    await connected(client);
    client.on("connect", () => {
      reconnects++;
      if (client.recovered) client.resumed++;
    });
  });
  const curve = curveOf(() => reconnects);
  const acknowledged = [];
  let [running, sent] = [true, 0];
  cleanup(t, () => (running = false));
  const load = (async () => {
    for (; running; sent++) {
      const value = sent;
      void clients[sent % CLIENTS].timeout(15_000).emitWithAck("message", value).then((answer) => answer.ok && acknowledged.push(value), () => {});
      await sleep(1000);
    }
  })();
  await sleep(2000);
  for (const [i, node] of nodes.entries()) {
    const ended = node.stop("SIGTERM");
    assert.equal(await within(ended, "the end of a node", 60_000), 0, node.output);
    nodes[i] = await again(t, redis, node, settings);
    await until(async () => (await fetch(`${nodes[i].url}/readyz`).catch(() => ({}))).ok, "the node to be ready");
  }
  running = false;
  await load;
  await until(() => clients.every((client) => client.connected), "all clients", 60_000);
  const missing = () => clients.reduce((sum, { heard }) => sum + acknowledged.filter((value) => !heard.has(value)).length, 0);
  await until(() => missing() === 0, "all acknowledged messages", 30_000).catch(() => {});
  assert.equal(missing(), 0, `${missing()} deliveries of ${acknowledged.length * CLIENTS} are missing`);
  const rates = curve();
  const most = Math.max(...rates);
  console.log(`reconnects, by second: ${rates.join(" ")}`);
  assert.ok(most <= CLIENTS / 10, `${most} clients reconnected in one second: ${rates.join(" ")}`);
  const resumed = clients.reduce((sum, client) => sum + client.resumed, 0);
  return `${acknowledged.length} of ${sent} messages acknowledged, each heard by all ${CLIENTS.toLocaleString("en")} clients; `
    + `${reconnects.toLocaleString("en")} reconnects in ${rates.length} s, at most ${most} in a second, ${resumed.toLocaleString("en")} with their session`;
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
  { name: "rolling-crowd", expect: "three nodes are restarted in turn with 5,000 clients, under load and with recovery: nothing acknowledged is lost, no second in which more than a tenth reconnect", before: "", run: rolling, ms: 600_000 },
  { name: "reconnect-storm", expect: "500 clients come back at once within 20 s", before: "held", run: storm },
];
