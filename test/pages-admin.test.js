// The dashboard in a real browser.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { accessible, content, fits, openPage, SIZES, startBrowser } from "./harness/browser.js";
import { sharedByTests } from "./harness/cleanup.js";
import { Inbox, join } from "./harness/client.js";
import { makeKey, startOperated } from "./harness/operators.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { until } from "./harness/wait.js";

const shared = sharedByTests();

const CONFIG = `
chat:
  rooms:
    - match: "*"
      history: {messages: 100}
      presence: true
`;

let browser, redis, nodes, ops, viewer, publisher, clients;
before(async () => {
  browser = await startBrowser(shared);
  redis = await startRedis(shared);
  ops = await makeKey(shared, "ops", "admin");
  viewer = await makeKey(shared, "viewer", "admin:read");
  publisher = await makeKey(shared, "publisher", "publish");
  nodes = await startOperated(shared, 2, redis, [ops, viewer, publisher], CONFIG);
  clients = [];
  for (let i = 0; i < 6; i++) {
    const socket = await join(shared, nodes[i % 2].url, { auth: { token: token({ sub: `user ${i}/<b>`, name: `User ${i}` }) } });
    await socket.emitWithAck("join", "lobby");
    clients.push(socket);
  }
});

async function enter(t, key, where = "", options = {}) {
  const page = await openPage(t, browser, `${nodes[0].admin}/admin/${where}`, options);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  return page;
}

