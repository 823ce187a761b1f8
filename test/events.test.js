// Declared events: front ends of the tutorials run on two nodes with configuration alone.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { test } from "node:test";
import { BINARY, addresses, chorus, environment } from "./harness/chorus.js";
import { Inbox, join } from "./harness/client.js";
import { run } from "./harness/program.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";

// The chat of many rooms of tutorials: one event, private messages, a schema, a rate, and the official "chat" example.
const CONFIG = `
chat:
  presence: {grace: 0s}
  rooms:
    - match: lobby
      history: {messages: 100}
      on_join:  {event: "user joined", shape: {username: "{name}", numUsers: "{count}"}}
      on_leave: {event: "user left",   shape: {username: "{name}", numUsers: "{count}"}}
events:
  "chat message": {to: everyone}
  "add user": {join: lobby, reply: {as: login, shape: {numUsers: "{count:lobby}"}}}
  "new message": {to: room, room: lobby, except_sender: true, shape: {username: "{name}", message: "{0}"}}
  typing: {to: room, room: lobby, except_sender: true, volatile: true, latest: writing, shape: {username: "{name}"}}
  "stop typing": {to: room, room: lobby, except_sender: true, latest: writing, shape: {username: "{name}"}}
  "private message": {to: user, shape: {from: "{sub}", text: "{1}"}}
  nudge: {to: room, except_sender: true, shape: {from: "{sub}", team: "{claim:https://example.com/team}", role: "{claim:work.role}"}}
  note: {to: room, history: true, ack: {id: "{id}", at: "{at}"}}
  move: {to: room, schema: SCHEMA, max_size: 100B}
  often: {to: self, rate: 2/m}
  "game over": {to: others, namespace: /game}
`;
const SCHEMA = { prefixItems: [{ type: "string" }, { type: "object", properties: { x: { type: "integer" } }, required: ["x"] }], minItems: 2, items: false };

