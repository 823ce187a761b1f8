// What Redis, or whoever sits between, can do to the nodes.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { encode } from "notepack.io";
import { createClient } from "redis";
import { startNode, startNodes } from "../../harness/chorus.js";
import { cleanup } from "../../harness/cleanup.js";
import { Inbox, join } from "../../harness/client.js";
import { startRedis } from "../../harness/redis.js";
import { event, until } from "../../harness/wait.js";
import { attacked, metrics } from "../held.js";
import { startProxy } from "../proxy.js";
import { range } from "../wire.js";

const MB = 1e6;
const OUTAGE_MS = 3000;
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

const readyStatus = async (node) => (await fetch(`${node.url}/readyz`)).status;

async function admin(t, redis) {
  const client = createClient({ url: redis.url });
  client.on("error", () => {});
  await client.connect();
  cleanup(t, () => client.destroy());
  return client;
}

// Talk is one client that publishes numbers on the first node, and one that hears them on the second.
class Talk {
  acknowledged = [];
  refused = 0;
  #count = 0;
  #end = false;

  constructor(speaker, listener) {
    this.speaker = speaker;
    this.inbox = new Inbox(listener, "message");
    this.done = this.#run();
  }

  async #run() {
    while (!this.#end) {
      const n = this.#count++;
      try {
        const { ok } = await this.speaker.timeout(15_000).emitWithAck("message", n);
        if (ok) this.acknowledged.push(n);
        else this.refused++;
      } catch {
        this.refused++;
      }
      await sleep(20);
    }
  }

  // back waits until the listener hears a message that is published from now on.
  back() {
    const now = this.#count;
    return this.inbox.until((items) => items.some(([n]) => n >= now), "a message from node to node");
  }

  // lost ends the talk and returns how many acknowledged messages the listener has not heard.
  async lost(wait = 5000) {
    this.#end = true;
    await this.done;
    const missing = () => {
      const heard = new Set(this.inbox.items.map(([n]) => n));
      return this.acknowledged.filter((n) => !heard.has(n)).length;
    };
    const end = Date.now() + wait;
    while (missing() > 0 && Date.now() < end) await sleep(100);
    return missing();
  }
}

// outage has a client talk to another node while something is wrong, and after it.
async function outage(t, { adapter, hit, mend, args }) {
  const redis = await startRedis(t, { args });
  const proxy = await startProxy(t, redis);
  const control = await admin(t, redis);
  const nodes = await startNodes(t, 2, { url: proxy.url }, { CHORUS_CLUSTER_ADAPTER: adapter });
  await until(async () => (await Promise.all(nodes.map(readyStatus))).every((status) => status === 200), "ready");
  return attacked(nodes[0], async (t) => {
    const talk = new Talk(await join(t, nodes[0].url), await join(t, nodes[1].url));
    await talk.back();
    const things = { redis, proxy, control };
    await hit(things);
    await sleep(OUTAGE_MS);
    await mend(things);
    const start = Date.now();
    await talk.back();
    const back = Date.now() - start;
    const lost = await talk.lost();
    if (adapter === "streams") assert.equal(lost, 0, `${lost} of ${talk.acknowledged.length} acknowledged messages lost`);
    await until(async () => (await Promise.all(nodes.map(readyStatus))).every((status) => status === 200), "ready again");
    return `${talk.acknowledged.length} acknowledged, ${lost} lost, ${talk.refused} refused, back after ${seconds(back)}`;
  });
}

const nothing = async () => {};
const faults = {
  flushall: [({ control }) => control.flushAll(), nothing],
  "client-kill": [async ({ control }) => {
    for (const type of ["NORMAL", "PUBSUB"]) await control.sendCommand(["CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"]);
  }, nothing],
  "client-pause": [({ control }) => control.sendCommand(["CLIENT", "PAUSE", String(OUTAGE_MS), "ALL"]), nothing],
  "debug-sleep": [async ({ control }) => void control.sendCommand(["DEBUG", "SLEEP", String(OUTAGE_MS / 1000)]).catch(() => {}), nothing],
  sigstop: [async ({ redis }) => redis.halt(), async ({ redis }) => redis.resume()],
  "proxy-delays": [async ({ proxy }) => (proxy.delay = 200), async ({ proxy }) => (proxy.delay = 0)],
  "proxy-swallows": [async ({ proxy }) => (proxy.swallow = true), async ({ proxy }) => {
    proxy.swallow = false;
    proxy.cut(); // what it has swallowed is a hole in the protocol
  }],
  "proxy-cuts": [async ({ proxy }) => {
    for (let i = 0; i < 10; i++) {
      proxy.cut();
      await sleep(200);
    }
  }, nothing],
  "proxy-half-open": [async ({ proxy }) => proxy.deafen(), nothing],
  "proxy-garbage": [async ({ proxy }) => (proxy.answers = Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff?")), async ({ proxy }) => {
    proxy.answers = undefined;
    proxy.cut();
  }],
};

