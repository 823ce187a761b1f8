// Ten thousand users of one room.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { as, done, startCluster } from "../../harness/chat.js";
import { cleanup } from "../../harness/cleanup.js";
import { until } from "../../harness/wait.js";
import { attacked } from "../held.js";
import { ask, inParallel, member, range } from "../wire.js";

const USERS = Number(process.env.STORM_USERS ?? 10_000);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const count = (n) => n.toLocaleString("en");

// listed returns the users of a room, by all pages.
async function listed(socket, room) {
  const users = new Set();
  let page = {};
  do {
    page = await done(socket, "presence", room, { limit: 1000, ...(page.next ? { cursor: page.next } : {}) });
    for (const { id } of page.users) users.add(id);
  } while (page.next);
  return users;
}

const same = (set, list) => set.size === list.length && list.every((one) => set.has(one));

// presence has all users join a room within ten seconds. Watchers hear it, and a list has exactly these users; then a node dies.
async function presence(t) {
  const nodes = await startCluster(t, true, 'chat: {rooms: [{match: "*", presence: true}]}\n');
  return attacked(nodes[0], async (t) => {
    const home = (n) => nodes[n % 3];
    const sockets = [];
    await inParallel(USERS, 60, async (n) => {
      sockets[n] = await member(t, home(n).url, { sub: `u${n}` });
    });
    const watchers = await Promise.all(range(20).map((n) => as(t, nodes[n % 2], `watcher${n}`)));
    for (const watcher of watchers) {
      Object.assign(watcher, { packets: 0, bytes: 0, told: 0 });
      watcher.io.engine.on("packet", ({ data }) => {
        if (typeof data !== "string" || !data.includes('"presence"')) return;
        watcher.packets++;
        watcher.bytes += data.length;
      });
      watcher.on("presence", (_, diff) => (watcher.told = diff.count));
      await done(watcher, "join", "r", { presence: true });
    }
    const start = Date.now();
    const due = 10_000 / USERS; // ms between two joins
    for (const [n, socket] of sockets.entries()) {
      const early = start + n * due - Date.now();
      if (early > 1) await sleep(early);
      socket.send('42["join","r"]');
    }
    const sent = Date.now() - start;
    const everybody = [...range(USERS).map((n) => `u${n}`), ...range(20).map((n) => `watcher${n}`)];
    await until(async () => (await done(watchers[0], "presence", "r", { limit: 1 })).count === everybody.length, "all users", 60_000);
    const whole = Date.now() - start;
    assert.ok(same(await listed(watchers[0], "r"), everybody), "the list has exactly the users of the room");
    await until(() => watchers.every(({ told }) => told === everybody.length), "the last count", 10_000);
    const [packets, bytes] = ["packets", "bytes"].map((key) => Math.max(...watchers.map((watcher) => watcher[key])));
    assert.ok(bytes < 2_000_000, `${bytes} bytes for a watcher`);

    // The node of every third user dies.
    const killed = Date.now();
    await nodes[2].stop("SIGKILL");
    const left = everybody.filter((id) => !id.startsWith("u") || Number(id.slice(1)) % 3 !== 2);
    await until(async () => (await done(watchers[0], "presence", "r", { limit: 1 })).count === left.length, "the users of the dead node to leave", 60_000);
    const gone = Date.now() - killed;
    assert.ok(same(await listed(watchers[0], "r"), left), "the list has exactly the users that are left");
    for (const socket of sockets) socket.terminate();
    return `${count(USERS)} joins sent in ${seconds(sent)}, all listed after ${seconds(whole)}; a watcher got at most ${packets} packets, ${count(bytes)} bytes; `
      + `after SIGKILL the list was exact again after ${seconds(gone)}`;
  });
}

// writes returns how many commands that write Redis has carried out.
async function writes(client) {
  const stats = await client.info("commandstats");
  let sum = 0;
  for (const [, name, calls] of stats.matchAll(/^cmdstat_([a-z|]+):calls=(\d+)/gm)) if (/^(xadd|h(m|del|incrby)?set|hset|hdel|hincrby|set|setex|zadd|zrem|sadd|srem|incr|del|expire|pexpire)$/.test(name)) sum += Number(calls);
  return sum;
}

// unread has members with markers, of whom most are away, while others publish a hundred messages a second.
async function unread(t) {
  const nodes = await startCluster(t, true, 'chat: {rooms: [{match: "*", history: {messages: 100000}}]}\n');
  const redis = createClient({ url: nodes[0].redis.url });
  await redis.connect();
  cleanup(t, () => redis.close());
  return attacked(nodes[0], async (t) => {
    const speakers = await Promise.all(range(10).map((n) => as(t, nodes[n % 3], `speaker${n}`)));
    for (const speaker of speakers) await done(speaker, "join", "r");
    await done(speakers[0], "publish", "r", { text: "first" });
    await inParallel(USERS, 60, async (n) => {
      const socket = await member(t, nodes[n % 3].url, { sub: `u${n}` });
      await ask(socket, ["join", "r"]);
      const answer = await ask(socket, ["read", "r", 1]);
      assert.equal(answer.ok, true, JSON.stringify(answer));
      socket.close();
    });
    const tabs = await Promise.all(range(200).map((n) => as(t, nodes[n % 3], `u${n % 100}`))); // two of each of a hundred users
    for (const tab of tabs) await done(tab, "join", "r");

    const before = await writes(redis);
    const start = Date.now();
    const sent = [];
    for (const n of range(1000)) {
      const early = start + n * 10 - Date.now();
      if (early > 1) await sleep(early);
      sent.push(done(speakers[n % 10], "publish", "r", n % 50 ? { text: n } : { text: n, mentions: ["u7"] }, n % 50 ? {} : { mentions: ["u7"] }));
    }
    const took = (await Promise.all(sent), Date.now() - start);
    const perMessage = (await writes(redis) - before) / 1000;

    const wrong = [];
    const check = (sub, { rooms: [{ unread, mentions }] }) => {
      if (unread !== 1000 || mentions !== (sub === "u7" ? 20 : 0)) wrong.push(`${sub}: ${unread}, ${mentions}`);
    };
    for (const [n, tab] of tabs.entries()) check(`u${n % 100}`, await done(tab, "unread", { rooms: ["r"] }));
    await inParallel(1000, 30, async (n) => {
      const sub = `u${100 + n * Math.floor((USERS - 100) / 1000)}`;
      const socket = await member(t, nodes[n % 3].url, { sub });
      check(sub, await ask(socket, ["unread", { rooms: ["r"] }]));
      socket.close();
    });
    assert.deepEqual(wrong.slice(0, 5), []);

    // One tab reads: both have the same badge.
    await done(tabs[0], "read", "r", 501);
    for (const tab of [tabs[0], tabs[100]]) assert.equal((await done(tab, "unread", { rooms: ["r"] })).rooms[0].unread, 500);
    assert.ok(perMessage < 20, `${perMessage} writes for a message`);
    return `1,000 messages in ${seconds(took)} to a room with ${count(USERS)} members: the badges of 200 tabs and of 1,000 members that were away are right; `
      + `${perMessage.toFixed(1)} commands that write for a message, by speakers and node housekeeping, none for a member`;
  });
}

export const storms = [
  { name: "presence-storm", expect: "10,000 users join one room within 10 s: the list is exact, at most 2 MB for a watcher; exact again after SIGKILL of a node", before: "", run: presence, ms: 600_000 },
  { name: "unread-storm", expect: "10,000 members, 100 messages a second: each badge is right, no write for a member", before: "", run: unread, ms: 600_000 },
];
