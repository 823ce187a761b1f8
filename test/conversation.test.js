// What becomes of messages, what was read, and moderation: with official clients on three nodes with Redis, and on one
// node without.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { as, done, moderator, refused, startCluster } from "./harness/chat.js";
import { addresses, BINARY, chorus, environment } from "./harness/chorus.js";
import { Inbox } from "./harness/client.js";
import { file } from "./harness/file.js";
import { run } from "./harness/program.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const CONFIG = `
chat:
  typing: 1s
  presence: {grace: 200ms}
  direct: {history: {messages: 100}}
  rooms:
    - match: "loud-*"
      history: {messages: 500}
      receipts: true
    - match: "plain"
    - match: "*"
      history: {messages: 500}
`;

// keys fails unless an object has these members and no other.
function keys(object, ...names) {
  assert.deepEqual(Object.keys(object).sort(), names.sort(), JSON.stringify(object));
}

const cursor = /^[a-z0-9]+-[a-z0-9]+-[a-z0-9]+$/;

for (const shared of [true, false]) {
  describe(shared ? "three nodes with Redis" : "one node", () => {
    // people returns clients of users in a room, spread over the nodes, and their inboxes.
    async function people(t, room, ...names) {
      const nodes = await startCluster(t, shared, CONFIG);
      const sockets = [];
      for (const [i, name] of names.entries()) {
        const socket = await as(t, nodes[i % 3], name, name.startsWith("mod") ? moderator(room) : {});
        if (room !== undefined) await done(socket, "join", room);
        sockets.push(socket);
      }
      return { nodes, sockets };
    }

    test("edit", async (t) => {
      const { nodes, sockets: [ada, bob, mod] } = await people(t, "r", "ada", "bob", "mod");
      const heard = new Inbox(bob, "edited");
      const own = new Inbox(ada, "edited");
      const sent = await done(ada, "publish", "r", { n: 1 }, { id: "m1" });
      keys(sent, "ok", "id", "at", "seq", "cursor");
      assert.match(sent.cursor, cursor);

      const edited = await done(ada, "edit", "r", "m1", { n: 2 });
      keys(edited, "ok", "id", "version", "editedAt", "cursor");
      assert.deepEqual([edited.id, edited.version], ["m1", 2]);
      assert.ok(edited.editedAt >= sent.at);
      await heard.count(1);
      await own.count(1);
      assert.deepEqual(heard.items[0], ["r", { n: 2 }, { id: "m1", seq: 1, cursor: edited.cursor, version: 2, editedAt: edited.editedAt, by: "ada" }]);
      assert.deepEqual(own.items, heard.items);

      const conflict = await refused(ada, "conflict", "edit", "r", "m1", 3, { version: 1 });
      assert.equal(conflict.version, 2);
      assert.equal((await done(mod, "edit", "r", "m1", null, { version: 2 })).version, 3);
      await heard.count(2);
      assert.deepEqual([heard.items[1][1], heard.items[1][2].by], [null, "mod"]);
      const image = Buffer.from([0, 255]);
      await done(ada, "edit", "r", "m1", { image });
      await heard.count(3);
      assert.deepEqual(heard.items[2][1], { image });
      const { messages: [kept] } = await done(bob, "history", "r");
      assert.deepEqual([kept.id, kept.seq, kept.version, kept.value, kept.from, kept.at], ["m1", 1, 4, { image }, { id: "ada", name: "ADA" }, sent.at]);
      assert.equal(kept.cursor, sent.cursor);
      assert.ok(kept.editedAt >= edited.editedAt);

      const forbidden = await refused(bob, "forbidden", "edit", "r", "m1", 1);
      assert.deepEqual([forbidden.action, forbidden.room], ["moderate", "r"]);
      await refused(await as(t, nodes[2], "eve"), "not_joined", "edit", "r", "m1", 1);
      await refused(ada, "not_found", "edit", "r", "nothing", 1);
      await done(ada, "join", "plain");
      await refused(ada, "no_history", "edit", "plain", "m1", 1);
      assert.equal((await refused(ada, "too_large", "edit", "r", "m1", "x".repeat(70_000))).limit, 65536);
      for (const bad of [["edit"], ["edit", "r"], ["edit", "r", "m1"], ["edit", "r", "m 1", 1], ["edit", "r", 7, 1], ["edit", 0.5, null, 1], ["edit", "r", "m1", 1, 2],
        ["edit", "r", "m1", 1, { version: 0 }], ["edit", "r", "m1", 1, { version: "2" }], ["edit", "r", "m1", 1, { version: 1.5 }], ["edit", "..", "m1", 1], ["edit", "r", "x".repeat(65), 1],
        ["edit", "r", "m1", 1, {}, {}]]) {
        await refused(ada, "bad_request", ...bad);
      }
    });

    test("delete", async (t) => {
      const { nodes, sockets: [ada, bob, mod] } = await people(t, "r", "ada", "bob", "mod");
      const heard = new Inbox(bob, "deleted");
      await done(ada, "publish", "r", "secret", { id: "m1", mentions: ["bob"] });
      await done(bob, "publish", "r", "hers", { id: "m2" });
      const first = await done(ada, "delete", "r", "m1");
      keys(first, "ok", "id", "cursor");
      assert.deepEqual(await done(ada, "delete", "r", "m1"), first);
      await done(mod, "delete", "r", "m2");
      await heard.count(2);
      const { at, ...about } = heard.items[0][1];
      assert.deepEqual([heard.items[0][0], about, typeof at], ["r", { id: "m1", seq: 1, cursor: first.cursor, by: "ada" }, "number"]);
      assert.equal(heard.items[1][1].by, "mod");
      const { messages } = await done(bob, "history", "r");
      assert.deepEqual(messages.map(({ id, deleted, value, from }) => [id, deleted, value, from.id]), [["m1", true, undefined, "ada"], ["m2", true, undefined, "bob"]]);
      assert.ok(messages.every((message) => !("value" in message)));
      await refused(ada, "not_found", "edit", "r", "m1", 1);
      await refused(ada, "not_found", "react", "r", "m1", "+1", true);
      await done(ada, "publish", "r", 1, { id: "m3" });
      await refused(bob, "forbidden", "delete", "r", "m3");
      await refused(ada, "not_found", "delete", "r", "nothing");
      await refused(await as(t, nodes[2], "eve"), "not_joined", "delete", "r", "m3");
      for (const bad of [["delete"], ["delete", "r"], ["delete", "r", ""], ["delete", "r", {}], ["delete", "r", "m1", "m2"]]) await refused(ada, "bad_request", ...bad);
    });

    test("react", async (t) => {
      const { nodes, sockets: [ada, bob, cy] } = await people(t, "r", "ada", "bob", "cy");
      const heard = new Inbox(cy, "reacted");
      await done(ada, "publish", "r", 1, { id: "m1" });
      assert.deepEqual(await done(ada, "react", "r", "m1", "👍", true), { ok: true, reactions: { "👍": { count: 1, mine: true } } });
      await heard.count(1);
      const [room, [one, ...rest]] = heard.items[0];
      assert.deepEqual([room, rest], ["r", []]);
      assert.match(one.cursor, cursor);
      assert.deepEqual({ ...one, cursor: 0 }, { id: "m1", key: "👍", count: 1, added: ["ada"], removed: [], cursor: 0 });
      assert.deepEqual((await done(bob, "react", "r", "m1", "👍", true)).reactions, { "👍": { count: 2, mine: true } });
      assert.deepEqual((await done(bob, "react", "r", "m1", "👍", true)).reactions, { "👍": { count: 2, mine: true } }, "again");
      assert.deepEqual((await done(ada, "react", "r", "m1", "👍", false)).reactions, { "👍": { count: 1, mine: false } });
      assert.deepEqual((await done(ada, "react", "r", "m1", "no", false)).reactions, { "👍": { count: 1, mine: false } });
      const { messages: [seen] } = await done(bob, "history", "r");
      assert.deepEqual(seen.reactions, { "👍": { count: 1, mine: true } });
      await heard.until((items) => items.at(-1)[1].at(-1).count === 1 && items.length > 1, "the last reaction");

      // Many at once come in few events, whose sum is right.
      const crowd = await Promise.all(Array.from({ length: 60 }, (_, i) => as(t, nodes[i % 3], `u${i}`)));
      await Promise.all(crowd.map((socket) => done(socket, "join", "r")));
      const before = heard.items.length;
      await Promise.all(crowd.map((socket) => done(socket, "react", "r", "m1", "🎉", true)));
      await heard.until((items) => items.at(-1)[1].some(({ key, count }) => key === "🎉" && count === 60), "sixty");
      assert.ok(heard.items.length - before < 30, `${heard.items.length - before} events`);
      for (const [, list] of heard.items) for (const { added, removed } of list) assert.ok((added ?? []).length + (removed ?? []).length <= 20);

      for (let i = 2; i < 20; i++) await done(ada, "react", "r", "m1", `k${i}`, true);
      assert.equal((await refused(ada, "limit_reached", "react", "r", "m1", "one too many", true)).limit, 20);
      await refused(ada, "not_found", "react", "r", "nothing", "x", true);
      await refused(await as(t, nodes[2], "eve"), "not_joined", "react", "r", "m1", "x", true);
      for (const bad of [["react", "r", "m1", "x"], ["react", "r", "m1", "", true], ["react", "r", "m1", "x".repeat(65), true], ["react", "r", "m1", "\n", true], ["react", "r", "m1", 1, true],
        ["react", "r", "m1", "x", "true"], ["react", "r", "m1", "x", true, 1]]) await refused(ada, "bad_request", ...bad);
    });

    test("append", async (t) => {
      const { nodes, sockets: [ada, bob] } = await people(t, "r", "ada", "bob", "cy");
      const heard = new Inbox(bob, "appended");
      const words = Array.from({ length: 300 }, (_, i) => `${i} "ü" 😀\n`);
      const answers = await Promise.all(words.map((word, i) => ada.emitWithAck("append", "r", "t1", word, i === words.length - 1 ? { done: true } : {})));
      const whole = words.join("");
      let length = 0;
      for (const [i, answer] of answers.entries()) {
        length += words[i].length;
        assert.deepEqual(answer, { ok: true, id: "t1", seq: 1, length });
      }
      await heard.until((items) => items.at(-1)?.[1].done, "the end of the text");
      let text = "";
      for (const [room, about] of heard.items) {
        assert.deepEqual([room, about.id, about.seq, about.from, about.offset], ["r", "t1", 1, { id: "ada", name: "ADA" }, text.length]);
        text += about.text;
      }
      assert.equal(text, whole);
      const late = await as(t, nodes[2], "late");
      const joined = await done(late, "join", "r", { history: 10 });
      assert.deepEqual(joined.messages.map(({ id, seq, value }) => [id, seq, value]), [["t1", 1, whole]]);
      await refused(ada, "conflict", "append", "r", "t1", "more");

      await done(ada, "append", "r", "t2", "half");
      await refused(bob, "forbidden", "append", "r", "t2", " by another");
      await done(ada, "append", "r", "t2", "", { cancel: true });
      await heard.until((items) => items.at(-1)[1].id === "t2" && items.at(-1)[1].cancelled === true, "the end of a text that is cancelled");
      await refused(ada, "conflict", "append", "r", "t2", "x");
      const { limit } = await refused(ada, "too_large", "append", "r", "t3", "x".repeat(262_145));
      assert.equal(limit, 262_144);
      await refused(await as(t, nodes[2], "eve"), "not_joined", "append", "r", "t4", "x");
      await done(ada, "join", "plain");
      await refused(ada, "no_history", "append", "plain", "t4", "x");
      for (const bad of [["append", "r", "t4"], ["append", "r", "t4", 1], ["append", "r", "t4", null], ["append", "r", "t 4", "x"], ["append", "r", "t4", "x", { done: 1 }],
        ["append", "r", "t4", "x", { done: true, cancel: true }], ["append", "r", "t4", "x", true]]) await refused(ada, "bad_request", ...bad);
    });

    test("texts that are written at a time are heard at most 25 times a second, and to their end", async (t) => {
      const { sockets: [ada, bob, cy, viewer] } = await people(t, "r", "ada", "bob", "cy", "viewer");
      const heard = new Inbox(viewer, "appended");
      const begun = Date.now();
      const writers = [ada, bob, cy];
      const texts = writers.map(() => "");
      for (let round = 0; round < 100; round++) {
        await Promise.all(writers.map((socket, i) => {
          texts[i] += `${round} `;
          return done(socket, "append", "r", `t${i}`, `${round} `, { done: round === 99 });
        }));
      }
      const seconds = (Date.now() - begun) / 1000;
      await heard.until((items) => items.filter(([, { done }]) => done).length === 3, "three ends");
      const got = texts.map(() => "");
      for (const [, { id, offset, text }] of heard.items) {
        assert.equal(offset, got[id[1]].length);
        got[id[1]] += text;
      }
      assert.deepEqual(got, texts);
      assert.ok(heard.items.length <= 25 * seconds + 12, `${heard.items.length} events in ${seconds} s`);
    });

    test("read and unread", async (t) => {
      const { nodes, sockets: [ada, bob, tab] } = await people(t, "loud-r", "ada", "bob", "bob");
      const [others, room] = [new Inbox(tab, "read"), new Inbox(ada, "read")];
      const own = new Inbox(bob, "read");
      for (let i = 1; i <= 3; i++) await done(ada, "publish", "loud-r", i, { mentions: i > 1 ? ["bob"] : undefined });
      assert.deepEqual(await done(ada, "unread"), { ok: true, rooms: [{ room: "loud-r", unread: 0, mentions: 0, read: 3, last: 3 }] });
      assert.deepEqual(await done(bob, "unread"), { ok: true, rooms: [] });
      assert.deepEqual((await done(bob, "unread", { rooms: ["loud-r", "other"] })).rooms, [
        { room: "loud-r", unread: 3, mentions: 2, read: 0, last: 3 }, { room: "other", unread: 0, mentions: 0, read: 0, last: 0 },
      ]);
      assert.deepEqual(await done(bob, "read", "loud-r", 2), { ok: true, seq: 2, unread: 1 });
      await others.count(1);
      await room.count(1);
      assert.deepEqual([others.items, room.items], [[["loud-r", { user: "bob", seq: 2 }]], [["loud-r", { user: "bob", seq: 2 }]]]);
      assert.deepEqual(await done(tab, "unread"), { ok: true, rooms: [{ room: "loud-r", unread: 1, mentions: 1, read: 2, last: 3 }] });
      assert.deepEqual(await done(bob, "read", "loud-r", 1), { ok: true, seq: 2, unread: 1 }, "only forward");
      assert.deepEqual(await done(bob, "read", "loud-r", 1e9), { ok: true, seq: 3, unread: 0 }, "the end");
      assert.deepEqual(await done(bob, "read", "loud-r", null), { ok: true, seq: null, unread: 0 });
      await others.until((items) => items.at(-1)[1].seq === null, "the marker is gone");
      assert.deepEqual((await done(tab, "unread")).rooms, []);
      assert.deepEqual(own.items, [], "not to itself");
      // A conversation of two; without receipts the other one does not hear of it.
      await done(ada, "direct", "bob", "hi");
      assert.deepEqual((await done(bob, "unread", { rooms: ["@ada"] })).rooms, [{ room: "@ada", unread: 1, mentions: 0, read: 0, last: 1 }]);
      await done(bob, "read", "@ada", 1);
      await others.until((items) => items.at(-1)[0] === "@ada", "the conversation");

      const eve = await as(t, nodes[0], "eve", { chorus: { rooms: { join: ["a"] } } });
      await refused(eve, "forbidden", "read", "loud-r", 1);
      await refused(eve, "forbidden", "unread", { rooms: ["loud-r"] });
      await refused(bob, "no_history", "read", "plain", 1);
      for (const bad of [["read", "r"], ["read", "r", "1"], ["read", "r", 1.5], ["read", "r", -1], ["read", "r", true], ["unread", 1], ["unread", { rooms: "r" }], ["unread", { rooms: [1.5, {}] }],
        ["unread", { rooms: ["."] }], ["unread", { rooms: Array.from({ length: 1001 }, (_, i) => `r${i}`) }]]) await refused(bob, "bad_request", ...bad);
    });

    test("mute, ban, kick", async (t) => {
      const { nodes, sockets: [ada, bob, mod, phone] } = await people(t, "r", "ada", "bob", "mod", "bob");
      const told = new Inbox(phone, "moderated");
      const left = new Inbox(bob, "left");
      await done(bob, "publish", "r", 1, { id: "m1" });
      const at = Date.now();
      const muted = await done(mod, "mute", "r", "bob", { for: 60, reason: "loud" });
      keys(muted, "ok", "until");
      assert.ok(Math.abs(muted.until - at - 60_000) < 5000);
      await told.count(1);
      assert.deepEqual(told.items[0], [{ action: "mute", room: "r", until: muted.until, reason: "loud", by: "mod" }]);
      await until(async () => !(await bob.emitWithAck("publish", "r", 2)).ok, "the node of bob knows it");
      for (const request of [["publish", "r", 2], ["edit", "r", "m1", 2], ["react", "r", "m1", "x", true], ["append", "r", "t", "x"], ["typing", "r", true]]) {
        const error = await refused(bob, "muted", ...request);
        assert.deepEqual([error.until, error.reason], [muted.until, "loud"]);
      }
      await done(bob, "history", "r");
      await done(bob, "delete", "r", "m1");
      const { bars, slow, frozen } = await done(mod, "moderation", "r");
      assert.deepEqual([bars.map(({ at: _, ...bar }) => bar), slow, frozen], [[{ action: "mute", user: "bob", until: muted.until, reason: "loud", by: "mod" }], 0, false]);
      assert.equal(typeof bars[0].at, "number");
      assert.deepEqual(await done(mod, "unmute", "r", "bob"), { ok: true });
      await told.count(2);
      await until(async () => (await bob.emitWithAck("publish", "r", 3)).ok, "bob may speak");

      assert.deepEqual(await done(mod, "ban", "r", "bob", { reason: "rude" }), { ok: true });
      await left.count(1);
      assert.deepEqual([left.items[0][0], left.items[0][1].code, left.items[0][1].reason], ["r", "banned", "rude"]);
      for (const request of [["join", "r"], ["publish", "r", 2], ["history", "r"], ["presence", "r"], ["typing", "r", true]]) await refused(bob, "banned", ...request);
      const again = await as(t, nodes[2], "bob", {}, { auth: { token: token({ sub: "bob" }), rooms: ["r"] } });
      await refused(again, "banned", "publish", "r", 1);
      await done(mod, "unban", "r", "bob");
      await until(async () => (await bob.emitWithAck("join", "r")).ok, "bob may come back");

      assert.deepEqual(await done(mod, "kick", "r", "bob", { reason: "out" }), { ok: true });
      await left.count(2);
      assert.deepEqual([left.items[1][0], left.items[1][1].code], ["r", "kicked"]);
      await refused(bob, "not_joined", "publish", "r", 1);
      await done(bob, "join", "r");

      const everywhere = await as(t, nodes[0], "root", moderator("*"));
      await done(everywhere, "mute", null, "bob");
      await until(async () => (await bob.emitWithAck("publish", "plain", 1)).error?.code === "not_joined" && (await bob.emitWithAck("publish", "r", 1)).error?.code === "muted", "muted everywhere");
      await refused(bob, "muted", "direct", "ada", 1);
      await refused(bob, "muted", "message", 1);
      await done(everywhere, "unmute", null, "bob");
      await done(everywhere, "ban", null, "bob", { for: 1 });
      await left.count(3);
      await until(async () => (await bob.emitWithAck("join", "r")).ok, "the ban ends by itself");

      for (const action of ["mute", "unmute", "kick", "ban", "unban"]) {
        const error = await refused(ada, "forbidden", action, "r", "bob");
        assert.deepEqual([error.action, error.room], ["moderate", "r"]);
        await refused(mod, "forbidden", action, null, "bob");
        await refused(mod, "forbidden", action, "@bob", "bob");
        for (const bad of [[action], [action, "r"], [action, "r", ""], [action, "r", 7], [action, "r", "bob", 5], [action, "r", "bob", { for: 0 }], [action, "r", "bob", { for: -1 }],
          [action, "r", "bob", { for: "1" }], [action, "r", "bob", { reason: "x".repeat(1001) }], [action, "..", "bob"], [action, 1.5]]) await refused(mod, "bad_request", ...bad);
      }
      await refused(ada, "forbidden", "moderation", "r");
      await refused(mod, "bad_request", "moderation", "r", { cursor: 7 });
    });

    test("slow and freeze", async (t) => {
      const { sockets: [ada, bob, mod] } = await people(t, "r", "ada", "bob", "mod");
      const told = new Inbox(ada, "moderated");
      assert.deepEqual(await done(mod, "slow", "r", 30), { ok: true });
      await told.count(1);
      assert.deepEqual(told.items[0], [{ action: "slow", room: "r", seconds: 30, by: "mod" }]);
      await until(async () => (await done(mod, "moderation", "r")).slow === 30, "slow mode");
      const first = await done(bob, "publish", "r", 1, { id: "m1" });
      const error = await refused(bob, "slow_mode", "publish", "r", 2);
      assert.ok(error.retry_after_ms > 25_000 && error.retry_after_ms <= 30_001, error.retry_after_ms);
      assert.deepEqual(await done(bob, "publish", "r", 1, { id: "m1" }), first, "what was said comes again");
      await done(mod, "publish", "r", 1);
      await done(mod, "publish", "r", 2);
      assert.ok((await refused(bob, "slow_mode", "append", "r", "text", "a whole message", { done: true })).retry_after_ms > 0);
      await done(ada, "append", "r", "text", "one, ");
      assert.equal((await done(ada, "append", "r", "text", "two", { done: true })).length, 8, "what goes on with a text is no new message");
      await refused(ada, "slow_mode", "publish", "r", 1);
      await done(mod, "slow", "r", 0);
      await until(async () => (await bob.emitWithAck("publish", "r", 3)).ok, "slow mode is off");

      assert.deepEqual(await done(mod, "freeze", "r", true), { ok: true });
      await told.count(3);
      assert.deepEqual(told.items[2], [{ action: "freeze", room: "r", on: true, by: "mod" }]);
      await until(async () => (await bob.emitWithAck("publish", "r", 4)).error?.code === "frozen", "frozen");
      assert.equal((await done(mod, "moderation", "r")).frozen, true);
      await done(mod, "freeze", "r", false);
      await until(async () => (await bob.emitWithAck("publish", "r", 5)).ok, "not frozen");

      await refused(ada, "forbidden", "slow", "r", 1);
      await refused(ada, "forbidden", "freeze", "r", true);
      for (const bad of [["slow", "r"], ["slow", "r", -1], ["slow", "r", "1"], ["slow", "r", 1.5], ["slow", "r", 86_401], ["freeze", "r"], ["freeze", "r", 1], ["freeze", "r", "on"], ["slow", "r", 1, 2]]) {
        await refused(mod, "bad_request", ...bad);
      }
    });

    test("report", async (t) => {
      const { nodes, sockets: [ada, bob, mod] } = await people(t, "r", "ada", "bob", "mod");
      const [heard, others] = [new Inbox(mod, "reported"), new Inbox(ada, "reported")];
      await done(ada, "publish", "r", "spam", { id: "m1" });
      assert.deepEqual(await done(bob, "report", "r", "m1", "it is spam"), { ok: true });
      await heard.count(1);
      const [room, { at, ...about }] = heard.items[0];
      assert.deepEqual([room, about, typeof at, others.items], ["r", { id: "m1", by: "bob", reason: "it is spam" }, "number", []]);
      assert.deepEqual((await done(mod, "moderation", "r")).reports, [{ ...about, at }]);
      assert.deepEqual(await done(bob, "report", "r", "m1", "it is still spam"), { ok: true });
      await done(ada, "report", "r", "m1", "of mine");
      await heard.count(2); // that bob said it twice is told once
      assert.deepEqual(heard.items.map(([, { by }]) => by), ["bob", "ada"]);
      assert.deepEqual((await done(mod, "moderation", "r")).reports.map(({ by }) => by), ["ada", "bob"]);
      await refused(bob, "not_found", "report", "r", "nothing", "x");
      await refused(await as(t, nodes[2], "eve"), "not_joined", "report", "r", "m1", "x");
      for (const bad of [["report", "r", "m1"], ["report", "r", "m1", ""], ["report", "r", "m1", 7], ["report", "r", "m1", "x".repeat(1001)], ["report", "r", "m1", "x", 1]]) await refused(bob, "bad_request", ...bad);
    });

    test("join brings what became of older messages", async (t) => {
      const { nodes, sockets: [ada, bob] } = await people(t, "r", "ada", "bob");
      const empty = await done(await as(t, nodes[2], "early"), "join", "r");
      assert.match(empty.cursor, cursor);
      assert.equal(typeof empty.epoch, "string");
      for (let i = 1; i <= 4; i++) await done(ada, "publish", "r", i, { id: `m${i}` });
      const { cursor: since, epoch } = await done(bob, "join", "r");
      assert.equal(epoch, empty.epoch);
      await done(ada, "edit", "r", "m1", "new");
      await done(ada, "delete", "r", "m2");
      await done(bob, "react", "r", "m3", "x", true);
      await done(ada, "publish", "r", 5, { id: "m5" });
      const back = await done(bob, "join", "r", { since });
      assert.deepEqual(back.messages.map(({ id }) => id), ["m5"]);
      const [one] = back.changes;
      assert.deepEqual(back.changes, [
        { id: "m1", seq: 1, version: 2, editedAt: one.editedAt, value: "new" }, { id: "m2", seq: 2, deleted: true }, { id: "m3", seq: 3, value: 3, reactions: { x: { count: 1, mine: true } } },
      ]);
      const all = await done(bob, "join", "r", { since: empty.cursor });
      assert.deepEqual([all.messages.map(({ id }) => id), all.missed], [["m1", "m2", "m3", "m4", "m5"], undefined]);
      const old = await done(bob, "join", "r", { since: "other-1-1", history: 2 });
      assert.deepEqual([old.missed, old.messages.map(({ id }) => id)], [true, ["m4", "m5"]]);
    });

    test("edits of one message from three nodes end in one state", async (t) => {
      const { nodes, sockets } = await people(t, "r", "ada", "mod1", "mod2");
      await done(sockets[0], "publish", "r", 0, { id: "m1" });
      const inboxes = sockets.map((socket) => new Inbox(socket, "edited"));
      const answers = await Promise.all(Array.from({ length: 90 }, (_, i) => done(sockets[i % 3], "edit", "r", "m1", i)));
      assert.equal(new Set(answers.map(({ version }) => version)).size, 90);
      for (const inbox of inboxes) await inbox.count(90);
      const { messages: [kept] } = await done(await as(t, nodes[1], "late"), "join", "r", { history: 1 });
      for (const { items } of inboxes) {
        assert.deepEqual(items.map(([, , { version }]) => version), Array.from({ length: 90 }, (_, i) => i + 2));
        assert.deepEqual(items.at(-1)[1], kept.value);
      }
      const outcomes = await Promise.all(sockets.map((socket, i) => socket.emitWithAck("edit", "r", "m1", `w${i}`, { version: 91 })));
      assert.deepEqual(outcomes.map(({ ok }) => ok).sort(), [false, false, true]);
    });

    test("a ban is in force before a client gets what it missed", async (t) => {
      const config = `${CONFIG.replace(/ *direct: .*\n/, "")}\nrecovery: {enabled: true}\n${shared ? "cluster: {adapter: streams}" : ""}`;
      const nodes = await startCluster(t, shared, config);
      const [ada, mod] = [await as(t, nodes[1], "ada"), await as(t, nodes[2], "mod", moderator("plain"))];
      const bob = await as(t, nodes[0], "bob", {}, { auth: { token: token({ sub: "bob" }) }, reconnection: true, reconnectionDelay: 500, reconnectionDelayMax: 500 });
      for (const socket of [ada, bob]) await done(socket, "join", "plain");
      const heard = new Inbox(bob, "publish");
      const left = new Inbox(bob, "left");
      await done(ada, "publish", "plain", "before");
      await heard.count(1);
      const gone = event(bob, "disconnect");
      bob.io.engine.close();
      await gone;
      await done(mod, "ban", "plain", "bob");
      await done(ada, "publish", "plain", "secret");
      await done(ada, "direct", "bob", "for you");
      const [, value] = await event(bob, "direct");
      assert.deepEqual([value, bob.recovered], ["for you", true]);
      await left.count(1);
      assert.deepEqual([left.items[0][0], left.items[0][1].code], ["plain", "banned"]);
      assert.deepEqual(heard.items.map(([, value]) => value), ["before"]);
      await refused(bob, "banned", "publish", "plain", 1);
      await done(ada, "publish", "plain", "still secret");
      await done(mod, "unban", "plain", "bob");
      await until(async () => (await bob.emitWithAck("join", "plain")).ok, "bob may come back");
      await done(ada, "publish", "plain", "after");
      await heard.count(2);
      assert.deepEqual(heard.items.map(([, value]) => value), ["before", "after"]);
    });

    test("bans of a user who comes back again and again are in force on every node", async (t) => {
      const nodes = await startCluster(t, shared, CONFIG);
      const mod = await as(t, nodes[0], "mod", moderator("*"));
      await done(mod, "join", "r");
      await done(mod, "publish", "r", 1);
      await done(mod, "ban", "r", "bob");
      await done(mod, "mute", null, "eve");
      if (shared) {
        nodes[1].signalled("SIGKILL");
        nodes[1] = await nodes[1].start();
      }
      const attempts = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
        const socket = await as(t, nodes[i % 3], i % 2 ? "bob" : "eve", {}, { auth: { token: token({ sub: i % 2 ? "bob" : "eve" }), rooms: ["r"] } });
        const answer = await socket.emitWithAck("publish", "r", i);
        const history = await socket.emitWithAck("history", "r");
        socket.disconnect();
        return [answer.error?.code, history.error?.code];
      }));
      assert.deepEqual(attempts, attempts.map((_, i) => (i % 2 ? ["banned", "banned"] : ["muted", undefined])));
      assert.equal((await done(mod, "history", "r")).messages.length, 1);
    });
  });
}

test("chorus why names the rule, the bar or the limit that decides", async (t) => {
  const path = await file(t, "chorus.yaml", `${CONFIG}\nevents: {shout: {to: everyone}}\n`);
  const redis = await startRedis(t);
  const env = environment(redis);
  const program = run(t, BINARY, ["serve", "--config", path], env);
  const node = Object.assign(program, await addresses(program));
  const mod = await as(t, node, "mod", moderator("*"));
  const why = async (...args) => {
    const { code, output } = await chorus(t, ["why", "--config", path, ...args], env);
    assert.equal(code, 0, output);
    return output;
  };
  assert.match(await why("--user", "bob", "--room", "r"), /^publish +yes +auth\.defaults\.rooms\.publish "\*"$/m);
  assert.match(await why("--user", "bob", "--room", "plain"), /^history +no: no_history/m);
  const talk = await why("--user", "bob", "--room", "@ada");
  assert.match(talk, /^join +yes +auth\.defaults\.direct true$/m);
  assert.match(talk, /^publish +yes +auth\.defaults\.direct true$/m);
  assert.match(talk, /^moderate +no: forbidden +nobody moderates a conversation$/m);
  assert.match(await why("--user", "bob", "--claim", 'chorus={"direct":false}', "--room", "@ada"), /^publish +no: forbidden +claim chorus\.direct false$/m);
  await done(mod, "mute", "r", "bob", { for: 60, reason: "loud" });
  await done(mod, "ban", "r", "eve", { reason: "rude" });
  await done(mod, "slow", "r", 30);
  assert.match(await why("--user", "bob", "--room", "r"), /^publish +no: muted +you are muted until \d{4}-.*: loud$/m);
  assert.match(await why("--user", "eve", "--room", "r"), /^join +no: banned +you are banned: rude$/m);
  assert.match(await why("--user", "cy", "--room", "r"), /^publish +yes .*slow mode: one message in 30 s$/m);
  await done(mod, "freeze", "r", true);
  assert.match(await why("--user", "cy", "--room", "r"), /^publish +no: frozen/m);
  assert.match(await why("--token", token({ sub: "cy", chorus: { broadcast: false } }), "--event", "shout"), /^event shout +no: forbidden +broadcast: claim chorus\.broadcast false$/m);
  const { verdicts } = JSON.parse(await why("--user", "cy", "--room", "r", "--claim", 'chorus={"rooms":{"join":[]}}', "--json"));
  assert.deepEqual(verdicts.find(({ action }) => action === "join"), { action: "join", allowed: false, code: "forbidden", why: "no pattern of claim chorus.rooms.join" });
  assert.equal((await chorus(t, ["why", "--config", path], env)).code, 2);
});
