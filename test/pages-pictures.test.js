// The pages as people meet them. With CHORUS_PICTURES=1 (make screenshots) they become the pictures of README and docs.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { content, openPage, SIZES, startBrowser } from "./harness/browser.js";
import { hears, say, signIn } from "./harness/chatpage.js";
import { sharedByTests } from "./harness/cleanup.js";
import { join } from "./harness/client.js";
import { startDev } from "./harness/dev.js";
import { makeKey, startOperated } from "./harness/operators.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { until } from "./harness/wait.js";

const shared = sharedByTests();

let browser;
before(async () => {
  browser = await startBrowser(shared);
});

const mostBytes = 150_000;
const PICTURE = { width: 1210, height: 700 };

// picture writes what a page shows, if pictures are wanted.
async function picture(page, name) {
  if (!process.env.CHORUS_PICTURES) return;
  const path = fileURLToPath(new URL(`../docs/images/${name}.png`, import.meta.url));
  await page.screenshot({ path, animations: "disabled" });
  assert.ok(statSync(path).size < mostBytes, `${path} has ${statSync(path).size} bytes`);
}

// people returns clients of users who are in rooms of a development cluster.
async function people(t, dev, rooms, ...names) {
  const list = {};
  for (const [i, name] of names.entries()) {
    const auth = { token: token({ sub: name, name }, { secret: dev.secret }) };
    const socket = await join(t, dev.nodes[i % dev.nodes.length], { auth });
    for (const room of rooms) assert.ok((await socket.emitWithAck("join", room)).ok);
    list[name] = async (...request) => {
      const answer = await socket.emitWithAck(...request);
      assert.ok(answer.ok, JSON.stringify(answer));
      return answer;
    };
  }
  return list;
}

// conversation lets people talk, and returns the page of one of them.
async function conversation(t, dev, options = {}) {
  const { Bob, Carol, Dan } = await people(t, dev, ["lobby", "design", "releases"], "Bob", "Carol", "Dan");
  const page = await openPage(t, browser, dev.nodes[0], options);
  await signIn(page, "Alice");
  for (const room of ["design", "releases"]) {
    if (options.viewport === SIZES.phone) await page.getByRole("button", { name: "Open the list of rooms" }).click();
    await page.getByLabel("Room", { exact: true }).fill(room);
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await page.getByRole("heading", { name: room, level: 1 }).waitFor();
    await say(page, "hello, everybody");
    await hears(page, "hello, everybody");
  }
  if (options.viewport === SIZES.phone) await page.getByRole("button", { name: "Open the list of rooms" }).click();
  await page.getByRole("button", { name: /^lobby/ }).click();
  await Bob("publish", "lobby", { text: "Morning! The new nodes are up, all three behind the balancer." });
  const { id } = await Bob("publish", "lobby", { text: "I killed one a minute ago. Did anybody notice?" });
  await Carol("publish", "lobby", { text: "Not a thing. My client moved and nothing was missing." });
  await Carol("publish", "lobby", { text: "The page is https://chat.example.com/, and the check is\n```\nchorus check --config chorus.yaml\n```" });
  for (const one of [Carol, Dan]) await one("react", "lobby", id, "🎉", true);
  await hears(page, "The page is");
  await say(page, "Same here. @Bob can we do it again at noon? I would like to watch `node 2` go.");
  await hears(page, "at noon");
  await Bob("publish", "lobby", { text: "Sure, @Alice: at noon it is.", mentions: ["Alice"] }, { mentions: ["Alice"] });
  await Dan("publish", "design", { text: "the icons are ready" });
  await Dan("publish", "releases", { text: "@Alice 0.9 is out", mentions: ["Alice"] }, { mentions: ["Alice"] });
  await Dan("publish", "@Alice", { text: "lunch?" });
  await hears(page, "at noon it is");
  await Carol("typing", "lobby", true);
  await page.getByText("Carol is typing…").waitFor();
  return page;
}

test("the chat page with its console", async (t) => {
  const dev = await startDev(t);
  const page = await conversation(t, dev, { viewport: PICTURE });
  await picture(page, "chat");
  content(page);
});

test("the chat page on a phone, dark", async (t) => {
  const dev = await startDev(t, ["--nodes", "1"]);
  const page = await conversation(t, dev, { viewport: SIZES.phone, colorScheme: "dark" });
  await picture(page, "chat-phone");
  content(page);
});

test("the dashboard", async (t) => {
  const redis = await startRedis(t);
  const ops = await makeKey(t, "ops", "admin");
  const nodes = await startOperated(t, 3, redis, [ops], 'chat: {rooms: [{match: "*", history: {messages: 100}}]}\n');
  const names = ["ada", "bob", "carol", "dan", "emil", "fay", "gus", "hal"];
  const clients = await Promise.all(names.map(async (sub, i) => {
    const socket = await join(t, nodes[i % 3].url, { auth: { token: token({ sub }) } });
    for (const room of ["lobby", "design", "releases"]) assert.ok((await socket.emitWithAck("join", room)).ok);
    return socket;
  }));
  let on = true;
  t.after(() => (on = false));
  void (async () => {
    for (let i = 0; on; i++) {
      const one = clients[i % clients.length].timeout(5_000);
      await one.emitWithAck("publish", "lobby", { text: `message ${i}` }).catch(() => (on = false));
      if (i % 9 === 0) await one.emitWithAck("join", "user:somebody else").catch(() => (on = false));
      await new Promise((done) => setTimeout(done, 40 + 30 * Math.sin(i / 40)));
    }
  })();
  const page = await openPage(t, browser, `${nodes[0].admin}/admin/`, { viewport: PICTURE });
  await page.getByLabel("API key").fill(ops.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await until(async () => (await page.locator(".uplot canvas").count()) === 4, "the charts");
  if (process.env.CHORUS_PICTURES) await new Promise((done) => setTimeout(done, 45_000)); // lines with something to see
  await picture(page, "dashboard");
  await page.getByRole("link", { name: "Users", exact: true }).click();
  await page.getByRole("link", { name: "carol", exact: true }).click();
  await page.getByRole("row").filter({ hasText: "publish lobby" }).waitFor();
  await page.getByRole("table", { name: "Position in histories" }).waitFor();
  await until(async () => /\d\/s \/ \d/.test(await page.getByRole("row").filter({ hasText: clients[2].id }).textContent()), "rates");
  await picture(page, "dashboard-user");
  content(page);
});
