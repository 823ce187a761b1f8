// The HTTP API of three nodes, and of one without Redis: each operation good, refused, and with hostile input.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { createClient } from "redis";
import SwaggerClient from "swagger-client";
import { BINARY, chorus, environment, addresses, startNode } from "./harness/chorus.js";
import { cleanup } from "./harness/cleanup.js";
import { Inbox, join } from "./harness/client.js";
import { file } from "./harness/file.js";
import { Api, document, operations } from "./harness/openapi.js";
import { run } from "./harness/program.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { until } from "./harness/wait.js";

const room = "team/blue ü 🎈";
const encoded = encodeURIComponent(room);

async function makeKey(t, name, ...scopes) {
  const { output } = await chorus(t, ["api", "key", name, ...scopes.flatMap((scope) => ["--scope", scope]), "--json"]);
  return JSON.parse(typeof output === "function" ? output() : output);
}

// cluster starts so many nodes with two keys: one that may do everything, and one that may only read rooms.
async function cluster(t, count, settings = {}) {
  const redis = count > 1 ? await startRedis(t) : undefined;
  const [all, little] = await Promise.all([makeKey(t, "all", "admin"), makeKey(t, "little", "rooms:read")]);
  const keys = [{ ...all, key: undefined }, { ...little, key: undefined }];
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode(t, redis, {
    CHORUS_API_KEYS: JSON.stringify(keys), CHORUS_API_TOKENS_ENABLED: "true", CHORUS_API_RATE: "0/s",
    CHORUS_CHAT_ROOMS: JSON.stringify([{ match: "team/*", history: { messages: 100 } }]), ...settings,
  })));
  const apis = nodes.map(({ admin }) => new Api(admin, all.key));
  await until(async () => (await Promise.all(apis.map((api) => api.call("GET", "/nodes")))).every(({ nodes: list }) => list.length === count), "all nodes know each other");
  return { redis, nodes, apis, key: all.key, little: little.key };
}

const user = (t, node, sub) => join(t, node.url, { auth: { token: token({ sub, name: sub.toUpperCase() }) } });
const settings = { CHORUS_API_RATE: "100000/s" };

