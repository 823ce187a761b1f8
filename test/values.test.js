// The chat contract: message with any JSON value, heard unchanged on this node and on another one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startNode, startNodes } from "./harness/chorus.js";
import { Inbox, join } from "./harness/client.js";
import { startRedis } from "./harness/redis.js";

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
