// Clients with a token that send more than others can take.
import assert from "node:assert/strict";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { chorus, environment, startNode, startNodes } from "../../harness/chorus.js";
import { cleanup } from "../../harness/cleanup.js";
import { connected, join, open } from "../../harness/client.js";
import { startRedis } from "../../harness/redis.js";
import { token } from "../../harness/token.js";
import { until } from "../../harness/wait.js";
import { attacked, metrics } from "../held.js";
import { startProxy } from "../proxy.js";
import { frames, member, range, sent } from "../wire.js";
import { ghostRooms } from "./strangers.js";

const MB = 1e6;

async function nothingDropped(nodes) {
  for (const node of nodes) {
    const m = await metrics(node);
    for (const name of ["dropped", "publish_errors", "missed", "gaps"]) assert.equal(m[`chorus_redis_${name}_total`], 0, name);
  }
}

// burst sends so many messages at once, without acknowledgements, to a listener on another node.
async function burst(t, adapter, count, bytes) {
  const nodes = await startNodes(t, 2, await startRedis(t), { CHORUS_CLUSTER_ADAPTER: adapter });
  return attacked(nodes[0], async (t) => {
    const [sender, honest, listener] = [await join(t, nodes[0].url), await join(t, nodes[0].url), await join(t, nodes[1].url)];
    const heard = [];
    listener.on("message", ({ n }) => n !== undefined && heard.push(n));
    const filler = "x".repeat(bytes);
    const start = Date.now();
    for (let n = 0; n < count; n++) {
      sender.emit("message", { n, filler });
      if (n % 100 === 99) await turn(); // the listener lives in this process, too
    }
    assert.deepEqual(await honest.timeout(20_000).emitWithAck("message", {}), { ok: true });
    await until(() => heard.length >= count, "the whole burst", 60_000);
    const took = Date.now() - start;
    assert.deepEqual(heard, range(count));
    await nothingDropped(nodes);
    return `${count.toLocaleString("en")} of ${count.toLocaleString("en")} heard, ${Math.round(count / took * 1000).toLocaleString("en")} a second`;
  });
}

// flood has twenty clients send as fast as TCP lets them, each to a room of its own, for five seconds.
async function flood(t) {
  const nodes = await startNodes(t, 2, await startRedis(t));
  return attacked(nodes[0], async (t) => {
    const flooders = await Promise.all(range(20).map((n) => member(t, nodes[0].url, { sub: `flooder ${n}` })));
    const [honest, listener] = [await join(t, nodes[0].url), await join(t, nodes[1].url)];
    const heard = [];
    listener.on("message", (n) => heard.push(n));
    const end = Date.now() + 5000;
    let count = 0;
    const floods = flooders.map(async (socket, n) => {
      socket.send(`42["join","flood-${n}"]`);
      while (Date.now() < end) {
        for (let i = 0; i < 20; i++) socket.send(`42["publish","flood-${n}",${count++}]`);
        await sent(socket, "3");
        await sleep(20);
      }
    });
    let slowest = 0;
    let sentHonestly = 0;
    while (Date.now() < end) {
      const start = Date.now();
      assert.deepEqual(await honest.timeout(20_000).emitWithAck("message", sentHonestly++), { ok: true });
      slowest = Math.max(slowest, Date.now() - start);
      await sleep(50);
    }
    await Promise.all(floods);
    await until(() => heard.length === sentHonestly, "the honest messages");
    await until(async () => (await metrics(nodes[0])).chorus_redis_pending === 0, "an empty queue");
    await nothingDropped(nodes);
    return `${count.toLocaleString("en")} messages, none dropped; ${sentHonestly} of ${sentHonestly} honest ones ok, the slowest ${slowest} ms`;
  });
}

