// The development console: each button does what it says.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { accessible, content, openPage, startBrowser, watch } from "./harness/browser.js";
import { entered, hears, log, members, rows, say, signIn, status } from "./harness/chatpage.js";
import { sharedByTests } from "./harness/cleanup.js";
import { Inbox, join } from "./harness/client.js";
import { startDev } from "./harness/dev.js";
import { run } from "./harness/program.js";
import { token } from "./harness/token.js";
import { until } from "./harness/wait.js";

const shared = sharedByTests();

let browser, dev, page, region;
before(async () => {
  browser = await startBrowser(shared);
  dev = await startDev(shared);
  page = await openPage(shared, browser, dev.nodes[0]);
  await signIn(page, "Alice");
  region = page.getByRole("region", { name: "Development" });
});
after(() => content(page));

const port = (node) => new URL(dev.nodes[node]).port;
const button = (name) => region.getByRole("button", { name, exact: true });
const claims = async () => JSON.parse(await region.locator("section", { has: page.getByRole("heading", { name: "Token" }) }).locator("pre").textContent());

test("a server that is no development cluster does not have it", async (t) => {
  const answer = await fetch(`${dev.nodes[0]}/_dev/state`, { headers: { Origin: "https://elsewhere.example" } });
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
  assert.equal((await fetch(`${dev.nodes[0]}/_dev/token`, { method: "POST", body: '{"name": "x"}' })).status, 415);
});

test("which node this tab is on, and the way of its message with times", async () => {
  await region.getByText(`This tab is on node 0, http://127.0.0.1:${port(0)}`).waitFor();
  await say(page, "on its way");
  const way = region.locator(".way");
  for (const stop of [/node 0\s*[\d.]+ ms/, /Redis\s*[\d.]+ ms/, /this tab\s*[\d.]+ ms/]) await way.locator(".stop").filter({ hasText: stop }).first().waitFor();
  const other = await join(shared, dev.nodes[2], { auth: { token: token({ sub: "carl" }, { secret: dev.secret }) } });
  await other.emitWithAck("join", "lobby");
  await say(page, "to another node");
  await way.locator("ul .stop").filter({ hasText: /node 2\s*[\d.]+ ms\s*1 client/ }).waitFor();
  assert.deepEqual(await way.locator("ul .stop").filter({ hasText: /node 1/ }).locator(".time").count(), 0); // nobody is there
  other.disconnect();
  await accessible(page);
});

test("another tab on another node", async () => {
  const opened = page.context().waitForEvent("page");
  await button("New tab on node 1").click();
  const tab = watch(await opened);
  await entered(tab);
  assert.equal(new URL(tab.url()).port, port(1));
  await tab.getByText("This tab is on node 1").waitFor();
  await say(tab, "from the other tab");
  await hears(page, "from the other tab");
  content(tab);
  await tab.close();
});

test("the frames of this connection, decoded, without the token", async () => {
  const frames = region.locator(".frames");
  await say(page, "in a frame");
  await frames.getByText(/→ EVENT .*"publish","lobby".*in a frame/).waitFor();
  await frames.getByText(/← ACK .*"ok":true/).first().waitFor();
  await button("Pause").click();
  await say(page, "not in a frame");
  await hears(page, "not in a frame");
  assert.equal(await frames.getByText("not in a frame").count(), 0);
  await button("Go on").click();
  assert.doesNotMatch(await frames.textContent(), /eyJ/);
});

describe("the token", () => {
  test("is decoded, with its end", async () => {
    const { sub, name, exp } = await claims();
    assert.deepEqual([sub, name], ["Alice", "Alice"]);
    assert.ok(exp > Date.now() / 1000);
    await region.getByText(/^ends /).waitFor();
  });

  test("ends soon, and the page gets another one", async () => {
    const { jti } = await claims();
    await button("Let it end in 20 s").click();
    await page.getByText("Your token was renewed.").waitFor();
    await until(async () => (await claims()).jti !== jti, "another token", 40_000);
    await say(page, "with another token");
    await hears(page, "with another token");
  });

  test("is revoked: the connection ends, and the page comes back with another one", async () => {
    const { jti } = await claims();
    await button("Revoke it").click();
    await until(async () => (await claims()).jti !== jti, "another token", 40_000);
    await entered(page);
    await say(page, "after the revocation");
    await hears(page, "after the revocation");
  });
});