for (const count of [3, 1]) {
  test(`every operation, ${count} nodes`, async (t) => {
    const { nodes, apis, key, little } = await cluster(t, count, settings);
    const [api, other] = [apis[0], apis.at(-1)];
    const [ada, bob] = [await user(t, nodes[0], "ada"), await user(t, nodes.at(-1), "bob")];
    const heard = Object.fromEntries(Object.entries({ ada, bob }).map(([name, socket]) => [name, new Inbox(socket, "publish", "direct", "message", "own", "left", "edited", "deleted", "moderated")]));
    await Promise.all([ada, bob].map((socket) => socket.emitWithAck("join", room)));

    await t.test("publish: each socket hears once", async () => {
      const sent = await api.call("POST", "/publish", { to: { rooms: [room, "x"], users: ["ada", "bob"], sockets: [ada.id], everyone: true }, value: { n: 1 }, id: "first", from: { id: "eve", name: "Eve" } });
      await api.call("POST", "/publish", { to: { everyone: true }, event: "own", args: ["fence", null] });
      for (const inbox of Object.values(heard)) {
        const items = (await inbox.until((all) => all.some(([first]) => first === "fence"))).splice(0);
        assert.equal(items.length, 2, JSON.stringify(items));
        assert.deepEqual([items[0][0], items[0][1], items[0][2].from, items[0][2].id], [room, { n: 1 }, { id: "eve", name: "Eve" }, "first"]);
      }
      assert.equal(sent.results[0].seq, 1);
      assert.equal(sent.results.find(({ user: id }) => id === "bob").online, 1);
      await other.call("POST", "/publish", { to: { users: ["ada"] }, except: { sockets: [ada.id] }, value: "not heard" });
      await other.call("POST", "/publish", { to: { users: ["ada"] }, value: "heard" });
      assert.deepEqual((await heard.ada.count(1)).splice(0)[0].slice(0, 2), [null, "heard"]);
    });

    await t.test("rooms, presence, users, nodes", async () => {
      assert.deepEqual((await other.call("GET", "/rooms?prefix=team")).rooms, [{ room, count: 2, sockets: 2 }]);
      assert.deepEqual(await other.call("GET", `/rooms/${encoded}`), { room, count: 2, sockets: 2 });
      assert.deepEqual((await other.call("GET", `/rooms/${encoded}/presence`)).users.map(({ id, name }) => [id, name]), [["ada", "ADA"], ["bob", "BOB"]]);
      assert.deepEqual(await other.call("GET", "/rooms/nobody%2Fhere"), { room: "nobody/here", count: 0, sockets: 0 });
      const found = await other.call("GET", "/users/ada");
      assert.deepEqual([found.online, found.count, found.rooms], [true, 1, [room]]);
      assert.equal((await other.call("GET", "/users/ada/connections")).connections[0].id, ada.id);
      assert.equal((await other.call("GET", "/users/nobody/connections")).count, 0);
      assert.equal((await api.call("GET", "/stats")).nodes, count);
      assert.equal((await other.call("PUT", "/users/bob/rooms/put?for=60")).count, 1);
      await api.call("POST", "/publish", { to: { rooms: ["put"] }, value: 1 });
      assert.equal((await heard.bob.count(1)).splice(0)[0][0], "put");
      assert.equal((await other.call("DELETE", "/users/bob/rooms/put")).count, 1);
      assert.deepEqual((await heard.bob.count(1)).splice(0)[0][1].code, "removed");
    });

    await t.test("history", async () => {
      const page = await other.call("GET", `/rooms/${encoded}/messages`);
      assert.deepEqual(page.messages.map(({ id, value }) => [id, value]), [["first", { n: 1 }]]);
      assert.equal((await other.call("PATCH", `/rooms/${encoded}/messages/first`, { value: null })).version, 2);
      await heard.ada.count(1);
      await other.call("DELETE", `/rooms/${encoded}/messages/first`);
      await heard.ada.count(2);
      assert.equal((await other.call("GET", `/rooms/${encoded}/messages`)).messages[0].deleted, true);
      assert.equal((await other.call("DELETE", `/rooms/${encoded}/messages/first?purge=true`)).count, 1);
      await api.call("POST", "/publish", { to: { rooms: [room] }, value: "of ada", from: "ada" });
      assert.equal((await other.call("DELETE", `/rooms/${encoded}/messages?user=ada`)).count, 1);
      await api.call("POST", "/publish", { to: { rooms: [room] }, value: "of ada", from: "ada" });
      assert.equal((await other.call("DELETE", "/users/ada/data")).messages, 1);
      await other.call("DELETE", `/rooms/${encoded}/messages`);
    });

    await t.test("moderation, tokens, revocations", async () => {
      const { id } = await api.call("POST", "/moderation", { action: "ban", room, user: "bob", for: 60, reason: "spam" });
      await until(async () => (await ada.emitWithAck("presence", room)).count === 1, "bob is out");
      assert.deepEqual((await other.call("GET", `/moderation?room=${encoded}`)).bars.map((bar) => [bar.id, bar.user]), [[id, "bob"]]);
      await other.call("DELETE", `/moderation/${id}`);
      await until(async () => (await bob.emitWithAck("join", room)).ok, "bob may come back");
      const made = await api.call("POST", "/tokens", { sub: "carl", ttl: 60 });
      const carl = await join(t, nodes.at(-1).url, { auth: { token: made.token } });
      const gone = new Promise((resolve) => carl.once("disconnect", resolve));
      const revoked = await api.call("POST", "/revocations", { sub: "carl", for: 60 });
      await gone;
      await until(async () => (await other.call("GET", "/revocations")).revocations.some((r) => r.id === revoked.id), "the revocation is known");
      await other.call("DELETE", `/revocations/${revoked.id}`);
    });

    await t.test("batch, idempotency", async () => {
      const { results } = await api.call("POST", "/batch", { operations: [{ method: "GET", path: `/rooms/${encoded}` }, { method: "POST", path: "/publish", body: {} }] });
      assert.deepEqual(results.map(({ status }) => status), [200, 422]);
      const headers = { "idempotency-key": "once" };
      const body = { to: { rooms: ["x"] }, value: 1 };
      const [first, again] = [await api.raw("POST", "/publish", body, headers), await other.raw("POST", "/publish", body, headers)];
      assert.deepEqual([again.text, again.headers.get("idempotency-replayed")], [first.text, "true"]);
      assert.equal((await other.raw("POST", "/publish", { ...body, value: 2 }, headers)).status, 422);
      const many = await Promise.all(Array.from({ length: 20 }, () => api.raw("POST", "/publish", body, { "idempotency-key": "race" })));
      assert.equal(new Set(many.filter(({ status }) => status === 200).map(({ text }) => text)).size, 1);
      assert.ok(many.every(({ status }) => status === 200 || status === 409));
    });

    await t.test("a client that is made of the document", async () => {
      const client = await new SwaggerClient({ spec: { ...document, servers: [{ url: `${nodes[0].admin}/api/v1` }] }, authorizations: { key } });
      const { rooms, publish } = client.apis;
      assert.deepEqual((await rooms.getRoom({ room })).body.count, 2);
      const sent = await publish.publish({}, { requestBody: { to: { rooms: [room] }, value: "by a stranger" } });
      assert.ok(sent.body.id);
      const history = await client.apis.history.listMessages({ room, limit: 1 });
      assert.equal(history.body.messages[0].value, "by a stranger");
      await assert.rejects(rooms.getRoom({ room: ".." }), ({ status, response }) => [404, 422].includes(status) && response.body.code !== undefined);
    });

    await t.test("commands", async () => {
      const env = { CHORUS_API_URL: nodes[0].admin, CHORUS_API_KEY: key };
      const json = async (...args) => {
        const { code, output } = await chorus(t, [...args, "--json"], env);
        assert.equal(code, 0, String(output));
        return JSON.parse(typeof output === "function" ? output() : output);
      };
      assert.ok((await json("publish", "--room", room, '{"a": 1}')).id);
      assert.equal((await json("rooms", "team")).rooms[0].room, room);
      assert.equal((await json("who", room, "--url", `${nodes[0].admin}/api/v1`)).count, 2);
      assert.deepEqual((await json("history", room, "--limit", "1")).messages[0].value, { a: 1 });
      assert.match(String((await chorus(t, ["history", room, "--limit", "1"], env)).output), /  \d+  system  \{"a"/);
      await api.call("POST", "/publish", { to: { rooms: [room] }, value: 1, from: "system" });
      assert.match(String((await chorus(t, ["history", room, "--limit", "1"], env)).output), /  \d+  "system"  1/);
      assert.equal((await json("ban", "eve", "--room", room, "--for", "1m")).user, "eve");
      assert.equal((await json("kick", "eve", "--room", room)).action, "kick");
      const tail = run(t, BINARY, ["tail", "--json", "--type", "message."], env);
      const line = tail.line((text) => (text.includes("tailed") ? JSON.parse(text) : undefined), "an event");
      await until(async () => {
        await api.call("POST", "/publish", { to: { rooms: [room] }, value: "tailed" });
        return Promise.race([line.then(() => true), new Promise((resolve) => { setTimeout(resolve, 100, false); })]);
      }, "the event");
      assert.equal((await line).room, room);
      assert.equal((await chorus(t, ["rooms"], { ...env, CHORUS_API_KEY: "chk_x_y" })).code, 1);
      assert.equal((await chorus(t, ["rooms"], { ...env, CHORUS_API_KEY: "" })).code, 2);
      assert.match(String((await chorus(t, ["rooms"], { ...env, CHORUS_API_KEY: "my key" })).output), /neither an API key, which begins with chk_, nor a token/);
    });

    await t.test("the program of docs/api.md", async () => {
      const page = readFileSync(new URL("../docs/api.md", import.meta.url), "utf8");
      const program = await file(t, "program.py", /```python\n(.*?)```/s.exec(page)[1]);
      const { stdout } = await promisify(execFile)("python3", [program], { env: { ...process.env, CHORUS_API_URL: nodes[0].admin, CHORUS_API_KEY: key } });
      assert.match(stdout, /^said /);
    });

    await t.test("without a key, without the scope", async () => {
      for (const { method, path, operation } of operations) {
        const target = path.replace(/\{\w+\}/g, "x");
        assert.equal((await new Api(nodes[0].admin).raw(method, target, method === "GET" ? undefined : "{}")).status, 401, path);
        const scope = operation["x-scope"];
        if (scope === undefined || scope === "rooms:read") continue;
        assert.equal((await new Api(nodes[0].admin, little).raw(method, target, method === "GET" ? undefined : "{}")).status, 403, path);
      }
    });

    await t.test("a query that can be read in two ways changes nothing", async () => {
      await api.call("POST", "/publish", { to: { rooms: [room] }, value: "kept", id: "kept", from: "ada" });
      for (const query of ["user=", "user", "user=%zz", "user=a;b", "user=%ff", "user=ada&user=bob", "user=&user=ada"]) {
        const path = `/rooms/${encoded}/messages?${query}`;
        assert.ok([400, 422].includes((await api.raw("DELETE", path)).status), query);
        const { results } = await api.call("POST", "/batch", { operations: [{ method: "DELETE", path }] });
        assert.ok([400, 422].includes(results[0].status), query);
        assert.ok(results[0].body.requestId, query);
      }
      assert.equal((await api.raw("DELETE", `/rooms/${encoded}/messages/kept?purge`)).status, 422);
      assert.equal((await api.raw("GET", "/rooms?limit=")).status, 422);
      assert.equal((await api.raw("GET", "/webhooks/x/dead?cursor=foreign")).status, 422);
      assert.equal((await api.raw("POST", "/webhooks/x/redeliver", { ids: ["a"], all: true })).status, 422);
      assert.ok((await other.call("GET", "/rooms?prefix=&cursor=")).rooms.length > 0);
      assert.equal((await other.call("GET", `/rooms/${encoded}/messages`)).messages.at(-1).id, "kept");
    });

    await t.test("hostile input", async () => {
      const bodies = ["", "{", "null", "[]", '""', "5", "\u0000", '{"a":1,"a":2}', "[".repeat(5000), `{"to":${"[".repeat(2000)}${"]".repeat(2000)}}`, '{"__proto__":{"x":1}}',
        `{"${"x".repeat(100_000)}":1}`, '{"to":{"rooms":[1e999]},"value":1}', '{"to":{"rooms":["\\ud800"]},"value":1}', '{"to":{"everyone":"yes"},"value":1}', Uint8Array.of(0x7b, 0xff, 0x7d),
        '{"action":{},"user":[],"for":1e999}', '{"sub":{},"jti":[],"ttl":"x"}', '{"operations":[{"method":"GET","path":"//x"},{"method":"TRACE","path":"/"}]}', "x".repeat(1_100_000)];
      const names = ["%00", "%ff", "a%0ab", "%40bob", "x".repeat(300), "%ED%A0%80", "..%2F..%2Fetc", "{room}", "%F0%9F%8E%88"];
      for (const { method, path } of operations) {
        if (path === "/events") continue;
        if (method !== "GET") for (const body of bodies) assert.ok((await api.raw(method, path.replace(/\{\w+\}/g, "x"), body)).status < 500);
        if (path.includes("{")) for (const name of names) assert.ok((await api.raw(method, path.replace(/\{\w+\}/g, name), method === "PATCH" ? { value: 1 } : undefined)).status < 500);
      }
      for (const method of ["PROPFIND", "PUT", "DELETE"]) assert.ok([404, 405].includes((await api.raw(method, "/publish")).status));
      assert.equal((await api.raw("POST", "/publish", "{}", { "content-encoding": "gzip" })).status, 415);
      assert.equal((await api.raw("GET", "/rooms/")).status, 404);
      assert.equal((await api.raw("OPTIONS", "/publish")).headers.get("allow"), "OPTIONS, POST");
      assert.equal((await api.raw("HEAD", "/rooms")).status, 200);
    });
  });
}

// readFeed reads the feed of a node, behind an event, until done says so of what came.
async function readFeed({ admin }, key, after, done) {
  const response = await fetch(`${admin}/api/v1/events`, { headers: { authorization: `Bearer ${key}`, ...(after ? { "last-event-id": after } : {}) } });
  assert.equal(response.status, 200);
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (await done(text)) break; // it closes the connection
  }
  return text;
}

