// What is no message of a server, on every channel and in every stream that somebody listens to.
import { encode } from "notepack.io";
import { createClient } from "redis";
import { cleanup } from "./cleanup.js";

const event = { type: 2, data: ["hello", "malformed"], nsp: "/" };
const opts = { rooms: [], except: [], flags: {} };

// loose returns the packet of a message that is odd, but that JavaScript takes for what it stands for.
const loose = (text) => ({ ...event, data: ["hello", text] });

// Objects, which are sent as JSON and as MessagePack.
const objects = [
  {}, { type: null }, { type: "3" }, { type: 99, uid: "u", nsp: "/", data: {} },
  { uid: "u", nsp: ["/"], type: 3, data: { packet: event, opts } }, { uid: "u", nsp: "/", type: 3 }, { uid: "u", nsp: "/", type: 3, data: null },
  { uid: "u", nsp: "/", type: 3, data: { packet: event } }, { uid: "u", nsp: "/", type: 3, data: { packet: { type: 2, data: [] }, opts } },
  { uid: "u", nsp: "/", type: 3, data: { packet: { type: 0, data: event.data }, opts } },
  { uid: "u", nsp: "/", type: 7, data: {} },
  { uid: "u", nsp: "/", type: 8, data: { requestId: [], sockets: 7 } }, { uid: "u", nsp: "/", type: 9, data: { packet: [] } }, { uid: "u", nsp: "/", type: 9, data: { packet: [7] } },
  { uid: "u", nsp: "/", type: 9, data: { packet: ["connection", {}] } }, { uid: "u", nsp: "/", type: 11, data: { requestId: "r", clientCount: -1 } },
  // Well-formed, but of a namespace that is not the channel's.
  { uid: "u", nsp: "/other", type: 3, data: { packet: event, opts } }, { uid: "u", nsp: "/other", type: 6, data: { opts, close: true } },
  // Requests of the classic adapter.
  { uid: "u", type: 4, opts: { rooms: [{}], except: [] }, close: true }, { uid: "u", type: 6, data: [] }, { uid: "u", type: 6, data: "note" }, { uid: "u", type: 6, data: ["connection", {}] },
  { uid: "u", requestId: "q", type: 7, packet: { type: 2, data: [] }, opts }, { uid: "u", requestId: "q", type: 7, packet: event, opts: { rooms: 7 } },
];
const looseFrames = [
  { uid: 7, nsp: "/", type: 3, data: { packet: loose("a number as uid"), opts } }, { uid: "u", nsp: "/", type: 3, data: { packet: loose("a text as rooms"), opts: { rooms: "r" } } },
  { uid: "u", nsp: "/", type: 3, data: { packet: loose("a number as request id"), opts, requestId: 7 } },
];
const looseBroadcasts = [["u", loose("a list as options"), []], ["u", loose("a text as rooms"), { rooms: "r" }], [7, loose("a number as uid"), opts]];

const payloads = [
  "", "{", "[", "null", "true", "7", '"text"', "[1,2,3]", '{"type":3', `{"uid":"u","nsp":"/","type":3,"data":${"[".repeat(20_000)}`,
  ...["80c1", "c1", "90", "93", "93a175", "93a175c0", "93a175dfffffffff", "ddffffffff", "dfffffffff", "c4ff", "d9ff61", "ff"].map((hex) => Buffer.from(hex, "hex")),
  Buffer.alloc(100_000, 0x91),
  ...[["u"], ["u", event], ["u", [], opts], ["u", { ...event, data: [] }, opts], ["u", { ...event, nsp: "/other" }, opts]].map(encode),
  ...objects.flatMap((object) => [JSON.stringify(object), encode(object)]),
].map((payload) => Buffer.from(payload));
const loosePayloads = [...looseBroadcasts.map(encode), ...looseFrames.flatMap((frame) => [JSON.stringify(frame), encode(frame)])].map((payload) => Buffer.from(payload));

// entries are what is no entry of a server.
const entries = [
  { nothing: "of this" }, { nsp: "/" }, { nsp: "/", type: "3" }, { nsp: "/", type: "three", data: "{}" }, { uid: "u", nsp: "/", type: "99", data: "{}" },
  ...["{", "%%%", "gA==", "wQ==", "null", "[]", Buffer.alloc(100_000, 0x91).toString("base64")].map((data) => ({ uid: "u", nsp: "/", type: "3", data })),
  ...[...objects, ...looseFrames].filter(({ uid, nsp, data }) => uid === "u" && nsp === "/" && data).map(({ uid, nsp, type, data }) => ({ uid, nsp, type: String(type), data: JSON.stringify(data) })),
];

const texts = (packets) => packets.map(({ data: [, text] }) => text).toSorted();

// publishMalformed returns how many channels there were, how many malformed messages were sent on each, and the texts of
// those that are odd and count all the same: as broadcasts of the classic adapter, and as frames of the others.
export async function publishMalformed(t, redis, streams) {
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.close());
  const plain = (await client.pubSubChannels()).filter((name) => !name.includes("-auth") && !name.includes("-probe"));
  if (await client.pubSubNumPat() > 0) plain.push("socket.io#/#", "socket.io#/#r#", "socket.io#/#a#b#"); // the patterns of the classic adapter
  const sharded = await client.pubSubShardChannels();
  for (const payload of [...payloads, ...loosePayloads]) {
    for (const channel of plain) await client.publish(channel, payload);
    for (const channel of sharded) await client.sPublish(channel, payload);
  }
  for (const stream of streams) {
    for (const entry of entries) await client.xAdd(stream, "*", entry);
  }
  return { channels: plain.length + sharded.length, payloads: payloads.length, broadcasts: texts(looseBroadcasts.map(([, packet]) => packet)), frames: texts(looseFrames.map(({ data: { packet } }) => packet)) };
}
