// Attacks by clients without a token.
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { startNode } from "../../harness/chorus.js";
import { join, open, refusal } from "../../harness/client.js";
import { token } from "../../harness/token.js";
import { until, within } from "../../harness/wait.js";
import { attacked, metrics } from "../held.js";
import { dial, inParallel, member, range, sent, session } from "../wire.js";

const MB = 1e6;
const chunk = Buffer.alloc(999_000);

// withAttachments sends events of which the last of ten attachments never comes.
async function withAttachments(t, count, enter, growth) {
  const node = await startNode(t);
  return attacked(node, async (t) => {
    await inParallel(count, 10, async () => {
      const socket = await enter(t, node.url);
      await sent(socket, '4510-["publish","r",' + range(10).map((num) => `{"_placeholder":true,"num":${num}}`).join() + "]");
      for (let n = 0; n < 9; n++) await sent(socket, chunk);
    });
    await (await join(t, node.url)).emitWithAck("message", "the node goes on");
    return `${count} connections`;
  }, { growth });
}

// request returns the bytes of a request, of whose body nothing is there.
const request = (method, path, ...headers) => [`${method} ${path} HTTP/1.1`, "Host: x", ...headers, "", ""].join("\r\n");
const engine = "/socket.io/?EIO=4&transport=polling";
const body = "Content-Length: 1000";
const endless = {
  "a body for /healthz": request("POST", "/healthz", body),
  "404": request("POST", "/nothing", body),
  "405": request("PUT", engine, body),
  "an unknown sid": request("POST", `${engine}&sid=nobody`, body),
  chunked: request("POST", `${engine}&sid=nobody`, "Transfer-Encoding: chunked") + "3e8\r\n",
  Expect: request("POST", `${engine}&sid=nobody`, body, "Expect: 100-continue"),
  "a GET with a body": request("GET", "/healthz", body),
  "an unknown transport": request("POST", "/socket.io/?EIO=4&transport=pigeon", body),
  "a foreign origin": request("POST", engine, body, "Origin: https://evil.example"),
  "headers without an end": "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ",
};

async function slowRequests(t) {
  const node = await startNode(t);
  return attacked(node, async (t) => {
    const held = {};
    await Promise.all(Object.entries(endless).flatMap(([kind, head]) => range(5).map(async () => {
      const socket = await dial(t, node.url);
      const start = Date.now();
      socket.resume();
      socket.write(head);
      const drip = setInterval(() => socket.write("x"), 1000);
      await within(socket.ended, `the end of "${kind}"`, 60_000).finally(() => clearInterval(drip));
      held[kind] = Math.max(held[kind] ?? 0, Date.now() - start);
    })));
    const [kind, ms] = Object.entries(held).toSorted((a, b) => b[1] - a[1])[0];
    assert.ok(ms < 45_000, `${kind}: held for ${ms} ms`);
    return `at most ${Math.round(ms / 1000)} s (${kind})`;
  });
}

async function unreadAnswers(t) {
  const node = await startNode(t);
  return attacked(node, async (t) => {
    const sockets = await Promise.all(range(20).map(() => dial(t, node.url)));
    for (const socket of sockets) {
      socket.pause();
      socket.write(request("GET", "/readyz").repeat(50_000)); // far more answers than the buffers of TCP take
    }
    await until(async () => (await metrics(node)).chorus_tcp_connections >= 20, "the connections");
    const start = Date.now();
    await until(async () => (await metrics(node)).chorus_tcp_connections === 0, "the end of the connections", 60_000);
    return `closed after ${Math.round((Date.now() - start) / 1000)} s`;
  });
}

// lockout fills a node that may open 200 descriptors with connections that never end.
async function lockout(t) {
  const node = await startNode(t, undefined, {}, { descriptors: 200 });
  return attacked(node, async (t) => {
    for (const head of [endless["a body for /healthz"], "GET /"]) {
      await inParallel(200, 50, async () => (await dial(t, node.url)).write(head));
      assert.equal((await fetch(`${node.admin}/readyz`)).status, 200);
    }
    const start = Date.now();
    assert.deepEqual(await (await join(t, node.url)).emitWithAck("message", 1), { ok: true });
    return `an honest client gets in after ${Date.now() - start} ms, the admin address answers`;
  });
}

async function bareGets(t) {
  const node = await startNode(t, undefined, { CHORUS_MAX_CONNECTIONS: "2000" });
  return attacked(node, async (t) => {
    const socket = await dial(t, node.url);
    socket.resume();
    socket.write(request("GET", engine).repeat(2000));
    await until(async () => (await metrics(node)).chorus_connections >= 500, "the sessions");
    await sleep(1000); // the rest of them
    const start = Date.now();
    await until(async () => {
      const client = open(t, node.url, { transports: ["websocket"] });
      const outcome = await Promise.race([once(client, "connect").then(() => true), once(client, "connect_error").then(() => false)]);
      if (!outcome) client.disconnect();
      return outcome;
    }, "an honest client");
    const took = Date.now() - start;
    assert.ok(took < 10_000, `an honest client gets in after ${took} ms`);
    return `an honest client of the same address gets in after ${took} ms`;
  });
}