test("a reader of events that comes back is told whether it has missed some", async (t) => {
  const { redis, nodes, apis, key } = await cluster(t, 2, settings);
  const publish = (value) => apis[0].call("POST", "/publish", { to: { rooms: ["x"] }, value });
  let begun = false;
  const text = await readFeed(nodes[1], key, undefined, async (all) => {
    if (!begun && all.includes("the feed begins")) {
      begun = true;
      await publish("first");
    }
    return all.includes('"first"') && all.endsWith("\n\n");
  });
  const [, id] = /^id: (.*)$/m.exec(text);
  await publish("meanwhile");
  const again = await readFeed(nodes[0], key, id, (all) => all.includes('"meanwhile"'));
  assert.ok(!again.includes("event: missed"), again);
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.destroy());
  assert.equal(await client.del(await client.keys("*:api-events:{%since}")), 1); // as a minute without a reader does
  const late = await readFeed(nodes[0], key, id, (all) => all.includes('"meanwhile"'));
  assert.match(late, /event: missed\n[^]*"meanwhile"/);
  const resumed = await readFeed(nodes[1], key, /^id: (.*)$/m.exec(late)[1], (all) => all.includes("\n\n"));
  assert.match(resumed, /event: missed/, "what was written before the break is behind it");
  begun = false;
  const ahead = await readFeed(nodes[0], key, `${Date.now() + 3_600_000}-0`, async (all) => {
    if (!begun && all.includes("the feed begins")) {
      begun = true;
      await publish("after all");
    }
    return all.includes('"after all"');
  });
  assert.match(ahead, /event: missed/, "a place that nothing has reached is of another Redis");
});