// halfOpen makes the connection deaf that reads the stream, which is all that the second node hears by.
async function halfOpen(t) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis);
  const settings = { CHORUS_CLUSTER_ADAPTER: "streams", CHORUS_CLUSTER_ANNOUNCE: "true" };
  const nodes = [await startNode(t, redis, settings), await startNode(t, { url: proxy.url }, settings)];
  await until(async () => (await Promise.all(nodes.map(readyStatus))).every((status) => status === 200), "ready");
  return attacked(nodes[1], async (t) => {
    const listener = await join(t, nodes[1].url);
    const talk = new Talk(await join(t, nodes[0].url), listener);
    await talk.back();
    const degraded = event(listener, "cluster:degraded");
    const start = Date.now();
    assert.ok(proxy.deafen(/xread/i) > 0, "a connection reads the stream");
    const reactions = {};
    await Promise.all([
      degraded.then(() => (reactions.degraded = Date.now() - start)),
      until(async () => await readyStatus(nodes[1]) === 503, "not ready").then(() => (reactions.notReady = Date.now() - start)),
      talk.back().then(() => (reactions.back = Date.now() - start)),
    ].map((part) => part.catch((err) => (reactions.missing = err.message))));
    const lost = await talk.lost();
    assert.equal(lost, 0, `${lost} of ${talk.acknowledged.length} acknowledged messages lost`);
    assert.ok(reactions.back < 15_000, JSON.stringify(reactions));
    return [`${talk.acknowledged.length} acknowledged, 0 lost, heard again after ${seconds(reactions.back)}`,
      reactions.notReady && `not ready after ${seconds(reactions.notReady)}`,
      reactions.degraded && `cluster:degraded after ${seconds(reactions.degraded)}`].filter(Boolean).join(", ");
  });
}

// refuses has Redis refuse writes, while clients publish without acknowledgement.
async function refuses(t, hit, mend) {
  const redis = await startRedis(t);
  const control = await admin(t, redis);
  const nodes = await startNodes(t, 2, redis, { CHORUS_CLUSTER_ADAPTER: "streams", CHORUS_CLUSTER_ANNOUNCE: "true" });
  await until(async () => (await Promise.all(nodes.map(readyStatus))).every((status) => status === 200), "ready");
  return attacked(nodes[0], async (t) => {
    const [speaker, listener] = [await join(t, nodes[0].url), await join(t, nodes[1].url)];
    const inbox = new Inbox(listener, "message");
    const degraded = event(speaker, "cluster:degraded");
    const start = Date.now();
    await hit(control);
    for (let n = 0; n < 100; n++) speaker.emit("message", n);
    await degraded;
    const told = Date.now() - start;
    await until(async () => await readyStatus(nodes[0]) === 503, "not ready");
    const notReady = Date.now() - start;
    const { checks } = await (await fetch(`${nodes[0].url}/readyz`)).json();
    assert.equal((await metrics(nodes[0])).chorus_redis_up, 0);
    await mend(control);
    await inbox.count(100);
    assert.deepEqual(inbox.items.map(([n]) => n), range(100));
    await until(async () => await readyStatus(nodes[0]) === 200, "ready again");
    return `100 of 100 heard, cluster:degraded after ${seconds(told)}, not ready after ${seconds(notReady)} (${String(checks.redis).slice(0, 60)})`;
  });
}

// nested returns a megabyte of headers, each of which announces far more than there is.
const nested = (header) => Buffer.alloc(1_000_000, Buffer.from(header, "hex"));

// packed returns a map of MessagePack whose last member is what it is.
const packed = (members, name, value) => Buffer.concat([
  Buffer.from([0x80 | (Object.keys(members).length + 1)]), ...Object.entries(members).flatMap((pair) => pair.map((part) => encode(part))), encode(name), value,
]);

// inflating are messages with such headers, for what each adapter listens to.
const inflating = {
  pubsub: async (control, value) => {
    // [uid, packet, {rooms: [], except: [], flags: ...}], and requests and responses that are nothing else
    const message = Buffer.concat([Buffer.from([0x93]), encode("u"), encode({ type: 2, data: ["message", "x"], nsp: "/" }), packed({ rooms: [], except: [] }, "flags", value)]);
    for (const channel of ["socket.io#/#", "socket.io-request#/#", "socket.io-response#/#"]) {
      await control.publish(channel, message);
      await control.publish(channel, value);
    }
  },
  sharded: async (control, value) => {
    const message = packed({ uid: "u", nsp: "/", type: 3 }, "data", packed({ packet: { type: 2, data: ["message", "x"] } }, "opts", packed({ rooms: [], except: [] }, "flags", value)));
    for (const channel of (await control.pubSubShardChannels()).filter((name) => name.startsWith("socket.io#"))) {
      await control.sPublish(channel, message);
      await control.sPublish(channel, value);
      await control.sPublish(channel, packed({ uid: "u", nsp: "/", type: 9 }, "data", packed({}, "packet", value)));
    }
  },
  streams: async (control, value) => {
    const data = packed({ packet: { type: 2, data: ["message", "x"] } }, "opts", packed({ rooms: [], except: [] }, "flags", value));
    for (const bytes of [data, value]) await control.xAdd("socket.io", "*", { uid: "u", nsp: "/", type: "3", data: bytes.toString("base64") });
    await control.xAdd("socket.io", "*", { uid: "u", nsp: "/", type: "3", data: `{"opts":${"[".repeat(1_000_000)}` });
  },
};

