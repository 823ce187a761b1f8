// Webhooks: back ends are told what happens, on three nodes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BINARY, addresses, chorus, environment } from "./harness/chorus.js";
import { join } from "./harness/client.js";
import { file } from "./harness/file.js";
import { blocks } from "./harness/markdown.js";
import { run } from "./harness/program.js";
import { startReceiver, WHSEC, WHSEC_OLD } from "./harness/receiver.js";
import { freePort, startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { until } from "./harness/wait.js";

const CHAT = `
chat:
  presence: {grace: 0s}
  direct: {history: {messages: 100}}
  rooms: [{match: "kept-*", history: {messages: 100}}]
`;

// config returns the file of a configuration with targets: {name, url, ...}.
function config(t, targets, chat = CHAT) {
  const list = targets.map(({ name = "crm", url, ...more }) => `  - ${JSON.stringify({ name, url, secrets: [WHSEC, WHSEC_OLD], allow_private: true, ...more })}`);
  return file(t, "chorus.yaml", `webhooks:\n${list.join("\n")}\n${chat}`);
}

async function startNode(t, path, redis, settings = {}) {
  const program = run(t, BINARY, ["serve", "--config", path], environment(redis, settings));
  return Object.assign(program, await addresses(program));
}

async function startNodes(t, count, redis, targets, chat) {
  const path = await config(t, targets, chat);
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode(t, path, redis)));
  return Object.assign(nodes, { path });
}

const person = (t, node, name, options = {}) => join(t, node.url, { auth: { token: token({ sub: name.toLowerCase(), name, chorus: { rooms: { join: ["*"], publish: ["*"], moderate: ["*"] } } }) }, ...options });
const events = (receiver) => receiver.requests.filter((r) => r.status < 300).map((r) => r.body);
const about = (receiver, type) => events(receiver).filter((e) => e.type === type);
const told = (receiver, type, count = 1) => receiver.until(() => about(receiver, type).length >= count, `${count} ${type}`).then(() => about(receiver, type));

