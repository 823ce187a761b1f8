// Limits in time: events, bytes, handshakes, bad tokens. Honest clients do not meet them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startNode, startNodes, UNLIMITED } from "./harness/chorus.js";
import { Inbox, join, open, refusal } from "./harness/client.js";
import { metric } from "./harness/metrics.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, within } from "./harness/wait.js";

const refusedAnswer = (answer) => !answer.ok && answer.error.code === "rate_limited" && answer.error.retry_after_ms > 0;

test("events of a connection: answered rate_limited, then closed for good", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_LIMITS_EVENTS_RATE: "5/s", CHORUS_LIMITS_EVENTS_BURST: "10" });
  for (const transports of [["websocket"], ["polling"]]) {
    const auth = { token: token({ sub: `greedy-${transports}` }) };
    const [greedy, honest] = [await join(t, node.url, { auth, transports, reconnection: true, reconnectionDelay: 10 }), await join(t, node.url)];
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => greedy.timeout(10_000).emitWithAck("message", i)));
    const taken = answers.filter((answer) => answer.ok).length;
    assert.ok(taken >= 10 && taken <= 20, `${taken} were taken`);
    assert.ok(answers.filter((answer) => !answer.ok).every(refusedAnswer), JSON.stringify(answers.at(-1)));
    assert.deepEqual(await honest.emitWithAck("message", "hello"), { ok: true });

    const gone = event(greedy, "disconnect");
    for (let i = 0; i < 200; i++) greedy.emit("message", i);
    const [reason] = await gone; // a request of long-polling that comes too late finds no session any more
    assert.ok(reason === "io server disconnect" || transports[0] === "polling", reason);
    greedy.disconnect();
    assert.deepEqual(await honest.emitWithAck("message", "hello"), { ok: true });

    const again = await join(t, node.url, { auth, transports }); // without a burst, for a minute
    const others = await Promise.all(Array.from({ length: 10 }, (_, i) => again.timeout(10_000).emitWithAck("message", i)));
    assert.ok(others.filter((answer) => answer.ok).length <= 5, JSON.stringify(others));
    again.disconnect();
  }
  assert.ok((await metric(node, "chorus_limited_events_total")) > 100);
  assert.ok((await metric(node, "chorus_limit_disconnects_total")) >= 2);
});

test("events with attachments and in other namespaces are answered too", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_LIMITS_EVENTS_RATE: "1/h", CHORUS_LIMITS_EVENTS_BURST: "1" });
  const socket = await join(t, node.url);
  assert.deepEqual(await socket.emitWithAck("message", Buffer.from("one")), { ok: true });
  const answer = await socket.timeout(5000).emitWithAck("message", Buffer.from("two"), { three: Buffer.from("four") });
  assert.ok(refusedAnswer(answer), JSON.stringify(answer));
  assert.ok(answer.error.retry_after_ms > 3_000_000);
  assert.equal(socket.connected, true);
});

test("events of a user count over all connections and nodes", async (t) => {
  const settings = { CHORUS_LIMITS_SUBJECT_EVENTS_RATE: "1/s", CHORUS_LIMITS_SUBJECT_EVENTS_BURST: "20" };
  const nodes = await startNodes(t, 2, await startRedis(t), settings);
  const tokenOf = (sub) => ({ auth: { token: token({ sub }) } });
  const eve = await Promise.all([0, 1, 0, 1].map((i) => join(t, nodes[i].url, tokenOf("eve"))));
  const bob = await join(t, nodes[0].url, tokenOf("bob"));
  const answers = await Promise.all(eve.flatMap((socket) => Array.from({ length: 20 }, (_, i) => socket.timeout(10_000).emitWithAck("message", i))));
  const taken = answers.filter((answer) => answer.ok).length;
  assert.ok(taken >= 20 && taken <= 25, `${taken} were taken`);
  assert.ok(answers.filter((answer) => !answer.ok).every(refusedAnswer));
  assert.deepEqual(await bob.emitWithAck("message", "hello"), { ok: true });
});