// churn has sockets connect, wait for no answer or for one, and leave.
async function churn(t, mode, credentials) {
  const node = await startNode(t, undefined, { CHORUS_AUTH_MODE: mode });
  return attacked(node, async (t) => {
    await inParallel(4000, 50, async (n) => {
      const socket = await session(t, node.url);
      socket.send(credentials ? `40${JSON.stringify({ token: token() })}` : "40");
      if (n % 2) await within(once(socket, "message"), "an answer");
      socket.close();
      await once(socket, "close");
    });
    await until(async () => (await metrics(node)).chorus_connections === 0, "the end of all");
    return "4,000 sockets";
  }, { growth: 150 * MB });
}

async function ghostRooms(t, redis, settings) {
  const node = await startNode(t, redis, settings);
  return attacked(node, async (t) => {
    await inParallel(1000, 50, async (n) => {
      const socket = await member(t, node.url, { sub: `user ${n}` });
      for (let room = 0; room < 100; room++) socket.send(`42["join","ghost-${n}-${room}"]`);
      if (n % 2) socket.terminate();
      else socket.close();
    });
    await until(async () => (await metrics(node)).chorus_connections === 0, "the end of all");
    await until(async () => (await metrics(node)).chorus_rooms === 0, "the end of the rooms", 30_000);
    return "no room left";
  });
}

async function origins(t) {
  const node = await startNode(t);
  const client = await join(t, node.url);
  return attacked(node, async () => {
    const statuses = new Set();
    await inParallel(1000, 20, async (n) => {
      const answer = await fetch(`${node.url}${engine}`, { headers: { Origin: `https://evil${n}.example` } });
      statuses.add(answer.status);
      await answer.text();
    });
    assert.deepEqual([...statuses], [403]);
    assert.deepEqual(await client.emitWithAck("message", 1), { ok: true });
    return `1,000 refused, ${node.lines.length} log lines`;
  });
}

async function badTokens(t) {
  const node = await startNode(t);
  return attacked(node, async (t) => {
    const slow = [];
    const honest = await join(t, node.url);
    await inParallel(1000, 20, async (n) => {
      const client = open(t, node.url, { auth: { token: token({}, { secret: "another secret, which the node does not know" }) } });
      assert.equal((await refusal(client)).data.code, "invalid_token");
      client.disconnect();
      if (n % 50) return;
      const start = Date.now();
      await honest.emitWithAck("message", n);
      slow.push(Date.now() - start);
    });
    return `1,000 refused, an honest message took at most ${Math.max(...slow)} ms`;
  });
}

export const strangers = [
  { name: "attachments-without-token", expect: "memory grows by less than 100 MB", before: "100 connections: 1.8 GB", run: (t) => withAttachments(t, 100, session, 100 * MB) },
  { name: "attachments-with-token", expect: "memory grows by less than 150 MB", before: "50 connections: 764 MB", run: (t) => withAttachments(t, 50, member, 150 * MB) },
  { name: "slow-requests", expect: "ten kinds of requests that never end are closed within 45 s", before: "held for more than 150 s", run: slowRequests },
  { name: "unread-answers", expect: "connections that do not read their answers are closed within 60 s", before: "more than a minute", run: unreadAnswers },
  { name: "descriptor-lockout", expect: "200 descriptors, 400 connections that never end: the admin address answers, an honest client gets in", before: "everybody locked out", run: lockout },
  { name: "bare-gets", expect: "2,000 polling sessions over one connection: an honest client of the same address waits for less than 10 s", before: "everybody shut out for 45 s", run: bareGets },
  ...["handshake", "event", "both"].map((mode) => ({
    name: `churn-${mode}`, expect: "4,000 sockets without a token come and go, nothing stays",
    before: mode === "handshake" ? "" : "20,000 sockets left 1,235 goroutines", run: (t) => churn(t, mode, false),
  })),
  { name: "churn-token", expect: "4,000 sockets with a token come and go, nothing stays", before: "10,000 sockets left 347 goroutines", run: (t) => churn(t, "both", true) },
  { name: "ghost-rooms", expect: "1,000 clients that leave while they join 100 rooms leave none", before: "4,000 clients left 410 to 491 rooms", run: (t) => ghostRooms(t) },
  { name: "origins", expect: "1,000 foreign origins are refused, few lines in the log", before: "held", run: origins },
  { name: "bad-tokens", expect: "1,000 bad tokens are refused, an honest client goes on", before: "held", run: badTokens },
];
export { lockout, ghostRooms };
