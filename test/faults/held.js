// What a node holds: memory, goroutines, descriptors, and whether it lets go of them.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "../harness/client.js";
import { scope } from "./scope.js";

const BACK_WITHIN_MS = 60_000;
// A node hardly collects a heap below min_heap (64 MiB), and keeps pages that are in use in part.
// Its pool keeps up to ten connections to Redis for each core; nodes keep connections to each other.
const SLACK = { rss: 80e6, goroutines: 10, descriptors: 30 };

// metrics returns the figures of a node by name; those with labels are summed.
export async function metrics(node) {
  const figures = {};
  for (const line of (await (await fetch(`${node.admin}/metrics`)).text()).split("\n")) {
    const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name) figures[name] = (figures[name] ?? 0) + Number(value);
  }
  return figures;
}

async function held(node) {
  const m = await metrics(node);
  return { rss: m.process_resident_memory_bytes, goroutines: m.go_goroutines, descriptors: m.process_open_fds };
}

// peak returns the largest memory that a node ever had, in bytes.
export function peak(node) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${node.child.pid}/status`, "utf8"))[1]) * 1024;
}

export const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

// attacked runs an attack, whose clients end with it, and waits until the node has let go of everything.
// It returns the figure of the attack, with the growth of the memory.
export async function attacked(node, attack, { growth = Infinity } = {}) {
  await scope(async (t) => (await join(t, node.url)).emitWithAck("message", "warm"));
  const base = await held(node);
  const figure = await scope(attack);
  const grown = Math.max(0, peak(node) - base.rss);
  if (grown > growth) throw new Error(`memory grew by ${megabytes(grown)}; ${figure}`);
  const start = Date.now();
  for (;;) {
    const now = await held(node);
    if (Object.keys(SLACK).every((key) => now[key] <= base[key] + SLACK[key])) {
      const kept = Math.max(0, now.rss - base.rss);
      return [figure, `memory +${megabytes(grown)}`, `base after ${Math.round((Date.now() - start) / 1000)} s (+${megabytes(kept)})`].join(", ");
    }
    if (Date.now() - start > BACK_WITHIN_MS) throw new Error(`not back at ${JSON.stringify(base)}: ${JSON.stringify(now)}; ${figure}`);
    await sleep(500);
  }
}