test("bytes are held back, and nothing is lost", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_LIMITS_BYTES_RATE: "200KB/s", CHORUS_LIMITS_BYTES_BURST: "100KB", CHORUS_LIMITS_EVENTS_RATE: "0" });
  for (const transports of [["websocket"], ["polling"]]) {
    const [sender, other] = [await join(t, node.url, { transports }), await join(t, node.url)];
    const inbox = new Inbox(other, "message");
    const began = Date.now();
    const sent = Promise.all(Array.from({ length: 10 }, (_, i) => sender.emitWithAck("message", "x".repeat(50_000))));
    assert.deepEqual(await other.emitWithAck("message", "not held back"), { ok: true });
    assert.ok((await within(sent, "the answers")).every((answer) => answer.ok));
    assert.deepEqual(await sender.emitWithAck("message", "after the pause"), { ok: true });
    assert.ok(Date.now() - began > 1500, `it took ${Date.now() - began} ms`);
    await inbox.count(12);
  }
  assert.ok((await metric(node, "chorus_limited_bytes_total")) > 0);
});

test("handshakes of an address: 429 with Retry-After, readable by web pages", async (t) => {
  const origin = "https://page.example";
  const node = await startNode(t, undefined, {
    CHORUS_LIMITS_HANDSHAKES_RATE: "1/m", CHORUS_LIMITS_HANDSHAKES_BURST: "3", CHORUS_CORS_ORIGINS: origin, CHORUS_TRUSTED_PROXIES: "127.0.0.1",
  });
  const handshake = (address, transport = "polling") =>
    fetch(`${node.url}/socket.io/?EIO=4&transport=${transport}`, { headers: { origin, "x-forwarded-for": address } });
  for (let i = 0; i < 3; i++) assert.equal((await handshake(`2001:db8::${i}`)).status, 200);
  const refused = await handshake("2001:db8::ffff"); // the same /64
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  assert.equal(refused.headers.get("access-control-allow-origin"), origin);
  const body = await refused.json();
  assert.equal(body.code, "rate_limited");
  assert.ok(body.retry_after_ms > 0);
  assert.equal((await handshake("2001:db8:0:1::1")).status, 200);
  assert.equal((await handshake("192.0.2.1")).status, 200);
});

test("bad tokens are answered later and later, and good ones at once", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_LIMITS_FAILED_AUTH_RATE: "1/h", CHORUS_LIMITS_FAILED_AUTH_BURST: "3" });
  const times = [];
  for (let i = 0; i < 6; i++) {
    const socket = open(t, node.url, { auth: { token: `${token()}x` } });
    const began = Date.now();
    assert.equal((await refusal(socket)).data.code, "invalid_token");
    times.push(Date.now() - began);
    if (i === 4) {
      const honest = Date.now();
      await join(t, node.url);
      assert.ok(Date.now() - honest < 500, "a good token is not delayed");
    }
    socket.disconnect();
  }
  assert.ok(times[2] < 250 && times[3] >= 250 && times[4] >= 500 && times[5] >= 1000, `${times}`);
  assert.equal(await metric(node, "chorus_limited_auth_total"), 3);
});

test("bad tokens that come by event are counted and delayed, too", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_AUTH_MODE: "event", CHORUS_LIMITS_FAILED_AUTH_RATE: "1/h", CHORUS_LIMITS_FAILED_AUTH_BURST: "3" });
  const socket = await join(t, node.url, { auth: {} });
  for (let i = 0; i < 2; i++) {
    socket.emit("authenticate", { token: "x" });
    assert.equal((await event(socket, "unauthorized"))[0].data.code, "invalid_token");
  }
  assert.equal(await metric(node, "chorus_limited_auth_total"), 0);
  const other = await join(t, node.url, { auth: {} });
  const [unauthorized, authenticated] = [event(other, "unauthorized"), event(other, "authenticated")];
  for (let i = 0; i < 2; i++) other.emit("authenticate", { token: "x" });
  other.emit("authenticate", { token: token() }); // a good one is not delayed
  assert.equal((await unauthorized)[0].data.code, "invalid_token");
  await authenticated;
  assert.equal(await metric(node, "chorus_limited_auth_total"), 1);
});

test("with rates of 0 nothing is limited", async (t) => {
  const node = await startNode(t, undefined, UNLIMITED);
  const socket = await join(t, node.url);
  const answers = await Promise.all(Array.from({ length: 2000 }, (_, i) => socket.timeout(20_000).emitWithAck("message", i)));
  assert.ok(answers.every((answer) => answer.ok));
});
