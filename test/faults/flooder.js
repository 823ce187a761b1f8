// A program that floods a node: COUNT clients, each RATE messages a second, until it is ended. It is a process of its own, so
// that honest clients are not measured by a process that is busy.
import { scope } from "./scope.js";
import { frames, inParallel, member, range } from "./wire.js";

const { NODE, COUNT, RATE } = process.env;
const PARTS = 20; // of a second

await scope(async (t) => {
  const sockets = new Array(Number(COUNT));
  const [part, size] = [Number(RATE) / PARTS, {}];
  const enter = async (n) => {
    sockets[n] = await member(t, NODE, { sub: `flooder ${n}` });
    sockets[n].send(`42["join","flood-${n}"]`);
    sockets[n].once("close", () => setTimeout(() => enter(n).catch(() => {}), 100)); // back at once, as an attacker would
  };
  await inParallel(sockets.length, 20, enter);
  for (const n of range(sockets.length)) size[n] = frames(`42["publish","flood-${n}","x"]`, part);
  console.log("flooding");
  let sent = 0;
  setInterval(() => {
    for (const [n, socket] of sockets.entries()) {
      const tcp = socket._socket;
      if (socket.readyState !== 1 || tcp.writableNeedDrain) continue; // closed, or held back
      tcp.write(size[n]);
      sent += part;
    }
  }, 1000 / PARTS);
  setInterval(() => console.log(`sent ${sent}`), 1000);
  await new Promise(() => {});
});
