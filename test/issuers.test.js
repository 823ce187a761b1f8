// The snippets of docs/tokens.md that issue tokens, run as they are printed: a node takes what they make.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startNode } from "./harness/chorus.js";
import { join } from "./harness/client.js";
import { block, root } from "./harness/markdown.js";
import { run } from "./harness/program.js";
import { SECRET } from "./harness/token.js";

const here = fileURLToPath(new URL(".", import.meta.url));

/** issue runs a snippet with a command whose last argument is a file, and returns the token that it prints. */
async function issue(t, language, text, file, command, ...args) {
  // Below the tests, so that Node.js finds jsonwebtoken and Go the module.
  const folder = mkdtempSync(joinPath(here, ".issuer-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(joinPath(folder, file), block("docs/tokens.md", language, text));
  const { PATH, HOME } = process.env;
  const program = run(t, "/bin/sh", ["-c", 'cd "$1" && shift && exec "$@"', "sh", root, command, ...args, joinPath(folder, file)], { PATH, HOME, CHORUS_AUTH_SECRET: SECRET });
  assert.equal(await program.exited, 0, program.output);
  return program.output.trim();
}

for (const [name, ...snippet] of [
  ["Node.js", "js", "jwt.sign", "issue.mjs", "node"],
  ["Python", "python", "hmac", "issue.py", "python3"],
  ["Go", "go", "package main", "main.go", "go", "run"],
]) {
  test(`a node accepts the token of the ${name} snippet, and knows its user`, async (t) => {
    const token = await issue(t, ...snippet);
    const node = await startNode(t);
    const ada = await join(t, node.url, { auth: { token } });
    const answer = await ada.timeout(10_000).emitWithAck("join", "user:ada"); // nobody else may
    assert.equal(answer.ok, true, JSON.stringify(answer));
  });
}
