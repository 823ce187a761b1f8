// The requests of the chat product, with official clients: on three nodes with Redis, and on one node without.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addresses, BINARY, environment } from "./harness/chorus.js";
import { connected, Inbox, join, open } from "./harness/client.js";
import { file } from "./harness/file.js";
import { startNodePeer } from "./harness/peers.js";
import { run } from "./harness/program.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const CONFIG = `
chat:
  typing: 1s
  presence: {grace: 500ms}
  direct: {history: {messages: 100}}
  rooms:
    - match: "team-*"
      history: {messages: 50}
    - match: "secret-*"
      presence: false
`;

// cluster returns the URLs of three nodes, or of one three times.
async function cluster(t, shared, config = CONFIG) {
  const settings = await file(t, "chorus.yaml", config);
  const redis = shared ? await startRedis(t) : undefined;
  const start = async () => {
    const program = run(t, BINARY, ["serve", "--config", settings], environment(redis));
    return Object.assign(program, await addresses(program));
  };
  if (!shared) {
    const node = await start();
    return [node, node, node];
  }
  return Promise.all([start(), start(), start()]);
}

const as = (t, node, sub, claims = {}, options = {}) => join(t, node.url, { auth: { token: token({ sub, name: sub.toUpperCase(), ...claims }) }, ...options });

// refused fails unless a request is refused with a code.
async function refused(socket, code, ...request) {
  const answer = await socket.emitWithAck(...request);
  assert.deepEqual([answer.ok, answer.error?.code], [false, code], JSON.stringify([request, answer]).slice(0, 300));
  return answer.error;
}

async function done(socket, ...request) {
  const answer = await socket.emitWithAck(...request);
  assert.equal(answer.ok, true, JSON.stringify([request, answer]).slice(0, 300));
  return answer;
}

for (const shared of [true, false]) {
  describe(shared ? "three nodes with Redis" : "one node", () => {
    test("join, publish, history", async (t) => {
      const [one, two, three] = await cluster(t, shared);
      const ada = await as(t, one, "ada");
      const bob = await as(t, two, "bob");
      const first = await done(ada, "join", "team-a", { history: 10, presence: true });
      assert.deepEqual([first.room, first.count, first.messages, first.members.users.map(({ id }) => id)], ["team-a", 1, [], ["ada"]]);
      const image = Buffer.from([1, 2, 3]);
      const heard = new Inbox(ada, "publish");
      await refused(bob, "not_joined", "publish", "team-a", 1);
      await done(bob, "join", "team-a");
      for (const value of [1, "two", { image }]) {
        const answer = await done(bob, "publish", "team-a", value, { mentions: ["ada"] });
        assert.match(answer.id, /^[\w.-]{1,64}$/);
      }
      await heard.count(3);
      assert.deepEqual(heard.items.map(([room, value, { seq, from }]) => [room, value, seq, from]), [
        ["team-a", 1, 1, { id: "bob", name: "BOB" }],
        ["team-a", "two", 2, { id: "bob", name: "BOB" }],
        ["team-a", { image }, 3, { id: "bob", name: "BOB" }],
      ]);
      const eve = await as(t, three, "eve");
      const answer = await done(eve, "join", "team-a", { history: 2 });
      assert.deepEqual(answer.messages.map(({ seq, value, mentions }) => [seq, value, mentions]), [[2, "two", ["ada"]], [3, { image }, ["ada"]]]);
      assert.equal(answer.count, 3);
      await done(bob, "publish", "team-a", 4);
      const rest = await done(eve, "join", "team-a", { since: answer.cursor });
      assert.deepEqual([rest.messages.map(({ value }) => value), rest.changes, rest.missed], [[4], [], undefined]);

      const page = await done(eve, "history", "team-a", { limit: 3 });
      assert.deepEqual([page.messages.map(({ seq }) => seq), page.more], [[2, 3, 4], true]);
      const older = await done(eve, "history", "team-a", { before: page.first });
      assert.deepEqual([older.messages.map(({ seq }) => seq), older.more], [[1], false]);
      assert.deepEqual((await done(eve, "history", "team-a", { after: page.last })).messages, []);

      await refused(ada, "no_history", "history", "lobby");
      for (const bad of [["history", "team-a", { limit: 0 }], ["history", "team-a", { limit: 201 }], ["history", "team-a", { before: "?" }], ["history", "team-a", 7], ["history"],
        ["join", "team-a", { history: 201 }], ["join", "team-a", { since: "?" }], ["join", "\n"], ["publish", "team-a"], ["publish", "team-a", 1, { id: "ä" }], ["publish", "team-a", 1, "id"],
        ["publish", "team-a", 1, { mentions: ["x".repeat(251)] }], ["publish", "team-a", 1, { mentions: [null] }], ["publish", "team-a", 1, { mentions: ["a\nb"] }],
        ["join", `@${"x".repeat(251)}`], ["publish", `@${"x".repeat(251)}`, 1]]) {
        await refused(ada, "bad_request", ...bad);
      }
      const { limit } = await refused(ada, "too_large", "publish", "team-a", "x".repeat(70_000));
      assert.equal(limit, 65536);
      const reader = await as(t, two, "ron", { chorus: { rooms: { publish: [], history: [] } } });
      await refused(reader, "forbidden", "history", "team-a");
      await done(reader, "join", "team-a");
      await refused(reader, "forbidden", "publish", "team-a", 1);
      await refused(reader, "forbidden", "join", "team-a", { history: 1 });
    });

    test("nothing is missed and nothing comes twice while clients join", async (t) => {
      const [one, two, three] = await cluster(t, shared);
      const sender = await as(t, one, "ada");
      await done(sender, "join", "team-x");
      let running = true;
      let sent = 0;
      const sending = (async () => {
        while (running && sent < 2000) {
          await done(sender, "publish", "team-x", ++sent);
        }
      })();
      const readers = await Promise.all([two, three, two, three].map(async (node, i) => {
        const socket = await as(t, node, `reader${i}`);
        const inbox = new Inbox(socket, "publish");
        const { messages } = await done(socket, "join", "team-x", { history: 50 });
        return { inbox, first: messages.map(({ seq }) => seq) };
      }));
      await until(() => sent > 200, "messages");
      running = false;
      await sending;
      for (const { inbox, first } of readers) {
        const seqs = () => [...first, ...inbox.items.map(([, , { seq }]) => seq)];
        await until(() => seqs().at(-1) === sent, "the last message");
        const from = seqs()[0];
        assert.deepEqual(seqs(), Array.from({ length: sent - from + 1 }, (_, i) => from + i));
      }
    });

    test("the same id is delivered once", async (t) => {
      const [one, two] = await cluster(t, shared);
      for (const room of ["team-a", "lobby"]) {
        const [ada, again, bob] = [await as(t, one, "ada"), await as(t, two, "ada"), await as(t, two, "bob")];
        for (const socket of [ada, again, bob]) await done(socket, "join", room);
        const heard = new Inbox(bob, "publish");
        const [a, b] = await Promise.all([ada, again].map((socket) => done(socket, "publish", room, { text: "hi" }, { id: "m1" })));
        assert.deepEqual(a, b);
        await refused(again, "conflict", "publish", room, "other", { id: "m1" });
        // Another user's: in a room with history the id names one message.
        if (room === "team-a") await refused(bob, "conflict", "publish", room, "other", { id: "m1" });
        else await done(bob, "publish", room, "other", { id: "m1" });
        await done(bob, "publish", room, "fence");
        await heard.until((items) => items.at(-1)[1] === "fence", "the fence");
        assert.deepEqual(heard.items.map(([, value]) => value), [{ text: "hi" }, ...(room === "team-a" ? [] : ["other"]), "fence"]);
      }
    });

    test("direct messages and conversations", async (t) => {
      const [one, two, three] = await cluster(t, shared);
      const ada = await as(t, one, "ada");
      const phone = await as(t, two, "ada");
      const bob = await as(t, three, "bob");
      const [own, others, his] = [ada, phone, bob].map((socket) => new Inbox(socket, "direct"));
      const answer = await done(ada, "direct", "bob", "hello");
      assert.equal(answer.online, 1);
      await done(bob, "publish", "@ada", "hi");
      await Promise.all([own.count(1), others.count(2), his.count(1)]);
      assert.deepEqual(own.items.map(([user, value]) => [user, value]), [["bob", "hi"]]);
      assert.deepEqual(others.items.map(([user, value]) => [user, value]), [["bob", "hello"], ["bob", "hi"]]);
      assert.deepEqual(his.items.map(([user, value, { from }]) => [user, value, from.id]), [["ada", "hello", "ada"]]);
      for (const [socket, peer] of [[ada, "@bob"], [bob, "@ada"]]) {
        assert.deepEqual((await done(socket, "history", peer)).messages.map(({ value }) => value), ["hello", "hi"]);
      }
      assert.equal((await done(ada, "direct", "nobody", 1)).online, 0);
      await refused(ada, "bad_request", "direct", "", 1);
      await refused(ada, "bad_request", "direct", "bob");
      await refused(await as(t, one, "eve", { chorus: { direct: false } }), "forbidden", "direct", "bob", 1);
    });

    test("presence, by user and not by tab", async (t) => {
      const [one, two, three] = await cluster(t, shared);
      const ada = await as(t, one, "ada");
      await done(ada, "join", "lobby", { presence: true });
      const diffs = new Inbox(ada, "presence");
      const bob = await as(t, two, "bob");
      await done(bob, "join", "lobby");
      await diffs.count(1);
      assert.deepEqual([diffs.items[0][0], diffs.items[0][1].joined.map(({ id, name }) => [id, name]), diffs.items[0][1].count], ["lobby", [["bob", "BOB"]], 2]);
      const tab = await as(t, three, "bob");
      await done(tab, "join", "lobby");
      bob.disconnect();
      await done(tab, "status", { mood: "busy" });
      await diffs.until((items) => items.some(([, { changed }]) => changed.some(({ data }) => data?.mood === "busy")), "the status");
      const list = await done(ada, "presence", "lobby");
      assert.deepEqual(list.users.map(({ id, devices }) => [id, devices]), [["ada", 1], ["bob", 1]]);
      assert.deepEqual(diffs.items.flatMap(([, { left }]) => left), []);
      // A reload within the grace is neither leaving nor joining.
      const joined = () => diffs.items.flatMap(([, { joined }]) => joined).length;
      const before = joined();
      tab.disconnect();
      const reloaded = await as(t, one, "bob");
      await done(reloaded, "join", "lobby");
      await done(reloaded, "status", null);
      await diffs.until((items) => items.some(([, { changed }]) => changed.some(({ data }) => data === undefined || data === null)), "the status");
      assert.deepEqual([joined(), diffs.items.flatMap(([, { left }]) => left)], [before, []]);
      reloaded.disconnect();
      await diffs.until((items) => items.some(([, { left }]) => left.includes("bob")), "bob leaves");
      const numbers = diffs.items.map(([, { seq }]) => seq);
      assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));

      await refused(ada, "forbidden", "presence", "secret-a");
      await refused(ada, "bad_request", "presence", "lobby", { limit: 1001 });
      await refused(ada, "too_large", "status", "x".repeat(2000));
      await refused(ada, "not_joined", "status", 1, "elsewhere");
      await refused(await as(t, one, "eve", { chorus: { rooms: { presence: [] } } }), "forbidden", "presence", "lobby");
    });

    test("typing ends by itself", async (t) => {
      const [one, two, three] = await cluster(t, shared);
      const names = ["ada", "bob", "cy", "dan", "eve", "flo"];
      const sockets = await Promise.all(names.map((name, i) => as(t, [one, two, three][i % 3], name)));
      for (const socket of sockets) await done(socket, "join", "lobby");
      const watcher = await as(t, one, "zoe");
      await done(watcher, "join", "lobby");
      const heard = new Inbox(watcher, "typing");
      await done(sockets[0], "typing", "lobby", true);
      await heard.count(1);
      assert.deepEqual(heard.items[0], ["lobby", { users: [{ id: "ada", name: "ADA" }], count: 1 }]);
      for (const socket of sockets) await done(socket, "typing", "lobby", true);
      await heard.until((items) => items.at(-1)[1].count === 6, "six who type");
      assert.equal(heard.items.at(-1)[1].users.length, 5);
      await heard.until((items) => items.at(-1)[1].count === 0, "nobody types");
      await refused(watcher, "not_joined", "typing", "elsewhere", true);
      await refused(watcher, "bad_request", "typing", "lobby", "yes");
    });

    test("what a client with retries sends after a reconnect is not lost", async (t) => {
      const [one, two] = await cluster(t, shared);
      const bob = await as(t, two, "bob");
      await done(bob, "join", "lobby");
      const heard = new Inbox(bob, "publish");
      const ada = await connected(open(t, one.url, { auth: { token: token({ sub: "ada" }) }, retries: 3, ackTimeout: 2000, reconnection: true, reconnectionDelay: 10 }));
      await done(ada, "join", "lobby");
      ada.io.engine.close();
      const pending = Promise.all([1, 2, 3].map((n) => ada.emitWithAck("publish", "lobby", n, { id: `n${n}` })));
      assert.deepEqual((await pending).map(({ ok }) => ok), [true, true, true]);
      await heard.count(3);
      assert.deepEqual(heard.items.map(([, value]) => value), [1, 2, 3]);
    });

    test("the handshake names rooms", async (t) => {
      const [one] = await cluster(t, shared);
      const ada = open(t, one.url, { auth: { token: token({ sub: "ada" }), rooms: ["team-a", "user:bob"] } });
      const left = event(ada, "left");
      const answer = ada.emitWithAck("publish", "team-a", "at once");
      await connected(ada);
      const [room, why] = await left;
      assert.deepEqual([room, why.code], ["user:bob", "forbidden"]);
      assert.equal((await answer).ok, true);
    });
  });
}

test("users of a node that is killed leave, once", async (t) => {
  const [one, two] = await cluster(t, true);
  const ada = await as(t, one, "ada");
  await done(ada, "join", "lobby", { presence: true });
  const diffs = new Inbox(ada, "presence");
  const bob = await as(t, two, "bob");
  await done(bob, "join", "lobby");
  await diffs.count(1);
  two.signalled("SIGKILL");
  await diffs.until((items) => items.some(([, { left }]) => left.includes("bob")), "bob leaves", 20_000);
  assert.equal(diffs.items.flatMap(([, { left }]) => left).length, 1);
  assert.equal((await done(ada, "presence", "lobby")).count, 1);
});

for (const adapter of ["pubsub", "sharded", "streams"]) {
  test(`Node.js servers hear what is said in rooms with history: ${adapter}`, async (t) => {
    const redis = await startRedis(t);
    const settings = await file(t, "chorus.yaml", `${CONFIG}\ncluster: {adapter: ${adapter}}\n`);
    const nodes = await Promise.all([1, 2].map(async () => {
      const program = run(t, BINARY, ["serve", "--config", settings], environment(redis));
      return Object.assign(program, await addresses(program));
    }));
    const peer = await startNodePeer(t, redis, { sharded: { pubsub: undefined, sharded: "dynamic", streams: "streams" }[adapter] });
    peer.io.on("connection", (socket) => socket.join("team-a"));
    const there = await join(t, peer.url, { auth: { token: token({ sub: "nora" }) } });
    const [ada, bob] = [await as(t, nodes[0], "ada"), await as(t, nodes[1], "bob")];
    for (const socket of [ada, bob]) await done(socket, "join", "team-a");
    const [theirs, ours] = [new Inbox(there, "publish"), new Inbox(bob, "publish")];
    for (let i = 1; i <= 20; i++) await done(ada, "publish", "team-a", { i, image: Buffer.from([i]) });
    await theirs.count(20);
    assert.deepEqual(theirs.items.map(([room, { i }, { seq, from }]) => [room, i, seq, from.id]), Array.from({ length: 20 }, (_, i) => ["team-a", i + 1, i + 1, "ada"]));
    peer.io.to("team-a").emit("publish", "team-a", "from the server", {});
    await ours.count(21);
    assert.deepEqual(ours.items.map(([, value]) => value.i ?? value), [...Array.from({ length: 20 }, (_, i) => i + 1), "from the server"]);
    // Official clients take ten attachments in a packet, so a page has ten.
    const page = await done(bob, "history", "team-a");
    assert.deepEqual([page.messages.map(({ seq }) => seq), page.more], [[11, 12, 13, 14, 15, 16, 17, 18, 19, 20], true]);
    const older = await done(bob, "history", "team-a", { before: page.first });
    assert.deepEqual([older.messages.map(({ seq }) => seq), older.more], [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false]);
    const back = await done(bob, "join", "team-a", { since: older.messages[4].cursor });
    assert.deepEqual([back.messages.map(({ seq }) => seq), back.more], [[6, 7, 8, 9, 10, 11, 12, 13, 14, 15], true]);
    const rest = await done(bob, "history", "team-a", { after: back.cursor });
    assert.deepEqual([rest.messages.map(({ seq }) => seq), rest.more], [[16, 17, 18, 19, 20], false]);
  });
}
