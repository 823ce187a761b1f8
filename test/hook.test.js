// The authorise hook: a back end decides what clients may do, on three nodes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BINARY, addresses, environment } from "./harness/chorus.js";
import { Inbox, connected, join, open, refusal } from "./harness/client.js";
import { file } from "./harness/file.js";
import { blocks } from "./harness/markdown.js";
import { run } from "./harness/program.js";
import { startReceiver, WHSEC, WHSEC_OLD } from "./harness/receiver.js";
import { freePort, startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const EVENTS = `
events:
  order: {hook: true}
  shout: {to: room, hook: true}
  quiet: {to: room}
chat:
  rooms: [{match: "*", history: {messages: 100}}]
`;

// startNodes starts nodes that ask the receiver.
async function startNodes(t, count, redis, receiver, hook = "", more = EVENTS, settings = {}) {
  const path = await file(t, "chorus.yaml", `hook:\n  url: ${receiver.url}\n  secrets: [${WHSEC}, ${WHSEC_OLD}]\n${hook}\n${more}`);
  const nodes = [];
  for (let i = 0; i < count; i++) {
    const program = run(t, BINARY, ["serve", "--config", path], environment(redis, settings));
    nodes.push(Object.assign(program, await addresses(program)));
  }
  return nodes;
}

const person = (t, node, name, claims = {}, options = {}) => join(t, node.url, { auth: { token: token({ sub: name.toLowerCase(), name, ...claims }) }, ...options });
const questions = (receiver, action) => receiver.requests.map((r) => r.body).filter((body) => body.action === action);
const allow = (more = {}) => ({ status: 200, body: { allow: true, ...more } });
const deny = (more = {}) => ({ status: 200, body: { allow: false, ...more } });

test("what is asked, and what a permission gives: values, rooms, claims, answers of events", async (t) => {
  const redis = await startRedis(t);
  const answers = {
    connect: ({ user }) => (user.id === "mallory" ? deny({ code: "blocked", message: "Mallory is not welcome" })
      : allow({ rooms: ["staff"], claims: { team: "blue", sub: "root", exp: 1, chorus: { rooms: { moderate: ["staff"] } } } })),
    join: ({ room }) => (room === "secret" ? deny({ code: "members_only", message: "members only" }) : { status: 204 }),
    publish: ({ value }) => (value === "spam" ? { status: 403 } : value?.text ? allow({ value: { text: value.text.replace("damn", "****") } }) : allow()),
    direct: ({ to }) => (to === "carol" ? deny() : allow()),
    event: ({ event, args }) => (event === "order" ? allow({ ack: { number: args[0] * 2 }, emit: [
      { to: "self", event: "order:me", args: [1] }, { to: "others", event: "order:others", args: [2] }, { to: { rooms: ["staff"], users: ["bob"] }, event: "order:staff", args: [3, { a: 1 }] },
    ] }) : allow({ args: ["staff", "LOUD"] })),
    refresh: () => undefined,
  };
  const receiver = await startReceiver(t, ({ body }) => answers[body.action](body));
  const nodes = await startNodes(t, 3, redis, receiver, "  claims: [sub, team, org.id]");

  const err = await refusal(open(t, nodes[0].url, { auth: { token: token({ sub: "mallory" }) } }));
  assert.equal(err.message, "Mallory is not welcome");
  assert.deepEqual(err.data, { code: "blocked", message: "Mallory is not welcome" });

  const alice = await person(t, nodes[0], "Alice", { org: { id: 12345678901234567890n.toString(), secret: "s" } });
  const bob = await person(t, nodes[1], "Bob");
  const [a, b] = [alice, bob].map((socket) => new Inbox(socket, "publish", "direct", "order:me", "order:others", "order:staff", "shout"));
  assert.equal((await bob.emitWithAck("history", "staff")).ok, true); // behind what the connection began: he is in the room
  const asked = questions(receiver, "connect").find((q) => q.user.id === "alice");
  assert.deepEqual(asked.user, { id: "alice", name: "Alice", claims: { sub: "alice", "org.id": "12345678901234567890" } });
  assert.equal(asked.namespace, "/");
  assert.equal(asked.socket, alice.id);
  assert.match(asked.address, /^127\.0\.0\.1$/);
  assert.ok(Math.abs(asked.at - Date.now()) < 60_000 && asked.node.length > 0);

  // The hook has put both into "staff" and given alice the right to moderate there; sub and exp are the token's.
  assert.deepEqual(await alice.emitWithAck("publish", "staff", { text: "damn it" }), { ok: true, ...(await lastAck(alice, "staff")) });
  assert.deepEqual((await b.count(1))[0].slice(0, 2), ["staff", { text: "**** it" }]);
  assert.equal((await b.count(1))[0][2].from.id, "alice");
  const { messages } = await bob.emitWithAck("history", "staff");
  assert.deepEqual(messages.map((m) => m.value), [{ text: "**** it" }], "history has what receivers heard");
  assert.equal((await alice.emitWithAck("moderation", "staff")).ok, true);
  assert.equal((await alice.emitWithAck("moderation", "other")).error.code, "forbidden");

  // The same id with the same value is delivered once, although the value was replaced.
  const twice = await Promise.all([1, 2].map(() => alice.emitWithAck("publish", "staff", { text: "damn you" }, { id: "once" })));
  assert.deepEqual(twice[0], twice[1]);
  assert.equal((await bob.emitWithAck("history", "staff")).messages.length, 2);

  assert.deepEqual((await alice.emitWithAck("publish", "staff", "spam")).error, { code: "forbidden", message: "the server does not permit this" });
  assert.deepEqual((await alice.emitWithAck("join", "secret")).error, { code: "members_only", message: "members only" });
  assert.equal((await alice.emitWithAck("join", "lobby")).ok, true);
  assert.equal((await alice.emitWithAck("direct", "carol", "hi")).error.code, "forbidden");
  assert.equal((await alice.emitWithAck("direct", "bob", "hi")).ok, true);
  await b.until((items) => items.some(([user, value]) => user === "alice" && value === "hi"), "the message to bob");
  const direct = questions(receiver, "direct").at(-1);
  assert.deepEqual([direct.to, direct.value, direct.room], ["bob", "hi", undefined]);

  a.items.length = b.items.length = 0;
  assert.deepEqual(await alice.emitWithAck("order", 21), { number: 42 });
  assert.deepEqual(await a.until((items) => items.some((i) => i[0] === 1) && items.some((i) => i[0] === 3), "the events of the hook"), [[1], [3, { a: 1 }]]);
  assert.deepEqual(await b.until((items) => items.length === 2, "the events of the hook"), [[2], [3, { a: 1 }]]);
  b.items.length = 0;
  assert.deepEqual(await alice.emitWithAck("shout", "staff", "psst"), { ok: true });
  assert.deepEqual(await b.count(1), [["staff", "LOUD"]]);
  assert.equal((await alice.emitWithAck("quiet", "staff", 1)).ok, true);
  assert.ok(!questions(receiver, "event").some((q) => q.event === "quiet"), "events without hook: true are not asked about");

  const fresh = token({ sub: "alice", name: "Alicia" });
  assert.equal((await alice.emitWithAck("token:refresh", { token: fresh })).ok, true);
  assert.equal(questions(receiver, "refresh").length, 1);
  assert.equal((await alice.emitWithAck("moderation", "staff")).ok, true, "claims of the hook stay");
  assert.deepEqual(receiver.faults, []);
});

async function lastAck(socket, room) {
  const { messages } = await socket.emitWithAck("history", room);
  const { id, at, seq, cursor } = messages.at(-1);
  return { id, at, seq, cursor };
}

// The table of docs/hook.md: what a client sees when the hook fails, for each policy.
const failures = {
  "500": () => ({ status: 500, body: { allow: true } }),
  "another 2xx": () => ({ status: 201, body: { allow: true } }),
  "a redirect": () => ({ status: 302, headers: { location: "/elsewhere" } }),
  "not JSON": () => ({ status: 200, body: "yes" }),
  "no allow": () => ({ status: 200, body: {} }),
  "allow is no boolean": () => ({ status: 200, body: { allow: "true" } }),
  "nothing": () => ({ status: 200, body: "" }),
  "too late": () => ({ status: 200, body: { allow: true }, delay: 1500 }),
  "too much": () => ({ status: 200, body: { allow: true, value: "x".repeat(1 << 20) } }),
  "an event that is the library's": () => allow({ emit: [{ to: "self", event: "disconnect" }] }),
  "rooms that are none": () => allow({ rooms: ["."] }),
};

for (const policy of ["closed", "open", "last"]) {
  test(`the hook fails: ${policy}`, async (t) => {
    let answer = () => undefined;
    const receiver = await startReceiver(t, (request) => (request.body.action === "publish" ? answer(request) : undefined));
    const [node] = await startNodes(t, 1, undefined, receiver, `  timeout: 300ms\n  on_failure: {publish: ${policy}}`);
    for (const [name, failure] of Object.entries(failures)) {
      // The breaker opens after five failures: a success in between keeps it closed.
      const user = await person(t, node, `u${name.replaceAll(/\W/g, "")}`);
      for (const room of ["unknown", "allowed", "refused"]) assert.equal((await user.emitWithAck("join", room)).ok, true);
      answer = ({ body }) => (body.room === "refused" ? deny({ code: "no", message: "No." }) : undefined);
      assert.equal((await user.emitWithAck("publish", "allowed", 1)).ok, true);
      assert.equal((await user.emitWithAck("publish", "refused", 1)).error.code, "no");
      answer = failure;
      const outcome = async (room) => (({ ok, error }) => (ok ? "done" : error.code))(await user.emitWithAck("publish", room, 2));
      const outcomes = { unknown: await outcome("unknown"), allowed: await outcome("allowed"), refused: await outcome("refused") };
      assert.deepEqual(outcomes, {
        closed: { unknown: "hook_failed", allowed: "hook_failed", refused: "hook_failed" },
        open: { unknown: "done", allowed: "done", refused: "no" },
        last: { unknown: "hook_failed", allowed: "done", refused: "no" },
      }[policy], name);
      user.disconnect();
    }
    assert.ok(!receiver.requests.some((r) => r.path === "/elsewhere"), "redirects are not followed");
  });
}

test("the hook is dead: the breaker opens, clients are answered at once, and it comes back", async (t) => {
  const receiver = await startReceiver(t);
  const [node] = await startNodes(t, 1, undefined, receiver, "  actions: [connect, join]");
  const alice = await person(t, node, "Alice");
  await receiver.down();
  for (let i = 0; i < 6; i++) assert.equal((await alice.emitWithAck("join", `room${i}`)).error.code, "hook_failed");
  const err = await refusal(open(t, node.url, { auth: { token: token({ sub: "bob" }) } }));
  assert.equal(err.data.code, "hook_failed");
  const metrics = await (await fetch(`${node.admin}/metrics`)).text();
  assert.match(metrics, /chorus_hook_breaker_open 1/);
  assert.match(metrics, /chorus_hook_seconds_count\{action="join",outcome="skipped"\} [1-9]/);
  await receiver.listen(receiver.port);
  await until(async () => (await alice.emitWithAck("join", "room")).ok, "the hook is asked again");
});

test("verdicts are remembered for a user, a room and a token", async (t) => {
  let value;
  const receiver = await startReceiver(t, ({ body }) => (body.action === "publish" ? allow({ cache: 60, ...value }) : body.room === "no" ? deny({ code: "no", cache: 60 }) : undefined));
  const [node] = await startNodes(t, 1, undefined, receiver);
  const alice = await person(t, node, "Alice");
  const bob = await person(t, node, "Bob");
  const asked = () => questions(receiver, "publish").length;
  for (const user of [alice, bob]) for (const room of ["a", "b"]) await user.emitWithAck("join", room);
  for (let i = 0; i < 3; i++) assert.equal((await alice.emitWithAck("publish", "a", i)).ok, true);
  assert.equal(asked(), 1);
  await alice.emitWithAck("publish", "b", 1);
  await bob.emitWithAck("publish", "a", 1);
  assert.equal(asked(), 3, "another room, another user");
  for (let i = 0; i < 2; i++) assert.equal((await alice.emitWithAck("join", "no")).error.code, "no");
  assert.equal(questions(receiver, "join").filter((q) => q.room === "no").length, 1);

  assert.equal((await alice.emitWithAck("token:refresh", { token: token({ sub: "alice", jti: "2" }) })).ok, true);
  await alice.emitWithAck("publish", "a", 1);
  assert.equal(asked(), 4, "a new token empties what is known");

  value = { value: "replaced" };
  for (let i = 0; i < 2; i++) assert.equal((await bob.emitWithAck("publish", "b", i)).ok, true);
  assert.equal(asked(), 6, "a replaced value is not remembered");
});

test("a slow hook delays the events of that client alone, and no user takes more than an eighth", async (t) => {
  const receiver = await startReceiver(t, ({ body }) => (body.user.id === "slow" && body.action === "publish" ? { status: 204, delay: 700 } : undefined));
  const [node] = await startNodes(t, 1, undefined, receiver, "  concurrency: 16\n  timeout: 1s");
  const slow = await Promise.all(Array.from({ length: 8 }, () => person(t, node, "Slow")));
  const quick = await person(t, node, "Quick");
  for (const user of [...slow, quick]) assert.equal((await user.emitWithAck("join", "room")).ok, true);
  receiver.most = 0;
  const heard = new Inbox(quick, "publish");
  const answers = slow.map((user) => user.emitWithAck("publish", "room", 1));
  await until(() => receiver.open >= 2, "two questions of the slow user");
  for (let i = 0; i < 20; i++) assert.equal((await quick.emitWithAck("publish", "room", "quick")).ok, true);
  assert.ok(receiver.open > 0, "all while a slow one waits");
  await until(() => heard.items.filter(([, value]) => value === "quick").length === 20, "the messages of the quick user");
  const codes = (await Promise.all(answers)).map(({ ok, error }) => (ok ? "done" : error.code)).toSorted();
  assert.ok(receiver.most <= 3, `two of the slow user and one of the other at a time, not ${receiver.most}`);
  assert.deepEqual([...new Set(codes)], ["done", "overloaded"]);
});

test("recovery asks again", async (t) => {
  const refused = new Set();
  const receiver = await startReceiver(t, ({ body }) => (refused.has(body.room) ? deny({ code: "left" }) : undefined));
  const [node] = await startNodes(t, 1, undefined, receiver, "", EVENTS, { CHORUS_RECOVERY_ENABLED: "true" });
  const alice = open(t, node.url, { reconnection: true, reconnectionDelay: 50 });
  await connected(alice);
  for (const room of ["a", "b"]) assert.equal((await alice.emitWithAck("join", room)).ok, true);
  await alice.emitWithAck("publish", "a", 1); // the client needs an offset
  refused.add("b");
  const left = event(alice, "left");
  const again = event(alice, "connect");
  alice.io.engine.close();
  await again;
  assert.equal(alice.recovered, true);
  assert.equal(questions(receiver, "connect").length, 2);
  const [room, { code }] = await left;
  assert.deepEqual([room, code], ["b", "left"]);
});

test("a client that authenticates by event is asked about when it does", async (t) => {
  const receiver = await startReceiver(t, ({ body }) => (body.user.id === "mallory" ? deny({ code: "blocked", message: "no" }) : allow({ rooms: ["staff"] })));
  const [node] = await startNodes(t, 1, undefined, receiver, "", EVENTS, { CHORUS_AUTH_MODE: "event" });
  const authenticate = async (sub) => {
    const socket = await join(t, node.url, { auth: {} });
    return [socket, await socket.emitWithAck("authenticate", { token: token({ sub }) })];
  };
  const [, refused] = await authenticate("mallory");
  assert.deepEqual(refused, { ok: false, error: { code: "blocked", message: "no" } });
  const [alice, admitted] = await authenticate("alice");
  assert.deepEqual(admitted, { ok: true });
  assert.equal((await alice.emitWithAck("publish", "staff", 1)).ok, true);
});

// The programs with which docs/hook.md begins.
for (const [language, command] of [["python", ["python3", "-u"]], ["js", ["node"]]]) {
  test(`the ${language} program of the docs`, async (t) => {
    const source = blocks("docs/hook.md").find((block) => block.language === language).code;
    const port = await freePort();
    const path = await file(t, language === "js" ? "hook.mjs" : "hook.py", source.replace('"standardwebhooks"', JSON.stringify(import.meta.resolve("standardwebhooks"))));
    run(t, command[0], [...command.slice(1), path], { HOOK_SECRET: WHSEC, PORT: String(port) });
    await until(() => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}" }).then(() => true, () => false), "the program listens");
    const [node] = await startNodes(t, 1, undefined, { url: `http://127.0.0.1:${port}/authorise` });
    const alice = await person(t, node, "Alice");
    assert.equal((await alice.emitWithAck("join", "lobby")).ok, true);
    assert.equal((await alice.emitWithAck("publish", "lobby", "hello")).ok, true);
    assert.deepEqual((await alice.emitWithAck("publish", "lobby", "spam spam spam")).error, { code: "no_spam", message: "No spam here." });
  });
}
