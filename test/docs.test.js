// Every command and snippet of README.md and docs/*.md, run as it is printed, or listed with the reason why not.
//
// The commands have fixed ports, so all of it runs in a network of its own, where those are free.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brokenLinks, pages } from "./harness/markdown.js";

const PRINTED = fileURLToPath(new URL("./harness/printed.js", import.meta.url));
const network = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

test("links lead somewhere", () => {
  const broken = pages.flatMap((page) => brokenLinks(page).map((link) => `${page}: ${link}`));
  assert.deepEqual(broken, []);
});

test("commands and snippets do what the page says", { timeout: 600_000 }, async (t) => {
  const alone = spawnSync(network[0], [...network.slice(1), "true"]).status === 0;
  const [command, ...args] = [...(alone ? network : []), process.execPath, "--test", "--test-reporter=spec", PRINTED];
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  const code = await new Promise((resolve) => child.on("close", resolve));
  t.diagnostic(output);
  assert.equal(code, 0, output);
});