test("/admin leads to /admin/, with the policy of the pages; without pages there is none", async (t) => {
  const answer = await fetch(`${nodes[0].admin}/admin`, { redirect: "manual" });
  assert.deepEqual([answer.status, answer.headers.get("location")], [301, "/admin/"]);
  const page = await fetch(`${nodes[0].admin}/admin/`);
  assert.match(page.headers.get("content-security-policy"), /default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.notEqual((await fetch(`${nodes[0].url}/admin/`)).status, 200); // the public address
});

for (const [name, key] of [
  ["no key", () => "nonsense"],
  ["the key of nobody", () => `chk_ops_${"0".repeat(64)}`],
]) {
  test(`${name}: refused in words`, async (t) => {
    const page = await enter(t, key());
    await page.getByRole("alert").filter({ hasText: /You were not signed in: ./ }).waitFor();
    await page.getByLabel("API key").waitFor();
    content(page);
  });
}

test("each node is a row with its id and its connections, and charts are drawn", async (t) => {
  const page = await enter(t, ops.key);
  const rows = page.locator("tr[data-node]");
  await until(async () => (await rows.count()) === 2, "two nodes");
  for (const node of nodes) {
    const { nodes: list } = await (await fetch(`${node.admin}/api/v1/nodes`, { headers: { Authorization: `Bearer ${ops.key}` } })).json();
    for (const { id } of list) {
      const row = page.getByRole("row").filter({ hasText: id });
      await row.getByText("ready", { exact: true }).waitFor();
      await until(async () => (await row.getByRole("cell").nth(1).textContent()) === "3", `3 connections of ${id}`);
    }
  }
  for (let i = 0; i < 20; i++) await clients[0].emitWithAck("publish", "lobby", { text: `${i}` });
  assert.equal((await clients[0].emitWithAck("publish", "elsewhere", 1)).error.code, "not_joined");
  await until(async () => (await page.locator(".uplot canvas").count()) === 4, "four charts");
  await page.getByRole("figure", { name: "Refusals a second, by code" }).getByText("not_joined", { exact: false }).first().waitFor();
  await page.reload();
  await until(async () => (await rows.count()) === 2, "two nodes after a reload");
  await accessible(page);
  content(page);
});

test("a node that is gone leaves the list, and a gap is no zero", async (t) => {
  const [extra] = await startOperated(t, 1, redis, [ops], CONFIG);
  const page = await enter(t, ops.key);
  const rows = page.locator("tr[data-node]");
  await until(async () => (await rows.count()) === 3, "three nodes");
  await extra.stop("SIGKILL");
  await until(async () => (await rows.count()) === 2, "two nodes", 40_000);
  content(page);
});

test("rooms: searched, and read page by page", async (t) => {
  const member = await join(t, nodes[1].url, { auth: { token: token({ sub: "many" }) } });
  for (let i = 0; i < 60; i++) assert.ok((await member.emitWithAck("join", `many ${String(i).padStart(2, "0")}`)).ok);
  const page = await enter(t, viewer.key, "#/rooms");
  await page.getByRole("link", { name: "lobby", exact: true }).waitFor();
  await page.getByLabel("Rooms that begin with").fill("many 1");
  await until(async () => (await page.getByRole("link", { name: /^many/ }).count()) === 10, "ten rooms");
  await page.getByLabel("Rooms that begin with").fill("lobby");
  await page.getByRole("link", { name: "lobby", exact: true }).click();
  await page.getByRole("link", { name: "user 3/<b>", exact: true }).waitFor();
  const late = await join(t, nodes[1].url, { auth: { token: token({ sub: "late" }) } });
  await late.emitWithAck("join", "lobby");
  await page.getByRole("link", { name: "late", exact: true }).waitFor(); // the list is live
  content(page);
});

test("a user: rights with their rules, and a trace without tokens", async (t) => {
  const page = await enter(t, ops.key, "#/users");
  await page.getByLabel("Users that begin with").fill("user 1");
  await page.getByRole("link", { name: "user 1/<b>", exact: true }).click();
  await page.getByRole("row").filter({ hasText: "moderate" }).getByText("no pattern of auth.defaults.rooms.moderate").waitFor();
  await page.getByRole("row").filter({ hasText: "join lobby" }).getByText("yes").waitFor();
  await page.getByRole("button", { name: "Trace for a minute" }).click();
  const trace = page.locator("pre");
  await trace.waitFor();
  await until(async () => {
    await clients[1].emitWithAck("publish", "lobby", { text: "traced" });
    return /← \["publish","lobby",\{"text":"traced"\}/.test(await trace.textContent()) && /→ \["publish"/.test(await trace.textContent());
  }, "the frames");
  await clients[1].emitWithAck("token:refresh", { token: token({ sub: "user 1/<b>", name: "User 1" }) });
  await clients[1].emitWithAck("publish", "lobby", { text: "the last" });
  await trace.getByText("the last").first().waitFor();
  assert.doesNotMatch(await trace.textContent(), /eyJ/);
  content(page);
});

test("on a phone no word of a table is broken, and who is not connected has no table of rights", async (t) => {
  const page = await enter(t, ops.key, `#/users/${encodeURIComponent("user 1/<b>")}`, { viewport: SIZES.phone });
  await page.getByRole("cell", { name: "websocket" }).waitFor();
  const broken = await page.locator("td").evaluateAll((cells) => cells.flatMap((cell) => {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
      for (const { 0: word, index } of texts.currentNode.data.matchAll(/[\p{L}\p{N}._:]+/gu)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, index);
        range.setEnd(texts.currentNode, index + word.length);
        if (new Set([...range.getClientRects()].map(({ top }) => top)).size > 1) found.push(word);
      }
    }
    return found;
  }));
  assert.deepEqual(broken, []);
  await fits(page);
  await page.goto(`${page.url().split("#")[0]}#/users/nobody`);
  await until(async () => (await page.getByText("This user has no connection.").count()) === 2, "both sections say it");
  content(page);
});

test("on a phone the link of the open page is in view, in whatever way it was opened", async (t) => {
  const page = await enter(t, viewer.key, "#/config", { viewport: SIZES.phone });
  const inView = async (name) => {
    const link = page.getByRole("navigation").getByRole("link", { name, exact: true });
    await link.and(page.locator("[aria-current=page]")).waitFor();
    await until(() => link.evaluate((element) => {
      const [own, around] = [element.getBoundingClientRect(), element.parentElement.getBoundingClientRect()];
      return own.left >= around.left - 1 && own.right <= around.right + 1; // it scrolls by whole pixels
    }), `${name} is in view`);
  };
  await inView("Configuration");
  const value = page.getByRole("row").filter({ hasText: "admin.listen" }).getByText("127.0.0.1:0");
  assert.equal(await value.evaluate((element) => element.getClientRects().length), 1, "a short value is on one line");
  await page.goto(`${page.url().split("#")[0]}#/overview`);
  await inView("Overview");
  await page.reload();
  await page.goto(`${page.url().split("#")[0]}#/webhooks`);
  await inView("Webhooks");
  assert.equal(await page.evaluate(() => scrollY), 0);
  // Addresses that nobody means.
  for (const [hash, name] of [["#/users/%", "Users"], ["#/toString", "Overview"], ["#/__proto__", "Overview"]]) {
    await page.goto(`${page.url().split("#")[0]}${hash}`);
    await inView(name);
    await page.getByRole("heading", { level: 2 }).first().waitFor();
  }
  content(page);
});

test("an event is sent to a room, a user, a socket and everybody", async (t) => {
  const page = await enter(t, ops.key, "#/send");
  const inboxes = clients.map((socket) => new Inbox(socket, "notice"));
  const send = async (kind, name, value) => {
    await page.getByRole("combobox").selectOption({ label: kind });
    if (name) await page.getByLabel("Name of it").fill(name);
    await page.getByLabel("Arguments, as a JSON array").fill(JSON.stringify([value]));
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByRole("status").filter({ hasText: "Sent as" }).waitFor();
  };
  await send("A room", "lobby", "to the room");
  await send("A user", "user 2/<b>", "to the user");
  await send("A socket", clients[3].id, "to the socket");
  await send("Everybody", "", "to everybody");
  const heard = ["to the room", "to everybody"];
  for (const [i, inbox] of inboxes.entries()) {
    const more = { 2: ["to the user"], 3: ["to the socket"] }[i] ?? [];
    await inbox.until((items) => items.length === heard.length + more.length, `what client ${i} hears`);
    assert.deepEqual(inbox.items.flat().toSorted(), [...heard, ...more].toSorted());
  }
  await page.getByLabel("Arguments, as a JSON array").fill("no JSON");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "not a JSON array" }).waitFor();
  content(page);
});

