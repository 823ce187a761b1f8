// Machines that sleep, clocks that jump, disks that are full.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import { BINARY, environment, startNodes } from "../../harness/chorus.js";
import { cleanup } from "../../harness/cleanup.js";
import { connected, Inbox, join, open } from "../../harness/client.js";
import { Program, run } from "../../harness/program.js";
import { freePort, startRedis } from "../../harness/redis.js";
import { token } from "../../harness/token.js";
import { until } from "../../harness/wait.js";
import { attacked } from "../held.js";
import { inParallel, range, session } from "../wire.js";

const SLEEP_MS = 30_000;
const CLOCK = fileURLToPath(new URL("../clock.c", import.meta.url));

// asleep halts a node, as a laptop does that is closed, for longer than its lease and its clients wait.
async function asleep(t) {
  const redis = await startRedis(t);
  const [awake, sleeper] = await startNodes(t, 2, redis, { CHORUS_PING_INTERVAL: "5s", CHORUS_PING_TIMEOUT: "5s" });
  return attacked(awake, async (t) => {
    const listener = await join(t, awake.url);
    const heard = new Inbox(listener, "message");
    const client = open(t, sleeper.url, { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500 });
    await connected(client);
    await sleeper.halt();
    await sleep(SLEEP_MS);
    assert.deepEqual(await listener.timeout(20_000).emitWithAck("message", "meanwhile"), { ok: true });
    sleeper.signalled("SIGCONT");
    const start = Date.now();
    await until(async () => client.connected && (await client.timeout(1000).emitWithAck("message", "awake").catch(() => ({}))).ok, "the client");
    const back = Date.now() - start;
    await until(async () => (await fetch(`${sleeper.url}/readyz`).catch(() => ({}))).ok, "the node to be ready");
    await heard.until((items) => items.some(([value]) => value === "awake"), "the message of the node that slept");
    return `${SLEEP_MS / 1000} s of sleep; its client is back ${back} ms after it, messages pass both ways`;
  });
}

// clocks has the clock of Redis jump, by an hour forwards and by two back. Nodes take all times of the cluster from there.
async function clocks(t) {
  const folder = mkdtempSync(path(tmpdir(), "clock-"));
  cleanup(t, () => rmSync(folder, { recursive: true }));
  const compiler = run(t, "cc", ["-shared", "-fPIC", "-O1", "-o", path(folder, "clock.so"), CLOCK]);
  assert.equal(await compiler.exited, 0, compiler.output);
  const offset = (seconds) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    writeFileSync(path(folder, "offset"), bytes, { flag: "r+" });
  };
  writeFileSync(path(folder, "offset"), Buffer.alloc(8));
  const port = await freePort();
  const redis = run(t, "redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", ""], { LD_PRELOAD: path(folder, "clock.so"), CLOCK_OFFSET: path(folder, "offset") });
  await redis.line((line) => (line.includes("Ready to accept connections") ? true : undefined), "Redis");
  const control = createClient({ url: `redis://127.0.0.1:${port}` });
  await control.connect();
  cleanup(t, () => control.close());
  const settings = { CHORUS_CLUSTER_ADAPTER: "streams", CHORUS_RECOVERY_ENABLED: "true", CHORUS_AUTH_MAX_CONNECTIONS: "3" };
  const nodes = await startNodes(t, 2, { url: `redis://127.0.0.1:${port}` }, settings);
  return attacked(nodes[0], async (t) => {
    const [speaker, listener] = [await join(t, nodes[0].url), await join(t, nodes[1].url)];
    const heard = new Inbox(listener, "message");
    const acknowledged = [];
    let [n, refused] = [0, 0];
    const talk = async (ms) => {
      for (const end = Date.now() + ms; Date.now() < end; n++) {
        const answer = await speaker.timeout(10_000).emitWithAck("message", n).catch(() => ({}));
        if (answer.ok) acknowledged.push(n);
        else refused++;
        await sleep(20);
      }
    };
    await talk(2000);
    for (const jump of [3600, -3600]) {
      offset(jump);
      assert.ok(Math.abs(Number((await control.sendCommand(["TIME"]))[0]) - jump - Date.now() / 1000) < 5, "the clock of Redis");
      await talk(10_000);
      for (const node of nodes) await until(async () => (await fetch(`${node.url}/readyz`)).ok, `a ready node after ${jump}`);
      const third = await join(t, nodes[1].url); // ada has two connections: they count as before
      third.disconnect();
    }
    await until(() => {
      const values = new Set(heard.items.map(([value]) => value));
      return acknowledged.every((value) => values.has(value));
    }, "all acknowledged messages");
    assert.ok(acknowledged.length > 100, `${acknowledged.length} acknowledged`);
    return `${acknowledged.length} acknowledged, none lost, ${refused} refused`;
  });
}

// fullDisk has a node write its log to a disk of 16 KB, and floods it with refusals. Its clients notice nothing.
async function fullDisk(t) {
  const folder = mkdtempSync(path(tmpdir(), "disk-"));
  cleanup(t, () => rmSync(folder, { recursive: true }));
  const [port, admin] = [await freePort(), await freePort()];
  const script = 'mount -t tmpfs -o size=16k none "$1" && exec "$2" serve > "$1/log" 2>&1';
  const env = environment(undefined, { CHORUS_LISTEN: `127.0.0.1:${port}`, CHORUS_ADMIN_LISTEN: `127.0.0.1:${admin}`, CHORUS_LOG_LEVEL: "debug" });
  const program = new Program("unshare", ["-rm", "sh", "-c", script, "sh", folder, BINARY], env);
  cleanup(t, () => program.stop("SIGKILL"));
  const node = Object.assign(program, { url: `http://127.0.0.1:${port}`, admin: `http://127.0.0.1:${admin}` });
  await until(async () => program.ended || (await fetch(`${node.url}/readyz`).catch(() => ({}))).ok, "the node");
  const log = () => readFileSync(`/proc/${program.child.pid}/root${folder}/log`, "utf8");
  return attacked(node, async (t) => {
    const client = await join(t, node.url);
    await inParallel(300, 10, async () => (await session(t, node.url)).send(`40${JSON.stringify({ token: token({ exp: 1 }) })}`));
    const full = log().length;
    assert.ok(full > 8000, `the log has ${full} bytes`);
    for (const n of range(200)) assert.deepEqual(await client.timeout(10_000).emitWithAck("message", n), { ok: true });
    assert.equal((await fetch(`${node.url}/readyz`)).status, 200);
    return `${full} bytes of log, then the disk is full; 200 of 200 messages ok, /readyz 200`;
  });
}

export const machine = [
  { name: "machine-sleeps", expect: "a node stands still for 30 s: it is ready again, its clients come back", before: "", run: asleep },
  { name: "clock-jumps", expect: "the clock of Redis jumps by an hour and back: nodes stay ready, nothing acknowledged is lost", before: "", run: clocks },
  { name: "log-disk-full", expect: "the disk of the log is full: clients notice nothing", before: "", run: fullDisk },
];
