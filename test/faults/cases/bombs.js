// Small messages that become large, or many.
import assert from "node:assert/strict";
import { once } from "node:events";
import { constants, deflateRawSync } from "node:zlib";
import { startNode } from "../../harness/chorus.js";
import { join } from "../../harness/client.js";
import { token } from "../../harness/token.js";
import { until, within } from "../../harness/wait.js";
import { attacked, metrics } from "../held.js";
import { inParallel, member, range, sent, session } from "../wire.js";

const MB = 1e6;

// goesOn throws unless an honest client is served.
async function goesOn(t, node) {
  assert.deepEqual(await (await join(t, node.url)).timeout(20_000).emitWithAck("message", "on we go"), { ok: true });
}

// frame returns a WebSocket frame of a client (RFC 6455 section 5.2), masked with zeros.
function frame(payload, first) {
  const head = Buffer.alloc(14);
  head[0] = first;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

const COMPRESSED_TEXT = 0xc1; // the last frame of a message, compressed (RFC 7692 section 6)

// deflated sends a gigabyte of text in a megabyte.
async function deflated(t) {
  const part = deflateRawSync(Buffer.alloc(64 * MB, "x"), { finishFlush: constants.Z_SYNC_FLUSH });
  const bomb = frame(Buffer.concat(range(16).map(() => part)), COMPRESSED_TEXT);
  const node = await startNode(t, undefined, { CHORUS_COMPRESSION: "true" });
  return attacked(node, async (t) => {
    await inParallel(40, 10, async (n) => {
      const socket = await (n % 2 ? member : session)(t, node.url, { compressed: true });
      assert.match(socket.extensions, /permessage-deflate/);
      socket._socket.write(bomb);
      await within(once(socket, "close"), "the end of the client");
    });
    await goesOn(t, node);
    return `40 clients sent ${Math.round(bomb.length / 1e3)} KB that stand for 1 GB, all closed`;
  }, { growth: 100 * MB });
}

const tooDeep = `42["publish","r",${"[".repeat(400_000)}`;
const packets = {
  "deep lists": tooDeep, "deep objects": `42["publish","r",${'{"a":'.repeat(150_000)}`, "many arguments": `42["publish"${",1".repeat(400_000)}]`,
  "many attachments": '459999999-["publish","r"]', "a long name": `42["${"x".repeat(900_000)}"]`, "a long id": `42${"9".repeat(900_000)}["publish"]`,
  "a deep CONNECT": `40/x,{"token":${"[".repeat(60_000)}`, "a long namespace": `42/${"x".repeat(900_000)},["publish"]`, "a long number": `42["publish","r",${"9".repeat(900_000)}]`,
};

async function parsed(t) {
  const node = await startNode(t);
  return attacked(node, async (t) => {
    const kinds = Object.entries(packets);
    await inParallel(kinds.length * 10, 10, async (n) => {
      const [, packet] = kinds[n % kinds.length];
      const socket = await member(t, node.url);
      await sent(socket, packet);
      socket.send('421["join","r"]'); // answered, unless the packet has ended the client
      await within(Promise.race([once(socket, "close"), once(socket, "message")]), "an end or an answer");
    });
    await goesOn(t, node);
    return `${kinds.length * 10} packets of ${kinds.length} kinds`;
  }, { growth: 100 * MB });
}

// bodies are posted by clients of long-polling; each is a megabyte of tiny packets.
async function bodies(t) {
  const node = await startNode(t);
  return attacked(node, async (t) => {
    const url = `${node.url}/socket.io/?EIO=4&transport=polling`;
    const statuses = new Set();
    await inParallel(60, 10, async (n) => {
      const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
      const post = async (body) => {
        const answer = await fetch(`${url}&sid=${sid}`, { method: "POST", body });
        return { status: answer.status, text: await answer.text() };
      };
      assert.equal((await post(`40${JSON.stringify({ token: token() })}`)).status, 200);
      assert.match(await (await fetch(`${url}&sid=${sid}`)).text(), /^40/);
      statuses.add((await post(Array(499_000).fill(["3", "4", "6", "b"][n % 4]).join("\x1e"))).status);
    });
    await goesOn(t, node);
    return `60 bodies of 499,000 packets, answered ${[...statuses].toSorted().join(" or ")}`;
  }, { growth: 150 * MB });
}

// rooms has clients ask for far more rooms than they may have, again and again.
async function rooms(t) {
  const node = await startNode(t);
  return attacked(node, async (t) => {
    const sockets = await Promise.all(range(20).map((n) => member(t, node.url, { sub: `user ${n}` })));
    await inParallel(20, 20, async (n) => {
      for (let room = 0; room < 5000; room++) {
        sockets[n].send(`42["join","flood-${n}-${room}"]`);
        if (room % 100 === 99) await sent(sockets[n], `42["leave","flood-${n}-${room - 1}"]`);
      }
      sockets[n].send(`421["leave","flood-${n}-0"]`);
      const answer = await within(new Promise((resolve) => sockets[n].on("message", (data) => String(data).startsWith("431") && resolve(String(data)))), "an answer", 60_000);
      assert.match(answer, /"ok":true/);
    });
    const most = (await metrics(node)).chorus_rooms;
    assert.ok(most <= 20 * 129, `${most} rooms`); // max_rooms is 128, and each user has a room
    for (const socket of sockets) socket.terminate();
    await until(async () => (await metrics(node)).chorus_rooms === 0, "the end of the rooms");
    return `100,000 rooms asked for, ${most} there at most`;
  });
}

export const bombs = [
  { name: "bomb-deflate", expect: "1 MB that stands for 1 GB of text ends its client; memory grows by less than 100 MB", before: "held", run: deflated },
  { name: "bomb-packets", expect: "packets that are deep, long or numerous in every way: memory grows by less than 100 MB", before: "held", run: parsed },
  { name: "bomb-bodies", expect: "bodies of half a million packets: memory grows by less than 150 MB, the others go on", before: "held", run: bodies },
  { name: "flood-rooms", expect: "20 clients ask for 5,000 rooms each: max_rooms holds, nothing stays", before: "held", run: rooms },
];