async function startCluster(t, count, redis) {
  const folder = mkdtempSync(joinPath(tmpdir(), "chorus-events-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(joinPath(folder, "move.json"), JSON.stringify(SCHEMA));
  writeFileSync(joinPath(folder, "chorus.yaml"), CONFIG.replace("SCHEMA", joinPath(folder, "move.json")));
  const file = joinPath(folder, "chorus.yaml");
  const nodes = [];
  for (let i = 0; i < count; i++) {
    const program = run(t, BINARY, ["serve", "--config", file], environment(redis));
    nodes.push(Object.assign(program, await addresses(program)));
  }
  return Object.assign(nodes, { file });
}

/** named is an inbox that keeps the name of each event as well. */
function named(socket, ...events) {
  const inbox = new Inbox(socket);
  for (const event of events) {
    socket.on(event, (...args) => {
      inbox.items.push([event, ...args]);
      inbox.wake();
    });
  }
  return inbox;
}

const person = (t, node, name, nsp = "") => join(t, node.url + nsp, { auth: { token: token({ sub: name.toLowerCase(), name }) } });

for (const [name, count] of [["two nodes and Redis", 2], ["one node in memory", 1]]) {
  test(`the official chat example: ${name}`, async (t) => {
    const nodes = await startCluster(t, count, count > 1 ? await startRedis(t) : undefined);
    const [alice, bob] = [await person(t, nodes[0], "Alice"), await person(t, nodes.at(-1), "Bob")];
    const events = ["login", "user joined", "user left", "new message", "typing", "stop typing"];
    const [hears, sees] = [named(alice, ...events), named(bob, ...events)];

    alice.emit("add user", "ignored");
    assert.deepEqual(await hears.count(1), [["login", { numUsers: 1 }]]);
    bob.emit("add user", "a name that is not Bob's");
    assert.deepEqual(await sees.count(1), [["login", { numUsers: 2 }]]);
    assert.deepEqual(await hears.count(2), [["login", { numUsers: 1 }], ["user joined", { username: "Bob", numUsers: 2 }]]);

    bob.emit("typing");
    bob.emit("stop typing");
    bob.emit("new message", "hello");
    assert.deepEqual((await hears.count(5)).slice(2), [
      ["typing", { username: "Bob" }],
      ["stop typing", { username: "Bob" }],
      ["new message", { username: "Bob", message: "hello" }],
    ]);
    bob.disconnect();
    assert.deepEqual((await hears.count(6))[5], ["user left", { username: "Bob", numUsers: 1 }]);
    assert.equal((await sees.count(1)).length, 1, "the sender hears nothing of its own");
  });
}

test("to everyone, to a user, to a room with history, schema, size, rate, namespace", async (t) => {
  const nodes = await startCluster(t, 2, await startRedis(t));
  const [alice, bob, carol] = [await person(t, nodes[0], "Alice"), await person(t, nodes[1], "Bob"), await person(t, nodes[1], "Carol")];
  const [a, b, c] = [alice, bob, carol].map((socket) => named(socket, "chat message", "private message", "note", "move"));

  assert.deepEqual(await alice.emitWithAck("chat message", "hi", 12345678901234567890n.toString()), { ok: true });
  for (const inbox of [a, b, c]) assert.deepEqual((await inbox.count(1))[0], ["chat message", "hi", "12345678901234567890"]);

  assert.deepEqual(await alice.emitWithAck("private message", "bob", "psst"), { ok: true });
  assert.deepEqual((await b.count(2))[1], ["private message", { from: "alice", text: "psst" }]);

  // A conversation is a room that the two users hear, with all of their sockets. The name of a claim may have dots.
  const claims = { "https://example.com/team": "red", work: { role: "cook" } };
  const dora = await join(t, nodes[0].url, { auth: { token: token({ sub: "dora", ...claims }) } });
  const tab = named(await join(t, nodes[1].url, { auth: { token: token({ sub: "dora" }) } }), "nudge");
  const nudges = named(bob, "nudge");
  assert.deepEqual(await dora.emitWithAck("nudge", "@bob"), { ok: true });
  for (const inbox of [nudges, tab]) assert.deepEqual((await inbox.count(1))[0], ["nudge", { from: "dora", team: "red", role: "cook" }]);

  const refused = await alice.emitWithAck("note", "lobby", "before joining");
  assert.equal(refused.error.code, "not_joined");
  for (const socket of [alice, bob]) assert.equal((await socket.emitWithAck("join", "lobby")).ok, true);
  const kept = await alice.emitWithAck("note", "lobby", { text: "keep me" });
  assert.equal(kept.ok, true);
  assert.match(kept.id, /^[a-z0-9]+$/);
  assert.deepEqual((await b.count(3))[2], ["note", "lobby", { text: "keep me" }]);
  const { messages } = await carol.emitWithAck("history", "lobby", {});
  assert.equal(messages.length, 1);
  assert.equal(messages[0].event, "note");
  assert.deepEqual(messages[0].value, ["lobby", { text: "keep me" }]);
  assert.equal(messages[0].from.id, "alice");

  assert.equal((await alice.emitWithAck("move", "lobby", { x: 1 })).ok, true);
  assert.deepEqual((await b.count(4))[3], ["move", "lobby", { x: 1 }]);
  const wrong = await alice.emitWithAck("move", "lobby", { x: "one" });
  assert.equal(wrong.error.code, "invalid_value");
  assert.equal(wrong.error.path, "/1/x");
  assert.equal((await alice.emitWithAck("move", "lobby", { x: 1, more: "x".repeat(100) })).error.code, "too_large");

  assert.equal((await alice.emitWithAck("often")).ok, true);
  assert.equal((await alice.emitWithAck("often")).ok, true);
  const often = await alice.emitWithAck("often");
  assert.equal(often.error.code, "rate_limited");
  assert.ok(often.error.retry_after_ms > 0);

  const unknown = await alice.emitWithAck("undeclared", 1);
  assert.equal(unknown.error.code, "unknown_event");
  assert.ok(unknown.error.events.includes("chat message"));

  const [dave, erin] = [await person(t, nodes[0], "Dave", "/game"), await person(t, nodes[1], "Erin", "/game")];
  const e = new Inbox(erin, "game over");
  assert.deepEqual(await dave.emitWithAck("game over", 7), { ok: true });
  assert.deepEqual(await e.count(1), [[7]]);
});

test("a token says which events may be emitted", async (t) => {
  const [node] = await startCluster(t, 1);
  const socket = await join(t, node.url, { auth: { token: token({ sub: "eve", chorus: { events: ["chat *"] } }) } });
  assert.equal((await socket.emitWithAck("chat message", "hi")).ok, true);
  assert.equal((await socket.emitWithAck("often")).error.code, "forbidden");
});

test("chorus check names what is wrong with a declaration, chorus types writes types", async (t) => {
  const [node] = [await startCluster(t, 1)];
  const types = await chorus(t, ["types", "--config", node.file], environment());
  assert.equal(types.code, 0, types.output);
  assert.match(types.output, /move: \(arg0: string, arg1: \{ x: number/);
  const folder = mkdtempSync(joinPath(tmpdir(), "chorus-events-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = joinPath(folder, "chorus.yaml");
  writeFileSync(file, 'events:\n  connect: {to: everyone}\n  a: {to: everyone, shape: {who: "{nobody}"}}\n');
  const { code, output } = await chorus(t, ["check", "--config", file], environment());
  assert.notEqual(code, 0);
  assert.match(output, /"connect" is reserved/);
  assert.match(output, /there is no \{nobody\}/);
});

test("dev --relay sends any event to everybody", async (t) => {
  const dev = run(t, BINARY, ["dev", "--listen", "127.0.0.1:0", "--relay"]);
  await dev.line((line) => (line.includes("Ctrl-C") ? true : undefined), "the screen");
  const urls = [...dev.output.matchAll(/^ *node \d+ +(\S+)$/gm)].map(([, url]) => url);
  const [, secret] = /secret +(\S+)/.exec(dev.output);
  const { output } = await chorus(t, ["token", "--sub", "me"], { CHORUS_AUTH_SECRET: secret });
  const [one, two] = [await join(t, urls[0], { auth: { token: output } }), await join(t, urls[1], { auth: { token: output } })];
  const inbox = new Inbox(two, "anything");
  assert.deepEqual(await one.emitWithAck("anything", { a: 1 }), { ok: true });
  assert.deepEqual(await inbox.count(1), [[{ a: 1 }]]);
});
