// A node whose descriptors or whose log are full.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { test } from "node:test";
import { BINARY, environment, startNode } from "./harness/chorus.js";
import { cleanup } from "./harness/cleanup.js";
import { join } from "./harness/client.js";
import { file } from "./harness/file.js";
import { run } from "./harness/program.js";
import { freePort } from "./harness/redis.js";
import { until, within } from "./harness/wait.js";
import { inParallel, dial } from "./faults/wire.js";

test("400 connections that never end shut nobody out of a node with 200 descriptors", async (t) => {
  const node = await startNode(t, undefined, {}, { descriptors: 200 });
  for (const head of ["POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "GET /"]) {
    await inParallel(200, 50, async () => (await dial(t, node.url)).write(head));
    assert.equal((await fetch(`${node.admin}/readyz`)).status, 200);
  }
  assert.deepEqual(await (await join(t, node.url)).emitWithAck("message", 1), { ok: true });
});

// fullPipe returns the path of a pipe that takes no byte more.
async function fullPipe(t) {
  const path = `${await file(t, "keep", "")}.pipe`;
  execFileSync("mkfifo", [path]);
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  cleanup(t, () => closeSync(pipe));
  for (const bytes of [65_536, 1]) {
    try {
      for (;;) writeSync(pipe, Buffer.alloc(bytes, "\n"));
    } catch (err) {
      if (err.code !== "EAGAIN") throw err;
    }
  }
  return path;
}

test("a log that blocks stops neither a node nor its end", async (t) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = environment(undefined, { CHORUS_LISTEN: `127.0.0.1:${port}`, CHORUS_LOG_LEVEL: "debug" });
  const node = run(t, "sh", ["-c", 'exec "$0" serve 2>"$1"', BINARY, await fullPipe(t)], env);
  await until(() => fetch(`${url}/healthz`).then(({ status }) => status === 200, () => false), "a node that lives");
  for (let i = 0; i < 20; i++) assert.equal((await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { Origin: "https://evil.example" } })).status, 403);
  assert.deepEqual(await (await join(t, url)).emitWithAck("message", 1), { ok: true });
  node.signalled("SIGTERM");
  assert.equal(await within(node.exited, "the end"), 0);
});
