// Each example runs.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openPage, startBrowser } from "./harness/browser.js";
import { as, done, refused, startCluster } from "./harness/chat.js";
import { addresses, environment } from "./harness/chorus.js";
import { cleanup } from "./harness/cleanup.js";
import { Inbox, join } from "./harness/client.js";
import { run } from "./harness/program.js";
import { SECRET, token } from "./harness/token.js";
import { until } from "./harness/wait.js";

const CONFIG = 'chat: {rooms: [{match: "*", history: {messages: 1000}}]}\ncors: {origins: ["*"]}\n';
const example = (path) => fileURLToPath(new URL(`../examples/${path}`, import.meta.url));

test("backend: its tokens are good, and permit what they say", async (t) => {
  const [node] = await startCluster(t, false, CONFIG);
  const backend = run(t, process.execPath, [example("backend/server.js")], { CHORUS_AUTH_SECRET: SECRET, PORT: "0" });
  const url = await backend.line((line) => (line.startsWith("http://") ? line : undefined), "the address");
  const ask = (body) => fetch(`${url}/token`, { method: "POST", body });
  const { token: issued } = await (await ask(JSON.stringify({ user: "ada", name: "Ada" }))).json();
  const ada = await join(t, node.url, { auth: { token: issued } });
  await done(ada, "join", "team-a");
  await refused(ada, "forbidden", "join", "secret");
  for (const bad of ["", "{}", '{"user": 7}']) assert.equal((await ask(bad)).status, 400);
});

test("html: edits, reactions and unread", async (t) => {
  const [node] = await startCluster(t, false, CONFIG);
  const pages = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(readFileSync(example("html/index.html")))).listen(0, "127.0.0.1");
  await once(pages, "listening");
  cleanup(t, () => pages.close());
  const query = new URLSearchParams({ node: node.url, token: token({ sub: "ada", name: "Ada" }), room: "r" });
  const page = await openPage(t, await startBrowser(t), `http://127.0.0.1:${pages.address().port}/?${query}`);
  const bob = await as(t, node, "bob");
  await done(bob, "join", "r");
  await done(bob, "publish", "r", { text: "hello" }, { id: "m1" });
  const message = page.locator('[data-id="m1"]');
  await until(async () => (await message.count()) === 1 && (await message.textContent()).startsWith("BOB: hello "), "the message");
  await done(bob, "edit", "r", "m1", { text: "hello, all" });
  await until(async () => (await message.textContent()).startsWith("BOB: hello, all (edited)"), "the edit");
  const heard = new Inbox(bob, "reacted", "publish");
  await message.getByRole("button", { name: "👍 0" }).click();
  await heard.count(1);
  await until(async () => (await message.textContent()).includes("👍 1"), "the reaction");
  await page.getByRole("textbox", { name: "Message" }).fill("hi");
  await page.getByRole("button", { name: "Send" }).click();
  await heard.count(2);
  assert.deepEqual(heard.items[1][1], { text: "hi" });
  await until(async () => (await page.locator("#unread").textContent()) === "0", "nothing is unread");
  await done(bob, "delete", "r", "m1");
  await until(async () => (await message.textContent()) === "deleted", "the deletion");
});

test("go: a node with an event and a hook of its own", async (t) => {
  const folder = mkdtempSync(joinPath(tmpdir(), "chorus-example-"));
  cleanup(t, () => rmSync(folder, { recursive: true }));
  const binary = joinPath(folder, "example");
  const build = run(t, "go", ["build", "-o", binary, example("go/main.go")], process.env);
  assert.equal(await build.exited, 0, build.output);
  const node = run(t, binary, [], environment());
  const addr = await node.line((line) => /addr"?[=:]"?([\d.:]+)/.exec(line)?.[1], "the address");
  const ada = await as(t, { url: `http://${addr}` }, "ada");
  const heard = new Inbox(ada, "publish");
  await done(ada, "join", "r");
  await refused(ada, "closed", "join", "closed");
  assert.deepEqual(await done(ada, "roll", "r"), { ok: true, seq: 1 });
  await heard.count(1);
  assert.deepEqual(heard.items[0].slice(0, 2), ["r", { text: "ada rolls a four" }]);
  assert.equal(heard.items[0][2].from, null);
});
