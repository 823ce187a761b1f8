// The chat contract: message with any JSON value, heard unchanged on this node and on another one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startNode, startNodes } from "./harness/chorus.js";
import { Inbox, join } from "./harness/client.js";
import { startNodePeer } from "./harness/peers.js";
import { joinRaw } from "./harness/raw.js";
import { startRedis } from "./harness/redis.js";
import { until } from "./harness/wait.js";

const deep = (n) => (n === 0 ? "bottom" : [deep(n - 1)]);

const values = {
  text: "hello", "empty text": "", emoji: "👩‍👩‍👧 \u0000 \u2028 ünïcödé", "long text": "x".repeat(100_000),
  true: true, false: false, null: null, zero: 0, "a fraction": 0.1, "a small number": 5e-324, "a large number": 1.7976931348623157e308,
  "the largest whole number": Number.MAX_SAFE_INTEGER, "the smallest": Number.MIN_SAFE_INTEGER, "beyond them": 2 ** 62, negative: -1,
  "empty list": [], "empty object": {}, object: { b: 1, a: [{ c: null }], "": {}, __proto: 1, "7": 8 }, deep: deep(100),
  "what looks like binary": { _placeholder: "no", num: 0 }, "an event": ["message", 1], binary: Buffer.from([0, 255, 1]),
  "binary inside": { picture: Buffer.alloc(50_000, 3), list: [Buffer.alloc(0), "text"] },
};

for (const transport of ["websocket", "polling"]) {
  test(`values over ${transport}`, async (t) => {
    const [one, two] = await startNodes(t, 2, await startRedis(t));
    const transports = [transport];
    const speaker = await join(t, one.url, { transports });
    const listeners = [speaker, await join(t, one.url, { transports }), await join(t, two.url, { transports })].map((s) => new Inbox(s, "message"));
    for (const [name, value] of Object.entries(values)) {
      assert.deepEqual(await speaker.timeout(10_000).emitWithAck("message", value), { ok: true }, name);
      for (const inbox of listeners) assert.deepEqual((await inbox.count(1)).splice(0), [[value]], name);
    }
  });
}

// What a client writes, and what comes out for a client of another node and of a Node.js server: as
// written, unless there is something else.
const texts = {
  "25 digits": { written: "1234567890123456789012345", node: "1.2345678901234568e+24" },
  "25 digits inside": { written: '{"n":[1234567890123456789012345,{"m" : 1}]}', node: '{"n":[1.2345678901234568e+24,{"m":1}]}' },
  "25 digits behind the point": { written: "0.1234567890123456789012345", node: "0.12345678901234568" },
  "the largest integer of 64 bits": { written: "18446744073709551615", node: "18446744073709552000" },
  "beyond 2^53": { written: "[9007199254740993,-9223372036854775808]", node: "[9007199254740992,-9223372036854776000]" },
  "the order of keys": { written: '{"b":1,"a":{"d":2,"c":3}}' },
  "the order of keys that are numbers": { written: '{"b":1,"7":2,"1":3}', node: '{"1":3,"7":2,"b":1}' },
  "a key twice": { written: '{"a":1,"a":2}', node: '{"a":2}' },
  "negative zero": { written: "[-0,{\"z\":-0}]", node: '[0,{"z":0}]' },
  "beyond a double": { written: '["before",1e400,-1e400,"after"]', node: '["before",null,null,"after"]' },
  "smaller than a double": { written: "1e-400", node: "0" },
  "half of a surrogate pair": { written: '"\\ud800"', node: '"\ufffd"' },
  "another way to write a number": { written: "[1.50,1e3,1E-7]", other: "[1.5,1000,1e-7]" },
  "another way to write a text": { written: '"\\u0041\\/\\u00e9"', other: '"A/é"' },
  "space between": { written: ' { "a" : [ 1 , 2 ] } ', here: '{ "a" : [ 1 , 2 ] }', other: '{"a":[1,2]}' },
};

test("what clients write, as text", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await startNodes(t, 2, redis);
  const node = await startNodePeer(t, redis);
  await until(async () => (await node.serverCount()) === 3, "three servers");
  const [speaker, here, there, foreign] = await Promise.all([one, one, two, node].map(({ url }) => joinRaw(t, url)));
  for (const [name, text] of Object.entries(texts)) {
    const written = text.here ?? text.written;
    const other = text.other ?? written;
    speaker.send(`427["message",${text.written}]`);
    const answers = [await speaker.next(), await speaker.next()].sort();
    assert.deepEqual(answers, [`42["message",${written}]`, '437[{"ok":true}]'], `${name}: the speaker`);
    assert.equal(await here.next(), `42["message",${written}]`, `${name}: the same node`);
    assert.equal(await there.next(), `42["message",${other}]`, `${name}: another node`);
    assert.equal(await foreign.next(), `42["message",${text.node ?? other}]`, `${name}: a Node.js server`);
  }
});

test("binary beside numbers, as frames", async (t) => {
  const [one, two] = await startNodes(t, 2, await startRedis(t));
  const [speaker, here, there] = await Promise.all([one, one, two].map(({ url }) => joinRaw(t, url)));
  const frame = (n) => `451-["message",{"bytes":{"_placeholder":true,"num":0},"n":${n}}]`;
  speaker.send(frame("[18446744073709551615,1234567890123456789012345,1e400]"));
  speaker.socket.send(Buffer.from([1, 2]));
  assert.equal(await here.next(), frame("[18446744073709551615,1234567890123456789012345,1e400]"));
  assert.deepEqual(await here.next(), Buffer.from([1, 2]));
  // An object that holds an attachment is a value to the other node: its numbers are 64 bits.
  assert.equal(await there.next(), frame("[18446744073709551615,1.2345678901234568e+24,null]"));
  assert.deepEqual(await there.next(), Buffer.from([1, 2]));
});

test("what is not one value is refused, and nobody hears it", async (t) => {
  const node = await startNode(t);
  const speaker = await join(t, node.url);
  const inbox = new Inbox(speaker, "message");
  for (const args of [[], ["a", "b"]]) {
    const { ok, error } = await speaker.timeout(10_000).emitWithAck("message", ...args);
    assert.equal(ok, false);
    assert.equal(error.code, "bad_request");
    assert.ok(error.message);
  }
  await speaker.timeout(10_000).emitWithAck("message", "fence");
  assert.deepEqual(await inbox.count(1), [["fence"]]);
});
