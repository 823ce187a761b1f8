// What an honest client notices of a flood, with the limits that a node has by default.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startNodes, UNLIMITED } from "../../harness/chorus.js";
import { join } from "../../harness/client.js";
import { run } from "../../harness/program.js";
import { startRedis } from "../../harness/redis.js";
import { attacked, metrics } from "../held.js";

const FLOODER = fileURLToPath(new URL("../flooder.js", import.meta.url));
const limited = Object.fromEntries(Object.keys(UNLIMITED).map((name) => [name, undefined]));
const MEASURED = 400;

// latencies returns the times of acknowledged messages, sorted, in milliseconds. An honest client sends 20 a second.
async function latencies(client, count) {
  const times = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    assert.deepEqual(await client.timeout(20_000).emitWithAck("message", n), { ok: true });
    times.push(performance.now() - start);
    await sleep(Math.max(0, 50 - (performance.now() - start)));
  }
  return times.sort((a, b) => a - b);
}

const at = (times, share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
const ms = (time) => `${time.toFixed(1)} ms`;

// fair compares the honest client's latency before and during a flood of 100 clients.
async function fair(t, settings, factor) {
  const nodes = await startNodes(t, 2, await startRedis(t), settings);
  return attacked(nodes[0], async (t) => {
    const [honest] = [await join(t, nodes[0].url), await join(t, nodes[1].url)];
    await latencies(honest, 40);
    const before = await latencies(honest, MEASURED);
    const flooder = run(t, process.execPath, [FLOODER], { NODE: nodes[0].url, COUNT: "100", RATE: "1000" });
    await flooder.line((line) => (line === "flooding" ? true : undefined), "the flood");
    await latencies(honest, 40);
    const during = await latencies(honest, MEASURED);
    const sent = Number(flooder.lines.findLast((line) => line.startsWith("sent ")).slice(5));
    await flooder.stop("SIGKILL");
    const { chorus_limited_events_total: refused, chorus_limit_disconnects_total: closed } = await metrics(nodes[0]);
    const figure = `p50 ${ms(at(before, 0.5))} and p99 ${ms(at(before, 0.99))} before, ${ms(at(during, 0.5))} and ${ms(at(during, 0.99))} during the flood; `
      + `${sent.toLocaleString("en")} messages sent, ${refused.toLocaleString("en")} refused, ${closed} connections closed`;
    assert.ok(at(during, 0.99) <= factor * at(before, 0.99), figure);
    return figure;
  });
}

export const fairness = [
  { name: "fair-flood", expect: "100 clients send 1,000 messages a second each: an honest client's p99 is at most twice its undisturbed value", before: "p99 6.6 ms, and 292 ms during the flood", run: (t) => fair(t, limited, 2) },
];
