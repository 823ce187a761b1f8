// The kit in a real browser: one connection for many tabs, the hooks of React and Vue; and the types of own events.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { content, openPage, startBrowser, watch } from "./harness/browser.js";
import { chorus } from "./harness/chorus.js";
import { cleanup, sharedByTests } from "./harness/cleanup.js";
import { Inbox, join } from "./harness/client.js";
import { file } from "./harness/file.js";
import { startKitPages } from "./harness/kitpages.js";
import { makeKey, startOperated } from "./harness/operators.js";
import { run } from "./harness/program.js";
import { SECRET, token } from "./harness/token.js";
import { until, within } from "./harness/wait.js";

const shared = sharedByTests();

const CONFIG = `
chat:
  presence: {grace: 0s}
  rooms:
    - match: "*"
      history: {messages: 100}
`;

let browser, site, key, node;
before(async () => {
  browser = await startBrowser(shared);
  site = await startKitPages(shared);
  key = await makeKey(shared, "ops", "admin");
  [node] = await startOperated(shared, 1, undefined, [key], `${CONFIG}cors: {origins: ["${site}"]}\n`);
});

const address = (page, sub) => `${site}/${page}.html#${new URLSearchParams({ url: node.url, user: sub, name: sub.toUpperCase(), token: token({ sub, name: sub.toUpperCase() }) })}`;

// api calls the HTTP API of the node.
async function api(method, path) {
  const answer = await fetch(`${node.admin}/api/v1${path}`, { method, headers: { Authorization: `Bearer ${key.key}` } });
  assert.ok(answer.ok, path);
  return answer.json();
}

// connections counts those of a user, as the node does.
const connections = async (sub) => (await api("GET", `/users/${sub}/connections`)).count;

async function peer(t, sub, ...rooms) {
  const socket = await join(t, node.url, { auth: { token: token({ sub }) } });
  for (const room of rooms) assert.ok((await socket.emitWithAck("join", room)).ok);
  return socket;
}

describe("one connection for many tabs", () => {
  // tabs opens tabs of one user in one browser.
  async function tabs(t, sub, count, prepare = () => {}) {
    const context = await browser.newContext();
    t.after(() => context.close());
    await prepare(context);
    const open = async () => {
      const tab = watch(await context.newPage());
      await tab.goto(address("shared", sub));
      await until(async () => (await state(tab)).rooms.lobby.phase === "joined", "the lobby");
      return tab;
    };
    const list = [];
    for (let i = 0; i < count; i++) list.push(await open());
    return { context, open, list };
  }
  const state = (tab) => tab.evaluate(() => window.state());
  const lobby = async (tab) => (await state(tab)).rooms.lobby;
  const hears = (tab, name, text) => until(async () => (await state(tab)).rooms[name].messages.includes(`${text} sent`), `${text} in ${name}`);

  test("is counted once at the node, and carries what each tab says and hears", async (t) => {
    const { list: [one, two, three] } = await tabs(t, "ada", 3);
    assert.equal(await connections("ada"), 1);
    const states = await Promise.all([one, two, three].map(state));
    assert.ok(states.every(({ shared, id }) => shared && id === states[0].id));
    assert.equal(states.reduce((sum, { fetched }) => sum + fetched, 0), 1, "one tab is asked for the token");

    await one.evaluate(() => window.rooms[0].send("to all"));
    for (const tab of [one, two, three]) await hears(tab, "lobby", "to all");
    const bob = await peer(t, "bob", "lobby");
    const inbox = new Inbox(bob, "direct");
    await two.evaluate(() => window.rooms[1].send("to bob"));
    assert.equal((await inbox.count(1))[0][1], "to bob");
    for (const tab of [one, three]) await hears(tab, "@bob", "to bob"); // the user's other tabs know as well

    await bob.emitWithAck("publish", "lobby", "unread");
    for (const tab of [one, two, three]) await until(async () => (await lobby(tab)).unread === 1, "a badge");
    await one.evaluate(() => window.rooms[0].markRead());
    for (const tab of [one, two, three]) await until(async () => (await lobby(tab)).unread === 0, "no badge");
    content(one, two, three);
  });

  test("a room is left with its last tab, the connection ends with the last tab, also one that crashes", async (t) => {
    const { list: [one, two], open } = await tabs(t, "carl", 2);
    const bob = await peer(t, "bob", "lobby");
    const there = async () => (await bob.emitWithAck("presence", "lobby")).users.map(({ id }) => id).includes("carl");
    await one.evaluate(() => window.rooms[0].leave());
    await bob.emitWithAck("publish", "lobby", "still");
    await hears(two, "lobby", "still");
    assert.ok(await there());
    await two.evaluate(() => window.rooms[0].leave());
    await until(async () => !(await there()), "carl to be gone");

    const third = await open();
    await third.goto("chrome://crash").catch(() => undefined);
    await until(async () => !(await there()), "the room of the crashed tab to be left");
    await one.close();
    assert.equal(await connections("carl"), 1);
    await two.close();
    await until(async () => (await connections("carl")) === 0, "the connection to end");
  });

  test("heals in every tab: nothing is missing, nothing stands twice", async (t) => {
    const { list } = await tabs(t, "dora", 2);
    const bob = await peer(t, "bob", "lobby");
    await bob.emitWithAck("publish", "lobby", "before");
    const { id } = await state(list[0]);
    assert.equal((await api("POST", "/users/dora/disconnect")).count, 1);
    await bob.emitWithAck("publish", "lobby", "meanwhile");
    for (const tab of list) {
      await hears(tab, "lobby", "meanwhile");
      assert.notEqual((await state(tab)).id, id);
      const { messages } = await lobby(tab);
      assert.deepEqual(messages.filter((text) => /^(before|meanwhile)/.test(text)), ["before sent", "meanwhile sent"]);
    }
  });

  test("tabs without SharedWorker have one each", async (t) => {
    const { list: [one, two] } = await tabs(t, "emil", 2, (context) => context.addInitScript(() => delete window.SharedWorker));
    assert.equal(await connections("emil"), 2);
    await one.evaluate(() => window.rooms[0].send("alone"));
    await hears(two, "lobby", "alone");
    assert.equal((await state(one)).shared, false);
    content(one, two);
  });

  test("two users in one browser do not share", async (t) => {
    const { context, list: [one] } = await tabs(t, "fay", 1);
    const two = watch(await context.newPage());
    await two.goto(address("shared", "gus"));
    await until(async () => (await lobby(two)).phase === "joined", "the lobby");
    assert.deepEqual([await connections("fay"), await connections("gus")], [1, 1]);
    assert.notEqual((await state(one)).id, (await state(two)).id);
  });
});

