// The unit for systemd, and what a node tells systemd (sd_notify).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BINARY, environment, startNode } from "./harness/chorus.js";
import { join } from "./harness/client.js";
import { run } from "./harness/program.js";
import { freePort } from "./harness/redis.js";
import { until } from "./harness/wait.js";

// The datagrams are received by Python: Node.js has no such sockets.
const RECEIVER = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound", flush=True)
while True: print(s.recv(4096).decode().replace("\\n", " "), flush=True)`;

test("the unit of deploy/ is one that systemd takes as it is", { skip: spawnSync("systemd-analyze", ["--version"]).error && "no systemd" }, async (t) => {
  const folder = mkdtempSync(path(tmpdir(), "unit-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const unit = readFileSync(fileURLToPath(new URL("../deploy/chorus.service", import.meta.url)), "utf8");
  assert.ok(unit.includes("ExecStart=/usr/local/bin/chorus serve"));
  writeFileSync(path(folder, "chorus.service"), unit.replaceAll("/usr/local/bin/chorus", BINARY));
  const check = run(t, "systemd-analyze", ["verify", path(folder, "chorus.service")]);
  assert.equal(await check.exited, 0, check.output);
  assert.equal(check.output, "");
});

test("the socket may be that of systemd", { skip: spawnSync("systemd-socket-activate", ["--version"]).error && "no systemd" }, async (t) => {
  const port = await freePort();
  const systemd = run(t, "systemd-socket-activate", ["-l", `127.0.0.1:${port}`, ...Object.keys(environment()).map((name) => `--setenv=${name}`), BINARY, "serve"], environment());
  await until(async () => systemd.ended || (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => ({}))).ok, "the node behind the socket");
  const ada = await join(t, `http://127.0.0.1:${port}`);
  assert.deepEqual(await ada.emitWithAck("message", "hello"), { ok: true });
});

test("ready, reloading, watchdog, stopping", async (t) => {
  const folder = mkdtempSync(path(tmpdir(), "notify-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const socket = path(folder, "socket");
  const systemd = run(t, "python3", ["-c", RECEIVER, socket]);
  const told = (text) => systemd.line((line) => (line.startsWith(text) ? line : undefined), text);
  await told("bound");
  const node = await startNode(t, undefined, { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "300000" });
  await told("READY=1");
  await told("WATCHDOG=1");
  node.signalled("SIGHUP");
  assert.match(await told("RELOADING=1"), /MONOTONIC_USEC=\d+/);
  assert.equal(await node.stop(), 0);
  await told("STOPPING=1");
});