async function headers(t, adapter, header) {
  const redis = await startRedis(t);
  const control = await admin(t, redis);
  const [node, other] = await startNodes(t, 2, redis, { CHORUS_CLUSTER_ADAPTER: adapter });
  await until(async () => await readyStatus(node) === 200, "ready");
  return attacked(node, async (t) => {
    const [speaker, listener] = [await join(t, other.url), await join(t, node.url)];
    const inbox = new Inbox(listener, "message");
    await inflating[adapter](control, nested(header));
    await speaker.emitWithAck("message", "on we go");
    await inbox.until((items) => items.some(([text]) => text === "on we go"), "the next message");
    const { chorus_redis_malformed_total: malformed } = await metrics(node);
    assert.ok(malformed > 0, "they were decoded");
    return `${malformed} counted as malformed`;
  }, { growth: 100 * MB });
}

// liar is a Redis that announces far more than it has.
async function liar(t, answer) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis);
  const node = await startNode(t, { url: proxy.url });
  await until(async () => await readyStatus(node) === 200, "ready");
  return attacked(node, async (t) => {
    const [speaker, listener] = [await join(t, node.url), await join(t, node.url)];
    const inbox = new Inbox(listener, "message");
    proxy.answers = answer;
    await until(async () => await readyStatus(node) === 503, "not ready");
    await sleep(OUTAGE_MS);
    await speaker.timeout(20_000).emitWithAck("message", "here").catch(() => {});
    await inbox.until((items) => items.some(([text]) => text === "here"), "a message on this node");
    proxy.answers = undefined;
    proxy.cut();
    await until(async () => await readyStatus(node) === 200, "ready again");
    return "not ready, then ready again";
  }, { growth: 100 * MB });
}

export const redis = [
  { name: "streams-half-open", expect: "the connection that reads the stream is half-open: not ready, nothing acknowledged is lost", before: "deaf for 30 s, /readyz 200", run: halfOpen },
  ...[
    ["maxmemory", (control) => control.configSet("maxmemory", "1"), (control) => control.configSet("maxmemory", "0")],
    ["min-replicas", (control) => control.configSet("min-replicas-to-write", "1"), (control) => control.configSet("min-replicas-to-write", "0")],
    ["readonly", (control) => control.sendCommand(["REPLICAOF", "127.0.0.1", "1"]), (control) => control.sendCommand(["REPLICAOF", "NO", "ONE"])],
  ].map(([name, hit, mend]) => ({
    name: `refused-writes-${name}`, expect: "Redis refuses writes: not ready with the reason, clients are told, nothing is lost",
    before: "96 to 99 of 100 lost, /readyz 200", run: (t) => refuses(t, hit, mend),
  })),
  ...["pubsub", "sharded", "streams"].flatMap((adapter) => [["map32", "dfffffffff"], ["map16", "deffff"], ["map-in-map", "81a161"], ["array32", "ddffffffff"]].map(([name, header]) => ({
    name: `headers-${adapter}-${name}`, expect: "1 MB of nested headers on Redis: memory grows by less than 100 MB",
    before: adapter === "pubsub" && name === "map16" ? "3.8 GB" : "", run: (t) => headers(t, adapter, header),
  }))),
  { name: "reply-array", expect: "Redis announces 2,147,483,000 elements: the node lives and comes back", before: "every node ends, out of memory", run: (t) => liar(t, Buffer.from("*2147483000\r\n")) },
  {
    name: "reply-bulk", expect: "Redis announces 512 MB: memory grows by less than 100 MB", before: "2.3 GB",
    run: (t) => liar(t, Buffer.concat([Buffer.from("$536870000\r\n"), Buffer.alloc(64_000, "x")])),
  },
  ...["streams", "pubsub", "sharded"].flatMap((adapter) => Object.entries(faults).map(([name, [hit, mend]]) => ({
    name: `${adapter}-${name}`, expect: adapter === "streams" ? "nothing acknowledged is lost; back by itself" : "back by itself", before: "held",
    run: (t) => outage(t, { adapter, hit, mend, args: ["--enable-debug-command", "yes"] }),
  }))),
];