for (const framework of ["react", "vue"]) {
  test(`the hooks of ${framework}: messages, members, a reconnect, another room, the end`, async (t) => {
    const sub = `user of ${framework}`;
    const page = await openPage(t, browser, address(framework, sub));
    t.after(() => page.context().close());
    const title = (text) => page.getByRole("heading", { name: text, exact: true }).waitFor();
    const button = (name) => page.getByRole("button", { name, exact: true }).click();
    const list = () => page.getByRole("listitem").allTextContents();
    await title("lobby joined");
    const bob = await peer(t, "bob", "lobby", "team");
    const inbox = new Inbox(bob, "publish");
    await until(async () => (await page.locator("#members").textContent()).split(",").includes("bob"), "bob among the members");
    await button("Send");
    const [[, value, { from }]] = await inbox.count(1);
    assert.deepEqual([value, from.id], ["from the page", sub]);
    await bob.emitWithAck("publish", "lobby", `hello ${framework}`);
    await page.getByText(`hello ${framework}`).waitFor();

    await page.evaluate(() => { // what the page shows for a moment only
      globalThis.titles = [];
      new MutationObserver(() => globalThis.titles.push(document.querySelector("h1, h2, h3")?.textContent.trim()))
        .observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await button("Break");
    await until(() => page.evaluate(() => globalThis.titles.includes("lobby joining")), "the title of a room that is joined again");
    await bob.emitWithAck("publish", "lobby", `meanwhile ${framework}`);
    await title("lobby joined");
    await page.getByText(`meanwhile ${framework}`).waitFor();
    assert.deepEqual((await list()).slice(-3), ["from the page", `hello ${framework}`, `meanwhile ${framework}`]);

    const there = async (room) => (await bob.emitWithAck("presence", room)).users.map(({ id }) => id).includes(sub);
    await button("Other room");
    await title("team joined");
    assert.ok(await there("team"));
    await until(async () => !(await there("lobby")), "the lobby to be left");
    await button("Open or close");
    await until(async () => !(await there("team")), "the other room to be left");
    content(page);
  });
}

test("the types of own events, from chorus types, joined with those of the kit", async (t) => {
  const schema = await file(t, "move.json", JSON.stringify({
    type: "array", minItems: 2, maxItems: 2,
    prefixItems: [{ type: "string" }, { type: "object", properties: { x: { type: "number" } }, required: ["x"] }],
  }));
  const config = await file(t, "chorus.yaml", `
auth: {secret: "${SECRET}"}
events:
  move: {to: room, schema: "${schema}", ack: {id: "{id}"}}
  said: {to: everyone, shape: {by: "{name}", text: "{0}"}}
`);
  const { code, output } = await chorus(t, ["types", "--config", config]);
  assert.equal(code, 0, output);
  // In a folder of web, where the compiler finds the client and the kit.
  const web = fileURLToPath(new URL("../web/", import.meta.url));
  const folder = mkdtempSync(joinPath(web, "node_modules/.types-"));
  cleanup(t, () => rmSync(folder, { recursive: true }));
  writeFileSync(joinPath(folder, "events.ts"), output);
  writeFileSync(joinPath(folder, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.json", compilerOptions: { types: [] }, include: ["*.ts"] }));
  const compile = async (program) => {
    writeFileSync(joinPath(folder, "program.ts"), `import type { ChorusSocket } from "chorus-kit";
import { io, type Socket } from "socket.io-client";
import type { ClientToServer, ServerToClient } from "./events.js";
export const socket = io() as ChorusSocket & Socket<ServerToClient, ClientToServer>;
${program}`);
    const compiler = run(t, process.execPath, [joinPath(web, "node_modules/typescript/bin/tsc"), "-p", folder]);
    const end = await within(compiler.exited, "the compiler");
    return end === 0 ? "" : compiler.output;
  };
  assert.equal(await compile(`socket.emit("move", "board", { x: 1 }, (answer) => answer.ok);
socket.on("said", ({ by, text }) => [by.length, text]);
socket.emit("join", "lobby", {}, (answer) => answer.ok && answer.count);
socket.on("publish", (room, value, meta) => [room.length, value, meta.from?.id]);`), "");
  for (const wrong of ['socket.emit("move", "board", { x: "1" }, () => {});', 'socket.on("said", ({ nobody }) => nobody);', 'socket.emit("nothing");']) {
    assert.match(await compile(wrong), /program\.ts.5.*error TS/s, wrong);
  }
});
