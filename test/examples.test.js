// Each example runs.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join as joinPath, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { content, openPage, startBrowser } from "./harness/browser.js";
import { as, done, refused, startCluster } from "./harness/chat.js";
import { addresses, environment } from "./harness/chorus.js";
import { cleanup } from "./harness/cleanup.js";
import { Inbox, join, open, refusal } from "./harness/client.js";
import { run } from "./harness/program.js";
import { SECRET, token } from "./harness/token.js";
import { until, within } from "./harness/wait.js";

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

// built returns the folder of a page that npm builds.
async function built(t, name) {
  for (const args of [["ci", "--no-audit", "--no-fund"], ["run", "build"]]) {
    const npm = run(t, "npm", ["--prefix", example(name), ...args], process.env);
    assert.equal(await within(npm.exited, `npm ${args[0]}`, 180_000), 0, npm.output);
  }
  return example(`${name}/dist`);
}

const TYPES = { ".html": "text/html", ".js": "text/javascript" };

// serve serves the files of a folder.
async function serve(t, folder) {
  const server = createServer((request, response) => {
    const path = joinPath(folder, normalize(new URL(request.url, "http://x").pathname).replace(/\/$/, "/index.html"));
    if (!existsSync(path)) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(path)] }).end(readFileSync(path));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup(t, () => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

for (const [name, folder] of [["html", () => example("html")], ["react", (t) => built(t, "react")], ["vue", (t) => built(t, "vue")]]) {
  test(`${name}: edits, reactions and unread`, { timeout: 300_000 }, async (t) => {
    const [node] = await startCluster(t, false, CONFIG);
    const pages = await serve(t, await folder(t));
    const query = new URLSearchParams({ node: node.url, token: token({ sub: "ada", name: "Ada" }), user: "ada", room: "r" });
    const page = await openPage(t, await startBrowser(t), `${pages}?${query}`);
    const bob = await as(t, node, "bob");
    await done(bob, "join", "r");
    await done(bob, "publish", "r", { text: "hello" }, { id: "m1" });
    const message = page.locator('[data-id="m1"]');
    const text = async () => ((await message.count()) === 1 ? (await message.textContent()).replace(/\s+/g, " ").trim() : "");
    const shows = (what) => until(async () => (await text()).startsWith(what), what);
    const unread = (count) => until(async () => (await page.locator("#unread").textContent()) === String(count), `${count} unread`);
    await shows("BOB: hello 👍 0");
    await unread(0);

    await page.evaluate(() => (document.hasFocus = () => false));
    for (const id of ["m2", "m3"]) await done(bob, "publish", "r", { text: "are you there?" }, { id });
    await unread(2);
    await page.evaluate(() => (document.hasFocus = () => true));
    await done(bob, "publish", "r", { text: "hello?" }, { id: "m4" });
    await unread(0);

    await done(bob, "edit", "r", "m1", { text: "hello, all" });
    await shows("BOB: hello, all (edited)");
    const heard = new Inbox(bob, "reacted", "publish", "edited", "deleted");
    await message.getByRole("button", { name: "👍 0" }).click();
    await heard.count(1);
    await until(async () => (await text()).includes("👍 1"), "the reaction");
    await page.getByRole("textbox", { name: "Message" }).fill("hi");
    await page.getByRole("button", { name: "Send" }).click();
    await heard.count(2);
    assert.deepEqual(heard.items[1][1], { text: "hi" });

    const own = page.locator(`[data-id="${heard.items[1][2].id}"]`);
    page.once("dialog", (dialog) => dialog.accept("hi, Bob"));
    await own.getByRole("button", { name: "Edit" }).click();
    await heard.count(3);
    assert.deepEqual(heard.items[2][1], { text: "hi, Bob" });
    await own.getByRole("button", { name: "Delete" }).click();
    await heard.count(4);
    await done(bob, "delete", "r", "m1");
    await until(async () => (await text()) === "deleted", "the deletion");
    content(page);
  });
}

test("nodejs: a server beside the nodes", async (t) => {
  const nodes = await startCluster(t, true, CONFIG);
  const install = run(t, "npm", ["--prefix", example("nodejs"), "ci", "--no-audit", "--no-fund"], process.env);
  assert.equal(await within(install.exited, "npm ci", 180_000), 0, install.output);
  const server = run(t, process.execPath, [example("nodejs/server.js")], { CHORUS_AUTH_SECRET: SECRET, REDIS_URL: nodes[0].redis.url, PORT: "0" });
  const url = await server.line((line) => (line.startsWith("http://") ? line : undefined), "the address");
  const ada = await as(t, nodes[0], "ada");
  await done(ada, "join", "r");
  const bob = await as(t, { url }, "bob", { chorus: { rooms: { join: ["r"] } } });
  assert.deepEqual(await done(bob, "watch", "r"), { ok: true, sockets: 2 });
  assert.equal((await bob.emitWithAck("watch", "secret")).error.code, "forbidden");
  assert.equal((await refusal(open(t, url, { auth: { token: "none" } }))).data.code, "invalid_token");

  const heard = new Inbox(bob, "publish");
  await done(ada, "publish", "r", { text: "hello" });
  await heard.count(1);
  assert.deepEqual(heard.items[0].slice(0, 2), ["r", { text: "hello" }]);
  const orders = new Inbox(ada, "order");
  await done(bob, "order", "r", "tea");
  await orders.count(1);
  assert.deepEqual(orders.items, [[{ user: "bob", item: "tea" }]]);
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
