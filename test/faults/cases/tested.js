// Tests that are run for longer, or with more, than make test does.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { run } from "../../harness/program.js";

const TESTS = fileURLToPath(new URL("../../", import.meta.url));

// longer runs tests of a file, by their names, with other numbers.
async function longer(t, file, pattern, env) {
  const args = ["--test", "--test-reporter=tap", "--test-timeout=1500000", `--test-name-pattern=${pattern}`, file];
  const tests = run(t, "sh", ["-c", 'cd "$0" && exec "$@"', TESTS, process.execPath, ...args], { ...process.env, ...env }, { group: true });
  const code = await tests.exited;
  const said = (word) => Number(tests.lines.findLast((line) => line.startsWith(`# ${word} `))?.split(" ")[2] ?? NaN);
  assert.equal(code, 0, tests.lines.filter((line) => /^not ok|error:/.test(line.trim())).join(" "));
  assert.ok(said("pass") > 0, tests.output);
  return `${said("pass")} tests pass`;
}

const cases = [
  ["chaos-60s", "50 clients, edits, deletions, reactions, streamed texts, nodes that are killed for 60 s: all views are equal", "chaos.test.js", ".", { CHAOS_SECONDS: "60" }],
  ["retries-10000", "10,000 sends with retries through a proxy that loses acknowledgements: each is heard once, all acknowledgements are equal", "idempotency.test.js", 'room "kept": three nodes', { RETRY_SENDS: "10000" }],
  ["webhook-flaps", "users come and go 10,000 times while a receiver of webhooks is down: it gets the last state of each", "webhooks.test.js", "users come and go", { CHORUS_FLAPS: "10000" }],
];

export const tested = cases.map(([name, expect, file, pattern, env]) => ({ name, expect, before: "", run: (t) => longer(t, file, pattern, env), ms: 1_800_000 }));