test("a program with this very token, in JavaScript and by curl", async (t) => {
  const inbox = new Inbox(await join(t, dev.nodes[1], { auth: { token: token({ sub: "carl" }, { secret: dev.secret }) } }), "publish");
  const snippet = region.locator("section", { has: page.getByRole("heading", { name: "The same from your own program" }) }).locator("pre");
  const script = await snippet.textContent();
  const here = fileURLToPath(new URL(".", import.meta.url));
  const program = run(t, "/bin/sh", ["-c", 'cd "$1" && exec node --input-type=module -e "$2"', "sh", here, script]);
  await program.line((line) => line.includes("ok: true") || undefined, "the answer");
  await hears(page, "hello from JavaScript");
  await button("Python").click();
  assert.match(await snippet.textContent(), /socketio\.Client/);
  await button("curl").click();
  const curl = run(t, "/bin/sh", ["-c", await snippet.textContent()]);
  await curl.line((line) => (line.includes('"ok":true') && line.includes("lobby")) || undefined, "the answer to join");
  assert.equal(inbox.items.length, 0); // it has joined nothing
});

test("a slow client", async () => {
  await button("Slow this client down").click();
  await region.getByText("1 KB a second").waitFor();
  await status(page).filter({ hasText: "Connected" }).waitFor();
  await say(page, "slowly");
  await hears(page, "slowly");
  await button("At full speed again").click();
  await entered(page);
  await say(page, "quickly");
  await hears(page, "quickly");
});

test("a node is killed, with its clients, and started again", async (t) => {
  const bob = await openPage(t, browser, dev.nodes[1]);
  await signIn(bob, "Bob");
  await button("Kill node 1").click();
  await button("Start node 1").waitFor();
  await status(bob).filter({ hasText: "No connection" }).waitFor();
  await until(async () => !(await members(page)).includes("Bob"), "Bob to be gone");
  await say(page, "while Bob is away");
  await button("Start node 1").click();
  await button("Kill node 1").waitFor();
  await entered(bob);
  await hears(bob, "while Bob is away");
  await until(async () => (await members(page)).includes("Bob"), "Bob to be back");
  content(bob);
});

test("Redis is taken away for 10 s", async () => {
  await button("Take Redis away for 10 s").click();
  await region.getByText("Redis (away)").waitFor();
  await say(page, "while Redis is away");
  await log(page).getByText("Waiting to be sent").waitFor();
  await region.getByText("Redis (away)").waitFor({ state: "detached" });
  await hears(page, "while Redis is away");
  await until(async () => (await log(page).getByText("Waiting to be sent").count()) === 0, "the message to be sent");
  assert.equal(await rows(page).filter({ hasText: "while Redis is away" }).count(), 1);
});

test("a token with claims is minted, and used", async () => {
  await region.getByLabel("Claims of a new token, as JSON").fill("no JSON");
  await button("Mint a token").click();
  await region.getByRole("alert").filter({ hasText: "not a JSON object" }).waitFor();
  await region.getByLabel("Claims of a new token, as JSON").fill('{"sub": "carol", "name": "Carol", "team": "blue"}');
  await button("Mint a token").click();
  assert.match(await region.getByLabel("The new token").inputValue(), /^eyJ/);
  await button("Sign in with it").click();
  await until(async () => (await claims()).team === "blue", "the claims");
  await entered(page);
  await until(async () => (await members(page)).includes("Carol"), "Carol to be there");
});