for (const [name, count] of [["three nodes and Redis", 3], ["one node in memory", 1]]) {
  test(`what is told: ${name}`, async (t) => {
    const receiver = await startReceiver(t);
    const quiet = await startReceiver(t);
    const redis = count > 1 ? await startRedis(t) : undefined;
    const nodes = await startNodes(t, count, redis, [
      { url: receiver.url, events: ["*"] },
      { name: "quiet", url: quiet.url, rooms: ["kept-*"] },
    ]);
    const alice = await person(t, nodes[0], "Alice");
    const bob = await person(t, nodes.at(-1), "Bob");
    assert.deepEqual((await told(receiver, "user.online", 2)).map((e) => e.data.user).toSorted((a, b) => (a.id < b.id ? -1 : 1)), [{ id: "alice", name: "Alice" }, { id: "bob", name: "Bob" }]);

    for (const user of [alice, bob]) for (const room of ["lobby", "kept-1"]) assert.equal((await user.emitWithAck("join", room)).ok, true);
    const { id, seq, cursor, at } = await alice.emitWithAck("publish", "kept-1", { text: "hello \u{1f388}", n: 12345678901234567890n.toString() });
    await alice.emitWithAck("edit", "kept-1", id, "changed");
    await alice.emitWithAck("delete", "kept-1", id);
    await bob.emitWithAck("append", "kept-1", "text1", "one ");
    await bob.emitWithAck("append", "kept-1", "text1", "two", { done: true });
    const plain = await bob.emitWithAck("publish", "lobby", [1, Buffer.from("binary")], { id: "own" });
    assert.deepEqual(await bob.emitWithAck("publish", "lobby", [1, Buffer.from("binary")], { id: "own" }), plain);
    await alice.emitWithAck("direct", "bob", "here?");
    await alice.emitWithAck("direct", "nobody", "away?");
    await alice.emitWithAck("mute", "lobby", "bob", { for: 60, reason: "noise" });
    await alice.emitWithAck("slow", "lobby", 1);
    assert.equal((await bob.emitWithAck("leave", "lobby")).ok, true);
    assert.equal((await alice.emitWithAck("leave", "lobby")).ok, true);
    bob.disconnect();

    await told(receiver, "user.offline");
    await receiver.until(() => about(receiver, "room.left").length >= 3 && about(receiver, "room.vacated").length, "the last ones");
    const of = (type) => about(receiver, type).map(({ data: { seq, ...data } }) => (assert.ok(Number.isSafeInteger(seq)), data));
    assert.deepEqual(of("room.occupied"), [{ room: "lobby", count: 1 }, { room: "kept-1", count: 1 }].toSorted((a, b) => of("room.occupied").findIndex((e) => e.room === a.room) - of("room.occupied").findIndex((e) => e.room === b.room)));
    assert.deepEqual(of("room.joined").filter((e) => e.room === "lobby"), [{ user: { id: "alice", name: "Alice" }, room: "lobby", count: 1 }, { user: { id: "bob", name: "Bob" }, room: "lobby", count: 2 }]);
    assert.deepEqual(of("room.left").filter((e) => e.room === "lobby"), [{ user: { id: "bob", name: "Bob" }, room: "lobby", count: 1 }, { user: { id: "alice", name: "Alice" }, room: "lobby", count: 0 }]);
    assert.deepEqual(of("room.vacated"), [{ room: "lobby", count: 0 }]);
    const published = of("message.published");
    assert.deepEqual(published.find((e) => e.message.id === id), { user: { id: "alice", name: "Alice" }, room: "kept-1", message: { id, value: { text: "hello \u{1f388}", n: "12345678901234567890" }, at, seq, cursor } });
    const text = published.find((e) => e.message.id === "text1");
    assert.deepEqual([text.message.value, text.user.id], ["one two", "bob"]);
    const own = published.filter((e) => e.message.id === "own");
    assert.equal(own.length, 1, "a message that came twice is told once");
    assert.deepEqual(own[0].message.value, [1, Buffer.from("binary").toString("base64")]);
    assert.deepEqual(of("message.edited").map(({ message }) => [message.id, message.value, message.version]), [[id, "changed", 2]]);
    assert.deepEqual(of("message.deleted").map(({ message }) => [message.id, message.value]), [[id, undefined]]);
    assert.deepEqual(of("direct.sent").map((e) => [e.user.id, e.to, e.away, e.message.value]), [["alice", "bob", false, "here?"], ["alice", "nobody", true, "away?"]]);
    const [mute] = of("moderation.mute");
    assert.deepEqual([mute.room, mute.user.id, mute.by, mute.reason, mute.until > Date.now()], ["lobby", "bob", "alice", "noise", true]);
    assert.equal(of("moderation.slow")[0].seconds, 1);

    // In order for each room and each user; without filters and folding seq has no gaps.
    const bySubject = new Map();
    for (const e of events(receiver)) {
      const subject = e.data.room ?? `user ${e.data.user.id}`;
      const before = bySubject.get(subject);
      if (before) assert.equal(e.data.seq, before.data.seq + 1, `${subject}: ${JSON.stringify([before, e])}`);
      bySubject.set(subject, e);
    }
    assert.equal(new Set(receiver.requests.map((r) => r.id)).size, receiver.requests.length, "each event has its own id");
    assert.match(receiver.requests[0].body.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(receiver.requests[0].headers["webhook-signature"].split(" ").length, 2, "signed with each secret");
    assert.deepEqual(receiver.faults, []);

    await quiet.until(() => about(quiet, "user.offline").length === 1 && about(quiet, "room.left").length === 1, "the last ones");
    const kinds = new Set(events(quiet).map((e) => e.type));
    assert.deepEqual([...kinds].toSorted(), ["direct.sent", "room.joined", "room.left", "room.occupied", "user.offline", "user.online"]);
    assert.ok(events(quiet).every((e) => e.data.room === undefined || e.data.room === "kept-1"));
  });
}

/** webhooks runs chorus webhooks with --json. */
async function webhooks(t, nodes, redis, ...args) {
  const { code, output } = await chorus(t, ["webhooks", ...args, "--json", "--config", nodes.path], environment(redis));
  assert.equal(code, 0, output);
  return JSON.parse(output);
}

test("a receiver that fails holds back the rooms concerned and no others, with the same ids", async (t) => {
  let failing = true;
  const receiver = await startReceiver(t, ({ body }) => (failing && body.data.room === "bad" ? { status: 500 } : body.data.room === "slow" && failing ? { status: 503, headers: { "retry-after": "3" } } : undefined));
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 2, redis, [{ url: receiver.url }]);
  const alice = await person(t, nodes[0], "Alice");
  for (const room of ["bad", "slow"]) await alice.emitWithAck("join", room);
  await receiver.until((requests) => requests.filter((r) => r.body.data.room === "bad").length >= 2, "another attempt");
  await alice.emitWithAck("join", "good");
  await told(receiver, "room.joined");
  assert.equal(about(receiver, "room.joined")[0].data.room, "good", "another room does not wait");
  const attempts = receiver.requests.filter((r) => r.body.data.room === "bad");
  assert.equal(new Set(attempts.map((r) => r.id)).size, 1, "the next event of the room waits for the one that failed, which keeps its id");
  assert.ok(attempts[1].at - attempts[0].at >= 950, "after a second");
  await receiver.until((requests) => requests.filter((r) => r.body.data.room === "slow").length >= 2, "another attempt after Retry-After");
  const [first, second] = receiver.requests.filter((r) => r.body.data.room === "slow");
  assert.ok(second.at - first.at >= 2950, `Retry-After was 3 s, and it came after ${second.at - first.at} ms`);
  failing = false;
  await receiver.until(() => about(receiver, "room.joined").length === 3, "all");
  for (const room of ["bad", "slow"]) {
    assert.deepEqual(events(receiver).filter((e) => e.data.room === room).map((e) => e.type), ["room.occupied", "room.joined"]);
  }
  const [status] = (await webhooks(t, nodes, redis)).webhooks;
  assert.deepEqual([status.name, status.backlog, status.dead, status.delivered], ["crm", 0, 0, 7]);
});