describe("limits and outages", () => {
  test("rates hold over the cluster, keys change by SIGHUP", async (t) => {
    const redis = await startRedis(t);
    const [one, two] = [await makeKey(t, "one", "admin"), await makeKey(t, "two", "admin")];
    const yaml = ({ name, hash, scopes }) => JSON.stringify({ api: { rate: "20/m", keys: [{ name, hash, scopes }] } });
    const config = await file(t, "chorus.yaml", yaml(one));
    const nodes = await Promise.all([1, 2].map(async () => {
      const program = run(t, BINARY, ["serve", "--config", config], environment(redis));
      return Object.assign(program, await addresses(program));
    }));
    const answers = [];
    for (let i = 0; i < 25; i++) answers.push(await new Api(nodes[i % 2].admin, one.key).raw("GET", "/nodes"));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 4, `${refused.length} refused`);
    assert.ok(Number(refused[0].headers.get("retry-after")) >= 1);
    assert.match(answers[0].headers.get("ratelimit-policy"), /^"requests";q=20;w=60$/);
    const { writeFile } = await import("node:fs/promises");
    await writeFile(config, yaml(two));
    nodes[0].child.kill("SIGHUP");
    await until(async () => (await new Api(nodes[0].admin, two.key).raw("GET", "/nodes")).status === 200, "the new key is good");
    assert.ok([401, 429].includes((await new Api(nodes[0].admin, one.key).raw("GET", "/nodes")).status));
  });

  test("Redis away", async (t) => {
    const { redis, apis } = await cluster(t, 2, settings);
    await redis.stop();
    for (const [method, path, body] of [["POST", "/publish", { to: { everyone: true }, value: 1 }], ["GET", "/rooms/x"], ["GET", "/users/ada"], ["PUT", "/users/ada/rooms/x?for=5"], ["POST", "/moderation", { action: "ban", user: "x" }]]) {
      await until(async () => (await apis[0].raw(method, path, body)).status === 503, `${method} ${path} is answered 503`);
    }
    await redis.start();
    await until(async () => (await apis[0].raw("POST", "/publish", { to: { everyone: true }, value: 1 })).status === 200, "publishing works again");
  });
});
