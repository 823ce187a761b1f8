// A client with the option retries says everything exactly once, although acknowledgements are lost on their way.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { as, done, startCluster } from "./harness/chat.js";
import { cleanup } from "./harness/cleanup.js";
import { connected, Inbox, open } from "./harness/client.js";
import { token } from "./harness/token.js";

const CONFIG = `
chat:
  rooms:
    - match: "kept"
      history: {messages: 100000}
`;
const SENDS = Number(process.env.RETRY_SENDS ?? 1000);
const LOSS = 0.04;

// lossyProxy passes bytes on to nodes in turn, and sometimes breaks a connection instead of passing on what a node has sent.
async function lossyProxy(t, nodes) {
  let turn = 0;
  const proxy = { lossy: false, broken: 0 };
  const server = createServer((client) => {
    const { port } = new URL(nodes[turn++ % nodes.length].url);
    const node = connect(Number(port), "127.0.0.1");
    const end = () => {
      client.destroy();
      node.destroy();
    };
    for (const socket of [client, node]) socket.on("error", end).on("close", end);
    client.on("data", (data) => node.write(data));
    node.on("data", (data) => {
      if (proxy.lossy && Math.random() < LOSS) {
        proxy.broken++;
        end();
      } else {
        client.write(data);
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup(t, () => server.close());
  return Object.assign(proxy, { url: `http://127.0.0.1:${server.address().port}` });
}

for (const shared of [true, false]) {
  for (const room of ["kept", "not kept"]) {
    const sends = room === "kept" ? SENDS : SENDS / 4;
    const title = `${sends} messages through a proxy that loses answers, room "${room}": ${shared ? "three nodes with Redis" : "one node"}`;
    test(title, { timeout: 60_000 + SENDS * 100 }, async (t) => {
      const nodes = await startCluster(t, shared, CONFIG);
      const listener = await as(t, nodes[0], "listener");
      await done(listener, "join", room);
      const heard = new Inbox(listener, "publish");
      const proxy = await lossyProxy(t, nodes);
      const sender = open(t, proxy.url, {
        auth: { token: token({ sub: "sender" }), rooms: [room] }, reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 5, retries: 100, ackTimeout: 2000,
      });
      await connected(sender);
      proxy.lossy = true;
      const answers = await Promise.all(Array.from({ length: sends }, (_, i) => sender.emitWithAck("publish", room, i, { id: `m${i}` })));
      proxy.lossy = false;
      await heard.count(sends);
      await done(listener, "publish", room, "the end");
      await heard.until((items) => items.at(-1)[1] === "the end", "the end");
      assert.ok(proxy.broken > sends * LOSS / 4, `${proxy.broken} connections were broken`);
      assert.deepEqual(heard.items.map(([, value]) => value), [...Array(sends).keys(), "the end"]);
      for (const [i, answer] of answers.entries()) {
        const { id, at, seq, cursor } = heard.items[i][2];
        assert.deepEqual(answer, room === "kept" ? { ok: true, id, at, seq, cursor } : { ok: true, id, at });
      }
    });
  }
}