test("410 switches a target off over the cluster and restarts, until it is enabled; the others go on", async (t) => {
  let status = 410;
  const receiver = await startReceiver(t, () => ({ status }));
  const other = await startReceiver(t);
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 2, redis, [{ url: receiver.url }, { name: "other", url: other.url, batch: 10 }]);
  const alice = await person(t, nodes[0], "Alice");
  await receiver.until((requests) => requests.length === 1, "the first event");
  await until(async () => (await webhooks(t, nodes, redis)).webhooks[0].off, "the target is off");
  await alice.emitWithAck("join", "lobby");
  await nodes[0].stop();
  await nodes[1].stop();
  const again = await startNode(t, nodes.path, redis);
  const bob = await person(t, again, "Bob");
  await bob.emitWithAck("join", "lobby");
  await other.until((requests) => requests.flatMap((r) => r.body.data.events).some((e) => e.type === "room.joined" && e.data.user.id === "bob"), "the other target");
  assert.equal(receiver.requests.length, 1);
  const sent = other.requests.map((r) => r.body);
  assert.ok(sent.every((body) => body.type === "batch" && body.timestamp && body.data.events.every((e) => e.id.startsWith("evt_") && e.type && e.timestamp && e.data.seq)));
  status = 204;
  await webhooks(t, nodes, redis, "enable", "crm");
  await receiver.until(() => about(receiver, "room.joined").some((e) => e.data.user.id === "bob"), "what waited");
  await receiver.until((requests) => requests.slice(1).some((r) => r.id === requests[0].id), "what was refused comes again");
  assert.equal((await webhooks(t, nodes, redis, "test", "crm")).outcome, "delivered");
  assert.deepEqual(about(receiver, "webhook.test").map((e) => e.data.target), ["crm"]);
});

test("what is given up is listed and redelivered, with its id", async (t) => {
  let status = 500;
  const receiver = await startReceiver(t, () => ({ status }));
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 1, redis, [{ url: receiver.url, retry_for: "1s", events: ["user.online", "room.joined"] }]);
  const alice = await person(t, nodes[0], "Alice");
  await alice.emitWithAck("join", "lobby");
  await until(async () => (await webhooks(t, nodes, redis)).webhooks[0].dead === 2, "both are given up");
  const dead = (await webhooks(t, nodes, redis, "dead", "crm")).events;
  assert.deepEqual(dead.map((e) => e.type).toSorted(), ["room.joined", "user.online"]);
  assert.ok(dead.every((e) => receiver.requests.some((r) => r.id === e.id)));
  status = 200;
  const online = dead.find((e) => e.type === "user.online");
  assert.deepEqual(await webhooks(t, nodes, redis, "redeliver", "crm", online.id), { redelivered: 1 });
  await told(receiver, "user.online");
  assert.equal(receiver.requests.at(-1).id, online.id);
  assert.deepEqual(await webhooks(t, nodes, redis, "redeliver", "crm", "--until", "2020-01-01T00:00:00Z"), { redelivered: 0 });
  assert.deepEqual(await webhooks(t, nodes, redis, "redeliver", "crm", "--all"), { redelivered: 1 });
  await told(receiver, "room.joined");
  assert.equal((await webhooks(t, nodes, redis)).webhooks[0].dead, 0);
});