// crowd has a hundred clients send a thousand messages a second each, as far as the node takes them.
async function crowd(t, adapter) {
  const nodes = await startNodes(t, 2, await startRedis(t), { CHORUS_CLUSTER_ADAPTER: adapter });
  return attacked(nodes[0], async (t) => {
    const [honest, listener] = [await join(t, nodes[0].url), await join(t, nodes[1].url)];
    const heard = [];
    listener.on("message", (n) => heard.push(n));
    const sockets = await Promise.all(range(100).map((n) => member(t, nodes[0].url, { sub: `user ${n}` })));
    for (const [n, socket] of sockets.entries()) await sent(socket, `42["join","crowd-${n}"]`);
    const end = Date.now() + 10_000;
    let count = 0;
    const crowds = sockets.map(async (socket, n) => {
      const part = frames(`42["publish","crowd-${n}","x"]`, 50);
      const tcp = socket._socket;
      while (Date.now() < end) {
        if (!tcp.writableNeedDrain) { // TCP has taken what came before
          tcp.write(part);
          count += 50;
        }
        await sleep(50);
      }
    });
    let [honestly, slowest] = [0, 0];
    while (honestly < 101) {
      const start = Date.now();
      assert.deepEqual(await honest.timeout(20_000).emitWithAck("message", honestly++), { ok: true });
      slowest = Math.max(slowest, Date.now() - start);
      await sleep(Math.max(0, 100 - (Date.now() - start)));
    }
    await Promise.all(crowds);
    for (const socket of sockets) socket.terminate();
    await until(() => heard.length === honestly, "the honest messages");
    assert.deepEqual(heard, range(honestly));
    await until(async () => (await metrics(nodes[0])).chorus_redis_pending === 0, "an empty queue", 60_000);
    await nothingDropped(nodes);
    const { chorus_redis_published_total: published } = await metrics(nodes[0]);
    return `${count.toLocaleString("en")} messages sent, ${Math.round(published).toLocaleString("en")} published before the end, none dropped; 101 of 101 honest ones ok, the slowest ${slowest} ms`;
  }, { growth: 400 * MB });
}

// sleepers do not read what the others get.
async function sleepers(t) {
  const node = await startNode(t);
  return attacked(node, async (t) => {
    const sleeping = await Promise.all(range(20).map(() => member(t, node.url)));
    for (const socket of sleeping) socket._socket.pause();
    const [speaker, listener] = [await join(t, node.url), await join(t, node.url)];
    let heard = 0;
    listener.on("message", () => heard++);
    const text = "x".repeat(100_000);
    for (let n = 0; n < 200; n++) assert.deepEqual(await speaker.emitWithAck("message", text), { ok: true });
    await until(() => heard === 200, "the others to hear everything");
    const closed = (await metrics(node)).chorus_slow_consumers_total;
    assert.equal(closed, 20);
    return "20 sleeping readers closed, the others hear all 200 messages";
  }, { growth: 180 * MB });
}

async function limits(t) {
  const nodes = await startNodes(t, 3, await startRedis(t), { CHORUS_AUTH_MAX_CONNECTIONS: "5" });
  return attacked(nodes[0], async (t) => {
    const clients = range(60).map((n) => open(t, nodes[n % 3].url));
    const outcomes = await Promise.all(clients.map((client) => connected(client).then(() => true, (err) => {
      assert.equal(err.data.code, "too_many_connections");
      return false;
    })));
    const inside = outcomes.filter(Boolean).length;
    assert.equal(inside, 5);
    return "60 at once over three nodes: 5 get in";
  });
}

async function revocation(t) {
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 2, redis);
  return attacked(nodes[0], async (t) => {
    const clients = [];
    const stop = Date.now() + 3000;
    const crowd = range(10).map(async (n) => {
      while (Date.now() < stop) {
        const client = open(t, nodes[n % 2].url, { auth: { token: token({ sub: "mallory", iat: Math.floor(Date.now() / 1000) - 60 }) } });
        clients.push(client);
        await connected(client).catch(() => client.disconnect());
      }
    });
    const { code, output } = await chorus(t, ["token", "revoke", "--sub", "mallory"], environment(redis));
    assert.equal(code, 0, output);
    await Promise.all(crowd);
    await until(() => clients.every((client) => !client.connected), "the end of all of mallory's sockets");
    return `${clients.length} attempts while it is revoked, none stays`;
  });
}