test("the configuration: what differs from the default, without secrets", async (t) => {
  const page = await enter(t, viewer.key, "#/config");
  const row = (key) => page.getByRole("row").filter({ has: page.getByText(key, { exact: true }) });
  await row("auth.secret").getByText("[redacted]").waitFor();
  await row("log.format").getByText("json").waitFor();
  assert.equal(await row("drain.timeout").count(), 0);
  await page.getByLabel("Only what differs from the default").uncheck();
  await row("drain.timeout").first().waitFor();
  content(page);
});

describe("what a key may not do", () => {
  test("read-only: the buttons are off", async (t) => {
    const page = await enter(t, viewer.key, "#/users/user%200%2F%3Cb%3E");
    await page.getByText("viewer, read-only").waitFor();
    for (const name of ["Kick", "Ban", "Disconnect", "Revoke tokens", "Trace for a minute"]) {
      assert.ok(await page.getByRole("button", { name, exact: true }).isDisabled(), name);
    }
    content(page);
  });

  test("Enter in a field of the measures does nothing, a button does", async (t) => {
    const page = await enter(t, ops.key, "#/users/nobody");
    const taken = [];
    page.on("request", (request) => request.url().endsWith("/moderation") && request.method() === "POST" && taken.push(request.postDataJSON()));
    await page.getByLabel("Room; empty for everywhere").fill("lobby");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Mute", exact: true }).click();
    await page.getByRole("status").filter({ hasText: "mute" }).waitFor();
    assert.deepEqual(taken, [{ action: "mute", user: "nobody", room: "lobby" }]);
    content(page);
  });

  test("a key for publishing sees why it sees nothing", async (t) => {
    const page = await enter(t, publisher.key);
    await page.getByRole("alert").filter({ hasText: "scope admin:read" }).waitFor();
    content(page);
  });
});

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${size}, ${colorScheme}: it fits, and axe finds nothing serious`, async (t) => {
      const page = await enter(t, viewer.key, "", { viewport, colorScheme });
      await until(async () => (await page.locator(".uplot canvas").count()) >= 3, "charts");
      for (const name of ["Overview", "Rooms", "Users", "Send", "Webhooks", "Configuration"]) {
        await page.getByRole("link", { name, exact: true }).click();
        await page.getByRole("heading", { level: 2 }).first().waitFor();
        await fits(page);
        await accessible(page);
      }
      content(page);
    });
  }
}