test("revocations are told once, whichever node or program made them", async (t) => {
  const receiver = await startReceiver(t);
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 3, redis, [{ url: receiver.url, events: ["token.revoked"] }]);
  const revoke = async (...args) => assert.equal((await chorus(t, ["token", "revoke", ...args], environment(redis))).code, 0);
  await revoke("--sub", "mallory");
  await revoke("--id", "a-token");
  await told(receiver, "token.revoked", 2);
  await webhooks(t, nodes, redis, "test", "crm"); // behind what the other nodes may tell
  await told(receiver, "webhook.test");
  assert.deepEqual(about(receiver, "token.revoked").map((e) => e.data.user?.id ?? e.data.jti).toSorted(), ["a-token", "mallory"]);
});

// In make faults there are 10,000 of them.
const FLAPS = Number(process.env.CHORUS_FLAPS ?? 300);

test("a receiver is down while users come and go, and the delivering node is killed: the last states are true, in order, none lost", async (t) => {
  const receiver = await startReceiver(t, () => ({ status: 204, delay: 1 }));
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 3, redis, [{ url: receiver.url }]);
  const names = Array.from({ length: 15 }, (_, i) => `user${i}`);
  const users = await Promise.all(names.map((name, i) => person(t, nodes[1 + (i % 2)], name)));
  await told(receiver, "user.online", names.length);
  await receiver.down();
  const inRoom = new Map(names.map((name) => [name, false]));
  for (let flap = 0; flap < FLAPS; flap += users.length) {
    await Promise.all(users.map(async (user, i) => {
      const on = !inRoom.get(names[i]);
      assert.equal((await user.emitWithAck(on ? "join" : "leave", "lobby")).ok, true);
      inRoom.set(names[i], on);
    }));
  }
  const leavers = users.splice(0, 5);
  leavers.forEach((user) => user.disconnect());
  await receiver.listen(receiver.port);
  await receiver.until((requests) => requests.length > names.length + 5, "deliveries go on", 90_000);
  const { webhooks: [{ node }] } = await webhooks(t, nodes, redis);
  const ids = await Promise.all(nodes.map(async (n) => [n, JSON.parse(await (await fetch(`${n.admin}/readyz`)).text())]));
  const owner = ids.find(([n, ready]) => ready.node === node)?.[0] ?? nodes[0];
  owner.child.kill("SIGKILL"); // the users of a node that died leave as well
  const alive = nodes.filter((n) => n !== owner);
  await until(async () => (await webhooks(t, nodes, redis)).webhooks[0].backlog === 0 && about(receiver, "user.offline").length >= 5, "all is delivered", 90_000);
  await until(async () => {
    const truth = new Map(names.map((name, i) => [name, i >= 5 && alive.includes(nodes[1 + (i % 2)])]));
    const states = new Map();
    for (const e of events(receiver)) if (e.type.startsWith("user.")) states.set(e.data.user.id, e.type === "user.online");
    return [...truth].every(([name, online]) => states.get(name) === online);
  }, "who is online is true", 60_000);
  const rooms = new Map();
  for (const e of events(receiver)) if (e.type === "room.joined" || e.type === "room.left") rooms.set(e.data.user.id, e.type === "room.joined");
  names.forEach((name, i) => assert.equal(rooms.get(name) ?? false, inRoom.get(name) && i >= 5 && alive.includes(nodes[1 + (i % 2)]), name));
  const seqs = new Map(), seen = new Set();
  for (const r of receiver.requests) {
    if (seen.has(r.id)) continue; // it was under way when the node was killed
    seen.add(r.id);
    const subject = r.body.data.room ?? r.body.data.user.id;
    assert.ok((seqs.get(subject) ?? 0) < r.body.data.seq, `${subject} is in order`);
    seqs.set(subject, r.body.data.seq);
  }
  assert.deepEqual(receiver.faults, []);
});

