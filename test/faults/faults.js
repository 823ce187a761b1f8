// Attacks and outages, each with its expectation and its figure:
//
//   node faults/faults.js [--list] [--write] [name...]
//
// A name may be the beginning of several. With --write the figures go into docs/faults.md.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { within } from "../harness/wait.js";
import { bombs } from "./cases/bombs.js";
import { fairness } from "./cases/fairness.js";
import { machine } from "./cases/machine.js";
import { nodes } from "./cases/nodes.js";
import { redis } from "./cases/redis.js";
import { senders } from "./cases/senders.js";
import { strangers } from "./cases/strangers.js";
import { storms } from "./cases/storms.js";
import { tested } from "./cases/tested.js";
import { scope } from "./scope.js";

const CASE_MS = 240_000;
const PAGE = fileURLToPath(new URL("../../docs/faults.md", import.meta.url));
const [BEGIN, END] = ["<!-- figures: make faults WRITE=1 -->", "<!-- end of the figures -->"];
const HEAD = ["| case | expectation | before | now | ok |", "|---|---|---|---|---|"];

const all = [...strangers, ...bombs, ...senders, ...fairness, ...storms, ...redis, ...nodes, ...machine, ...tested];

async function run({ name, expect, before, run, ms = CASE_MS }) {
  const start = Date.now();
  let figure;
  let ok = true;
  try {
    figure = await scope((t) => within(run(t), name, ms));
  } catch (err) {
    [ok, figure] = [false, String(err.message).replace(/\s+/g, " ").slice(0, 300)];
    if (process.env.FAULTS_STACK) console.error(err);
  }
  console.log(`${ok ? "ok    " : "NOT OK"} ${name} (${Math.round((Date.now() - start) / 1000)} s): ${figure}\n       ${expect}`);
  return { name, ok, row: `| \`${name}\` | ${[expect, before, figure, ok ? "yes" : "**no**"].map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |` };
}

// write replaces the rows of these results in the page; rows of other cases stay as they are.
function write(results) {
  const page = readFileSync(PAGE, "utf8");
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${PAGE}: the lines "${BEGIN}" and "${END}" are missing`);
  const rows = new Map(page.slice(start, end).split("\n").filter((line) => line.startsWith("| `")).map((line) => [line.split("`")[1], line]));
  for (const { name, row } of results) rows.set(name, row);
  const lines = all.map(({ name }) => rows.get(name)).filter(Boolean);
  writeFileSync(PAGE, `${page.slice(0, start)}${[BEGIN, ...HEAD, ...lines].join("\n")}\n${page.slice(end)}`);
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { list: { type: "boolean" }, write: { type: "boolean" } } });
const chosen = positionals.length === 0 ? all : all.filter(({ name }) => positionals.some((wanted) => name.startsWith(wanted)));
if (chosen.length === 0) throw new Error(`no case begins with ${positionals.join(" or ")}; --list names them`);
if (values.list) {
  for (const { name, expect } of chosen) console.log(`${name.padEnd(28)} ${expect}`);
} else {
  const results = [];
  for (const one of chosen) {
    results.push(await run(one));
    if (values.write) write(results); // after each, so that nothing is lost with an interrupted run
  }
  const failed = results.filter(({ ok }) => !ok).map(({ name }) => name);
  console.log(failed.length === 0 ? `all ${results.length} hold` : `${failed.length} of ${results.length} do not hold: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
