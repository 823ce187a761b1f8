// After any reconnect a client's view of a room equals that of one who was always there: many clients, all events mixed, nodes
// that are killed, connections that break, and no connection state recovery.
import assert from "node:assert/strict";
import { test } from "node:test";
import { as, done, moderator, startCluster } from "./harness/chat.js";
import { settled, View } from "./harness/view.js";

const CONFIG = `
chat:
  rooms: [{match: "*", history: {messages: 100000}}]
`;
const SECONDS = Number(process.env.CHAOS_SECONDS ?? 10);
const VIEWERS = Number(process.env.CHAOS_CLIENTS ?? 50);

const pick = (list) => list[Math.floor(Math.random() * list.length)];

for (const shared of [true, false]) {
  test(`${VIEWERS} clients see the same after ${SECONDS} s of chaos: ${shared ? "three nodes with Redis" : "one node"}`, { timeout: (SECONDS + 120) * 1000 }, async (t) => {
    const cluster = await startCluster(t, shared, CONFIG);
    const nodes = shared ? [...cluster] : [cluster[0]];
    const steady = await as(t, nodes[0], "mod", moderator("*"));
    await done(steady, "join", "r");
    const moderators = await Promise.all([1, 2, 3, 4, 5].map((i) => as(t, nodes[0], `mod${i}`, moderator("*"))));
    const views = Array.from({ length: VIEWERS }, (_, i) => new View(t, "r", `u${i}`, nodes));
    const witness = new View(t, "r", "witness", [nodes[0]]);
    const all = [witness, ...views];
    await settled(all);

    const ids = [];
    const end = Date.now() + SECONDS * 1000;
    let count = 0;
    const running = () => Date.now() < end;
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const ask = (socket, ...request) => socket.timeout(3000).emitWithAck(...request).catch(() => ({ ok: false }));

    // What users do, each through a connection that may break.
    const user = async (view, n) => {
      while (running()) {
        await pause(Math.random() * 60);
        const { socket } = view;
        if (!view.joined) continue;
        const id = pick(ids);
        switch (Math.floor(Math.random() * 6)) {
          case 0: case 1: {
            const own = `m${n}-${++count}`;
            if ((await ask(socket, "publish", "r", { text: own }, { id: own })).ok) ids.push(own);
            break;
          }
          case 2: if (id) await ask(pick(moderators), "edit", "r", id, { text: `edited ${++count}` }); break;
          case 3: if (id && Math.random() < 0.2) await ask(pick(moderators), "delete", "r", id); break;
          default: if (id) await ask(socket, "react", "r", id, pick(["+1", "-1", "x"]), Math.random() < 0.7);
        }
      }
    };
    const writer = async (n) => {
      const socket = await as(t, nodes[0], `writer${n}`);
      await done(socket, "join", "r");
      while (running()) {
        const id = `t${n}-${++count}`;
        const words = 5 + Math.floor(Math.random() * 40);
        for (let i = 0; i < words; i++) {
          await pause(20 + Math.random() * 20);
          await ask(socket, "append", "r", id, `w${i} `, i === words - 1 ? { done: true } : {});
        }
        ids.push(id);
      }
    };
    const breaker = async () => {
      while (running()) {
        await pause(30);
        pick(views).drop();
      }
    };
    const killer = async () => {
      while (shared && running()) {
        await pause(Math.min(3000, SECONDS * 300));
        const victim = nodes[1 + Math.floor(Math.random() * (nodes.length - 1))];
        victim.signalled("SIGKILL");
        nodes.splice(nodes.indexOf(victim), 1);
        nodes.push(await victim.start());
      }
    };
    await Promise.all([...views.slice(0, 10).map(user), writer(1), writer(2), breaker(), killer()]);

    await settled(all);
    const last = await done(steady, "publish", "r", "the end", { id: "end" });
    await settled(all);
    const fresh = new View(t, "r", "fresh", [nodes[0]]);
    await settled([fresh]);
    assert.ok(witness.messages.size > SECONDS * 5, `${witness.messages.size} messages`);
    assert.equal(last.seq, witness.state().at(-1)[1]);
    const expected = JSON.stringify(witness.state());
    for (const view of views) {
      if (view.hash() !== witness.hash()) {
        const [mine, right] = [view.state(), witness.state()];
        const i = right.findIndex((message, j) => JSON.stringify(message) !== JSON.stringify(mine[j]));
        assert.fail(`${view.sub} has ${mine.length} of ${right.length} messages, ${view.gaps} gaps: ${JSON.stringify(mine[i])} for ${JSON.stringify(right[i])}`);
      }
    }
    const kept = fresh.state();
    assert.deepEqual(JSON.parse(expected).slice(-kept.length), JSON.parse(JSON.stringify(kept)), "a client that comes late");
  });
}