test("a full queue folds presence, then drops the oldest and says so", async (t) => {
  const receiver = await startReceiver(t);
  await receiver.down();
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 1, redis, [{ url: receiver.url, max_backlog: 40, events: ["*"] }]);
  const alice = await person(t, nodes[0], "Alice");
  for (let i = 0; i < 40; i++) {
    await alice.emitWithAck("join", "lobby");
    await alice.emitWithAck("leave", "lobby");
  }
  let [status] = (await webhooks(t, nodes, redis)).webhooks;
  assert.ok(status.backlog <= 40 && status.folded > 50, JSON.stringify(status));
  assert.equal(status.dropped, 0, "presence is folded before anything is dropped");
  await alice.emitWithAck("join", "lobby");
  for (let i = 0; i < 60; i++) await alice.emitWithAck("publish", "lobby", i);
  [status] = (await webhooks(t, nodes, redis)).webhooks;
  assert.ok(status.backlog <= 40 && status.dropped > 0, JSON.stringify(status));
  await receiver.listen(receiver.port);
  await told(receiver, "webhook.dropped");
  await until(async () => (await webhooks(t, nodes, redis)).webhooks[0].backlog === 0, "all is delivered");
  assert.equal(about(receiver, "webhook.dropped").reduce((sum, e) => sum + e.data.count, 0), status.dropped);
  assert.equal(about(receiver, "message.published").length + status.dropped, 60, "every message was delivered or counted");
  assert.equal(about(receiver, "message.published").at(-1).data.message.value, 59);
  assert.equal(about(receiver, "room.joined").at(-1)?.data.user.id, "alice", "the last state is there");
});

test("addresses that are not public are refused when they are dialled, in whatever form", async (t) => {
  const inside = await startReceiver(t);
  const away = await startReceiver(t, () => ({ status: 307, headers: { location: inside.url } }));
  const hosts = ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "localhost", "localhost.", "169.254.169.254", "10.0.0.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]"];
  const targets = hosts.map((host, i) => ({ name: `t${i}`, url: `http://${host}:${inside.port}/`, allow_private: false, timeout: "2s", events: ["user.online"] }));
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 1, redis, [...targets, { name: "redirect", url: away.url, events: ["user.online"] }], "");
  await person(t, nodes[0], "Alice");
  await away.until((requests) => requests.length >= 1, "the one that redirects");
  await until(async () => (await webhooks(t, nodes, redis)).webhooks.every((s) => s.failed >= 1), "all have failed");
  const { webhooks: list } = await webhooks(t, nodes, redis);
  for (const [i, host] of hosts.entries()) assert.match(list.find((s) => s.name === `t${i}`).error, /not public|not known|no answer|dial/, host);
  for (const host of ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost", "169.254.169.254"]) {
    assert.match(list.find((s) => s.name === `t${hosts.indexOf(host)}`).error, /not public/, host);
  }
  assert.match(list.find((s) => s.name === "redirect").error, /307.*not followed/);
  assert.equal(inside.requests.length, 0, "nothing came");
});

// The programs with which docs/webhooks.md begins.
for (const [language, command] of [["python", ["python3", "-u"]], ["js", ["node"]]]) {
  test(`the ${language} program of the docs`, async (t) => {
    const source = blocks("docs/webhooks.md").find((block) => block.language === language).code;
    const port = await freePort();
    const path = await file(t, language === "js" ? "webhook.mjs" : "webhook.py", source.replace('"standardwebhooks"', JSON.stringify(import.meta.resolve("standardwebhooks"))));
    const program = run(t, command[0], [...command.slice(1), path], { WEBHOOK_SECRET: WHSEC, PORT: String(port) });
    await until(() => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}" }).then(() => true, () => false), "the program listens");
    const nodes = await startNodes(t, 1, undefined, [{ url: `http://127.0.0.1:${port}/` }]);
    await person(t, nodes[0], "Alice");
    await program.line((line) => (line.includes("user.online") && line.includes("alice") ? true : undefined), "the event");
  });
}