async function forgedEvents(t) {
  const redis = await startRedis(t);
  const node = await startNode(t, redis);
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.close());
  return attacked(node, async () => {
    const before = node.lines.length;
    const forged = [{ uid: "u", type: 6, data: ["connection", {}] }, { uid: "u", type: 6, data: [] }, { uid: "u", type: 99 }, "{"];
    for (let n = 0; n < 5000; n++) {
      const event = forged[n % forged.length];
      await client.publish("socket.io-request#/#", typeof event === "string" ? event : JSON.stringify(event));
    }
    await until(async () => (await metrics(node)).chorus_redis_unhandled === 0, "all of them");
    const lines = node.lines.length - before;
    assert.ok(lines < 200, `${lines} lines`);
    return `${lines} log lines`;
  });
}

// readyz asks for the readiness with 200 connections while Redis takes 50 ms to answer.
async function readyz(t) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis);
  proxy.delay = 50;
  const node = await startNode(t, { url: proxy.url });
  await until(async () => (await fetch(`${node.url}/readyz`)).status === 200, "ready");
  return attacked(node, async (t) => {
    const honest = await join(t, node.url);
    const end = Date.now() + 5000;
    const statuses = {};
    let slowest = 0;
    await Promise.all([...range(200).map(async () => {
      while (Date.now() < end) {
        const answer = await fetch(`${node.url}/readyz`);
        await answer.text();
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      }
    }), (async () => {
      while (Date.now() < end) {
        const start = Date.now();
        assert.deepEqual(await honest.timeout(20_000).emitWithAck("message", 1), { ok: true });
        slowest = Math.max(slowest, Date.now() - start);
      }
    })()]);
    assert.deepEqual(Object.keys(statuses), ["200"]);
    return `${statuses[200].toLocaleString("en")} answers, all 200; an honest message took at most ${slowest} ms`;
  });
}

async function ghostChannels(t) {
  const redis = await startRedis(t);
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.close());
  const figure = await ghostRooms(t, redis, { CHORUS_CLUSTER_ADAPTER: "sharded" });
  const ghosts = async () => (await client.pubSubShardChannels()).filter((name) => name.includes("ghost"));
  await until(async () => (await ghosts()).length === 0, "the end of the subscriptions");
  return figure.replace("no room left", "no room and no subscription left");
}


export const senders = [
  ...[
    ["pubsub", 5000, 1000, "2,477 of 5,000 missed"], ["pubsub", 20_000, 10, "4,248 of 20,000 missed"],
    ["sharded", 5000, 1000, ""], ["streams", 5000, 10, "161 of 5,000 missed"], ["streams", 20_000, 10, ""],
  ].map(([adapter, count, bytes, before]) => ({
    name: `burst-${adapter}-${count}`, expect: "everything is heard on the other node, in order", before, run: (t) => burst(t, adapter, count, bytes),
  })),
  { name: "flood", expect: "20 clients flood: nothing is dropped, an honest client gets only ok", before: "", run: flood },
  ...["pubsub", "sharded"].map((adapter) => ({
    name: `crowd-${adapter}`, expect: "100 clients send 1,000 messages a second each: nothing is dropped, an honest client gets only ok",
    before: adapter === "pubsub" ? "547,609 dropped, 56 of 101 honest ones refused" : "", run: (t) => crowd(t, adapter),
  })),
  { name: "sleeping-readers", expect: "clients that do not read are closed, the others hear everything", before: "held", run: sleepers },
  { name: "limits-three-nodes", expect: "one subject has at most 5 connections over three nodes", before: "held", run: limits },
  { name: "revocation-race", expect: "no connection of a revoked user survives", before: "held", run: revocation },
  { name: "forged-events", expect: "5,000 forged messages on Redis: fewer than 200 log lines", before: "5,000 lines", run: forgedEvents },
  { name: "ghost-rooms-sharded", expect: "the same with a channel for each room", before: "rooms and subscriptions stayed", run: ghostChannels },
  { name: "readyz", expect: "200 connections ask /readyz while Redis takes 50 ms: always 200", before: "503, honest clients wait", run: readyz },
];
