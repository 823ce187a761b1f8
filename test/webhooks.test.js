// Webhooks: back ends are told what happens, on three nodes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BINARY, addresses, chorus, environment } from "./harness/chorus.js";
import { Inbox, join, open, connected } from "./harness/client.js";
import { file } from "./harness/file.js";
import { run } from "./harness/program.js";
import { startReceiver, WHSEC, WHSEC_OLD } from "./harness/receiver.js";
import { startRedis } from "./harness/redis.js";
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

    await quiet.until(() => about(quiet, "user.offline").length === 1, "user.offline");
    const kinds = new Set(events(quiet).map((e) => e.type));
    assert.deepEqual([...kinds].toSorted(), ["direct.sent", "room.joined", "room.left", "room.occupied", "user.offline", "user.online"]);
    assert.ok(events(quiet).every((e) => e.data.room === undefined || e.data.room === "kept-1"));
  });
}
