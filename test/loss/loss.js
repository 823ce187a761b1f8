// What is lost of a minute's traffic when a node is killed and Redis is killed and started again: nothing
// with streams and connection state recovery, and with pubsub so much as is printed.
//
// 200 official clients on three nodes each publish a message every few seconds to a room that all of them
// are in. What counts are the messages that a node has acknowledged.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startNodes } from "../harness/chorus.js";
import { Inbox, connected, open } from "../harness/client.js";
import { startRedis } from "../harness/redis.js";
import { token } from "../harness/token.js";
import { until } from "../harness/wait.js";

const CLIENTS = Number(process.env.LOSS_CLIENTS ?? 200);
const SECONDS = Number(process.env.LOSS_SECONDS ?? 60);
const EACH_MS = 4000; // between two messages of a client
const REDIS_AWAY_MS = 3000;

class Client {
  acknowledged = [];
  refused = 0;
  returns = 0;
  anew = 0; // returns without the session

  constructor(t, n, nodes) {
    this.n = n;
    this.nodes = nodes;
    this.socket = open(t, nodes[n % nodes.length].url, {
      auth: { token: token({ sub: `client ${n}` }) }, reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 1000,
    });
    this.inbox = new Inbox(this.socket, "publish");
    this.socket.io.on("reconnect_attempt", (attempt) => {
      this.socket.io.uri = nodes[(n + attempt) % nodes.length].url;
    });
    this.socket.on("connect", () => {
      if (!this.joined) return;
      this.returns++;
      if (!this.socket.recovered) {
        this.anew++;
        this.socket.emit("join", "r");
      }
    });
  }

  async start() {
    await connected(this.socket);
    assert.deepEqual(await this.socket.emitWithAck("join", "r"), { ok: true });
    this.joined = true;
  }

  async talk(end) {
    await sleep(Math.random() * EACH_MS);
    for (let i = 0; Date.now() < end; i++) {
      const message = `${this.n}.${i}`;
      try {
        const answer = await this.socket.timeout(10_000).emitWithAck("publish", "r", message);
        if (answer.ok) this.acknowledged.push(message);
        else this.refused++;
      } catch {
        this.refused++; // no answer
      }
      await sleep(EACH_MS * (0.75 + Math.random() / 2));
    }
  }

  get heard() {
    return this.inbox.items.map(([, message]) => message);
  }
}

async function minute(t, settings) {
  const redis = await startRedis(t, { durable: true });
  const nodes = await startNodes(t, 3, redis, settings);
  const clients = Array.from({ length: CLIENTS }, (_, n) => new Client(t, n, nodes));
  await Promise.all(clients.map((client) => client.start()));
  await sleep(500); // the sessions are written

  const end = Date.now() + SECONDS * 1000;
  const talking = Promise.all(clients.map((client) => client.talk(end)));
  await sleep((SECONDS * 1000) / 4);
  await nodes[2].stop("SIGKILL");
  await sleep((SECONDS * 1000) / 4);
  await redis.stop(); // SIGKILL
  await sleep(REDIS_AWAY_MS);
  await redis.start();
  await talking;

  const acknowledged = new Set(clients.flatMap((client) => client.acknowledged));
  await until(() => clients.every(({ socket }) => socket.connected), "everybody is connected");
  await sleep(3000); // what is under way
  const sum = (of) => clients.reduce((n, client) => n + of(client), 0);
  const report = { acknowledged: acknowledged.size, "deliveries due": acknowledged.size * CLIENTS, refused: sum((c) => c.refused), returns: sum((c) => c.returns), "returns without the session": sum((c) => c.anew), lost: 0, twice: 0, "clients that lost some": 0 };
  const orders = [];
  for (const client of clients) {
    const seen = new Set();
    const order = [];
    for (const message of client.heard) {
      if (seen.has(message)) report.twice++;
      else if (acknowledged.has(message)) order.push(message);
      seen.add(message);
    }
    const lost = acknowledged.size - order.length;
    report.lost += lost;
    if (lost > 0) report["clients that lost some"]++;
    orders.push(order);
  }
  // In which order the others have what both have.
  const differs = (order) => {
    const [mine, theirs] = [new Set(order), new Set(orders[0])];
    return order.filter((m) => theirs.has(m)).join() !== orders[0].filter((m) => mine.has(m)).join();
  };
  report["of clients that got another order"] = orders.filter(differs).length;
  for (const [name, value] of Object.entries(report)) t.diagnostic(`${name}: ${value}`);
  console.log(JSON.stringify(report));
  return report;
}

test("streams lose nothing", async (t) => {
  const report = await minute(t, { CHORUS_CLUSTER_ADAPTER: "streams", CHORUS_RECOVERY_ENABLED: "true" });
  assert.ok(report.acknowledged > CLIENTS);
  assert.ok(report.returns >= CLIENTS / 4, "the clients of the node that was killed have come back");
  assert.deepEqual([report.lost, report.twice, report["of clients that got another order"]], [0, 0, 0]);
  assert.equal(report["returns without the session"], 0);
});

test("pubsub loses what is sent while somebody is away", async (t) => {
  const report = await minute(t, { CHORUS_CLUSTER_ADAPTER: "pubsub" });
  assert.ok(report.acknowledged > CLIENTS);
  assert.equal(report.twice, 0);
});
