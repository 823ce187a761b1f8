// The chat page in a real browser: what two people see of each other, and of what goes wrong.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { accessible, content, fits, openPage, startBrowser } from "./harness/browser.js";
import { agree, entered, field, hears, log, members, rows, said, say, signIn, signInWith, status } from "./harness/chatpage.js";
import { startNode, startWith } from "./harness/chorus.js";
import { sharedByTests } from "./harness/cleanup.js";
import { join } from "./harness/client.js";
import { startDev } from "./harness/dev.js";
import { SECRET, token } from "./harness/token.js";
import { frameTimes } from "./harness/tracing.js";
import { until } from "./harness/wait.js";

const shared = sharedByTests();

let browser;
before(async () => {
  browser = await startBrowser(shared);
});

// client returns an official client that speaks for a user of a development cluster.
const client = (t, dev, url, claims) => join(t, url, { auth: { token: token(claims, { secret: dev.secret }) } });

describe("two people", () => {
  test("chat on two nodes; one node is killed; nothing is missing, nothing stands twice", async (t) => {
    const dev = await startDev(t);
    const alice = await openPage(t, browser, dev.frontDoor);
    await signIn(alice, "Alice");
    const region = alice.getByRole("region", { name: "Development" });
    const [, home] = /on node (\d)/.exec(await region.getByText(/on node \d/).textContent());
    const other = dev.nodes[(Number(home) + 1) % dev.nodes.length];
    const bob = await openPage(t, browser, other);
    await signIn(bob, "Bob");

    for (const page of [alice, bob]) {
      await until(async () => (await members(page)).join() === "Alice,Bob", "both to be there");
    }
    await field(bob).pressSequentially("hello");
    await alice.getByText("Bob is typing…").waitFor();
    await bob.getByRole("button", { name: "Send", exact: true }).click();
    await hears(alice, "hello");
    await alice.getByText("Bob is typing…").waitFor({ state: "detached" });
    await say(alice, "hi Bob");
    await hears(bob, "hi Bob");

    await bob.getByRole("button", { name: `Kill node ${home}` }).click();
    for (let i = 1; i <= 5; i++) {
      await say(bob, `from Bob ${i}`);
      await say(alice, `from Alice ${i}`);
    }
    const list = await agree(12, alice, bob);
    for (const name of ["Bob", "Alice"]) {
      assert.deepEqual(list.filter((text) => text.startsWith(`from ${name}`)), [1, 2, 3, 4, 5].map((i) => `from ${name} ${i}`));
    }
    await entered(alice);
    assert.deepEqual(await members(bob), ["Alice", "Bob"]);
    await alice.context().close();
    await until(async () => (await members(bob)).join() === "Bob", "Alice to be gone");
    content(alice, bob);
  });

  test("see edits, reactions, deletions, mentions, pictures and private messages", async (t) => {
    const dev = await startDev(t, ["--nodes", "2"]);
    const alice = await openPage(t, browser, dev.nodes[0]);
    const bob = await openPage(t, browser, dev.nodes[1]);
    await signIn(alice, "Alice");
    await signIn(bob, "Bob");

    await until(async () => (await members(alice)).length === 2, "Bob to be there");
    await say(alice, "first for @Bob, see https://example.com/ and `code`");
    await hears(bob, "first");
    const row = rows(bob).first();
    assert.equal(await row.locator(".mentioned").textContent(), "@Bob");
    assert.equal(await row.getByRole("link").getAttribute("href"), "https://example.com/");
    assert.equal(await row.locator("code").textContent(), "code");

    await row.hover();
    await row.getByRole("button", { name: "React with 👍" }).click();
    await rows(alice).first().getByRole("button", { name: "👍 1", exact: true }).waitFor();
    await rows(alice).first().hover();
    await rows(alice).first().getByRole("button", { name: "Edit" }).click();
    await alice.getByRole("textbox", { name: "Edit" }).fill("second");
    await alice.getByRole("button", { name: "Save" }).click();
    await row.getByText("second").waitFor();
    await row.getByText("(edited)").waitFor();
    await rows(alice).first().hover();
    await rows(alice).first().getByRole("button", { name: "Delete" }).click();
    await row.getByText("This message was deleted.").waitFor();

    await alice.evaluate(async () => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 40;
      canvas.getContext("2d").fillRect(0, 0, 40, 40);
      const blob = await new Promise((done) => canvas.toBlob(done));
      const data = new DataTransfer();
      data.items.add(new File([blob], "a.png", { type: "image/png" }));
      document.querySelector(".composer textarea").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    });
    await alice.getByRole("button", { name: "Remove the image" }).waitFor();
    await say(alice, "a picture");
    await until(() => rows(bob).last().locator("img").evaluate((img) => img.naturalWidth === 40), "the picture");

    await alice.getByRole("list", { name: "Members" }).getByText("Bob").click();
    await alice.getByRole("button", { name: "Message Bob privately" }).click();
    await say(alice, "a secret");
    await bob.getByRole("button", { name: "@Alice", exact: false }).first().click();
    await hears(bob, "a secret");
    assert.deepEqual(await said(bob), ["a secret"]);
    content(alice, bob);
  });

  test("see what is unread, in which room", async (t) => {
    const dev = await startDev(t, ["--nodes", "1"]);
    const alice = await openPage(t, browser, dev.nodes[0]);
    await signIn(alice, "Alice");
    await alice.getByLabel("Room", { exact: true }).fill("team");
    await alice.getByRole("button", { name: "Join", exact: true }).click();
    await say(alice, "from Alice");
    const lobby = alice.getByRole("button", { name: /^lobby/ });
    await lobby.click();

    const bob = await client(t, dev, dev.nodes[0], { sub: "bob", name: "Bob" });
    await bob.emitWithAck("join", "team");
    for (const text of ["one", "two"]) await bob.emitWithAck("publish", "team", { text }, { mentions: ["Alice"] });
    await alice.getByRole("button", { name: /^team.*2 unread messages/ }).click();
    await alice.getByText("New messages").waitFor();
    const order = await log(alice).locator("[data-id] .text, .divider").allTextContents();
    assert.deepEqual(order, ["from Alice", "New messages", "one", "two"]);
    await alice.getByRole("button", { name: "team", exact: true }).waitFor(); // nothing is unread any more

    await alice.reload();
    await entered(alice);
    await alice.getByRole("button", { name: "team", exact: true }).click();
    await hears(alice, "two");
    assert.equal(await alice.getByText("New messages").count(), 0);
    content(alice);
  });
});

test("2,000 messages scroll without a jump, and at 60 frames a second", async (t) => {
  const node = await startWith(t, 'chat: {rooms: [{match: "*", history: {messages: 5000}}]}\n');
  const count = 2_000;
  const writers = await Promise.all(Array.from({ length: 20 }, (_, i) => join(t, node.url, { auth: { token: token({ sub: `writer ${i}` }) } })));
  for (const writer of writers) await writer.emitWithAck("join", "lobby");
  const answers = await Promise.all(Array.from({ length: count }, (_, i) =>
    writers[i % writers.length].emitWithAck("publish", "lobby", { text: `message ${i} ${"with some more words ".repeat(i % 7)}` })));
  assert.ok(answers.every(({ ok }) => ok));

  const page = await openPage(t, browser, node.url);
  await signInWith(page, token({ sub: "alice" }));
  await entered(page);
  await rows(page).last().waitFor();
  // The place of a text in the window must not change by what is loaded above it. (The name above the first one may go.)
  const jumps = await page.evaluate(async () => {
    const view = document.querySelector('[role="log"]');
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const jumps = [];
    for (let quiet = 0; quiet < 120; quiet++) {
      const shown = [...view.querySelectorAll("[data-id]")];
      if (view.scrollTop > 150) view.scrollTop -= Math.min(400, view.scrollTop - 120);
      await frame();
      const row = shown.find((r) => r.getBoundingClientRect().bottom > view.getBoundingClientRect().top + 60);
      const place = row.getBoundingClientRect().bottom;
      const before = view.querySelectorAll("[data-id]").length;
      await frame();
      await frame();
      if (view.querySelectorAll("[data-id]").length > before) quiet = 0;
      const moved = row.getBoundingClientRect().bottom - place;
      if (Math.abs(moved) > 2) jumps.push(moved);
    }
    return jumps;
  });
  const shown = await rows(page).count();
  assert.deepEqual(jumps, []);
  assert.equal(shown, count);

  const frames = await frameTimes(browser, page, () => page.evaluate(async () => {
    const view = document.querySelector('[role="log"]');
    for (let i = 0; i < 200; i++) {
      view.scrollTop += 300;
      await new Promise((done) => requestAnimationFrame(done));
    }
  }));
  const at = (part) => frames[Math.floor(part * frames.length)];
  t.diagnostic(`work for each of ${frames.length} frames while scrolling: median ${at(0.5).toFixed(1)} ms, 95th percentile ${at(0.95).toFixed(1)} ms`);
  assert.ok(at(0.95) < 1000 / 60, `${at(0.95)} ms of work for a frame`);
  content(page);
});

test("offline for 20 s: ten messages wait and arrive in order", async (t) => {
  const dev = await startDev(t, ["--nodes", "2"]);
  const alice = await openPage(t, browser, dev.nodes[0]);
  const bob = await openPage(t, browser, dev.nodes[1]);
  await signIn(alice, "Alice");
  await signIn(bob, "Bob");
  await say(alice, "before");
  await hears(bob, "before");

  await alice.context().setOffline(true);
  await status(alice).filter({ hasText: "this device is offline" }).waitFor();
  const back = Date.now() + 20_000;
  const mine = Array.from({ length: 10 }, (_, i) => `waiting ${i}`);
  for (const text of mine) await say(alice, text);
  assert.equal(await log(alice).getByText("Waiting to be sent").count(), 10);
  for (let i = 0; i < 3; i++) await say(bob, `meanwhile ${i}`);
  await until(() => Date.now() > back, "20 s", 30_000);
  assert.deepEqual((await said(bob)).filter((text) => text.startsWith("waiting")), []);
  await alice.context().setOffline(false);

  const list = await agree(14, alice, bob);
  assert.deepEqual(list.filter((text) => text.startsWith("waiting")), mine);
  await alice.getByText("Connected again. Nothing was missed.").waitFor();
  assert.equal(await log(alice).getByText("Waiting to be sent").count(), 0);
  content(alice, bob);
});

describe("what is refused is said in words", () => {
  const CONFIG = `
chat:
  rooms:
    - match: "*"
      history: {messages: 100}
`;
  let node;
  before(async () => {
    node = await await startWith(shared, CONFIG);
  });

  for (const [name, bad, words] of [
    ["no token at all", "nonsense", /not signed in: .*token/i],
    ["a token that has ended", token({ exp: 1_000_000_000 }), /not signed in: .*ended/],
    ["a token of somebody else", token({}, { secret: SECRET.replace("a", "b") }), /not signed in: .*token/i],
  ]) {
    test(name, async (t) => {
      const page = await openPage(t, browser, node.url);
      assert.equal(await page.getByLabel("Name", { exact: true }).count(), 0);
      await signInWith(page, bad);
      await page.getByRole("alert").filter({ hasText: words }).waitFor();
      await signInWith(page, token({ sub: "ada" }));
      await entered(page);
      content(page);
    });
  }

  test("a room, a message that is too large, a ban", async (t) => {
    const page = await openPage(t, browser, node.url);
    await signInWith(page, token({ sub: "ada", chorus: { rooms: { join: ["lobby", "team-*"], publish: ["*"] } } }));
    await entered(page);
    await page.getByLabel("Room", { exact: true }).fill("secret");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await page.getByRole("alert").filter({ hasText: /You cannot enter this room: ./ }).waitFor();
    await page.getByRole("button", { name: /^lobby/ }).click();

    await say(page, "x".repeat(100_000));
    await page.getByRole("alert").filter({ hasText: /Not sent: .*more than 65536 bytes/ }).waitFor();
    await page.getByRole("button", { name: "Discard" }).click();
    assert.deepEqual(await said(page), []);

    const moderator = await join(t, node.url, { auth: { token: token({ sub: "mo", chorus: { rooms: { join: ["*"], publish: ["*"], moderate: ["*"] } } }) } });
    const { ok } = await moderator.emitWithAck("ban", "lobby", "ada", { for: 60, reason: "for the test" });
    assert.ok(ok);
    await page.getByRole("alert").filter({ hasText: /no longer in this room: .*/ }).waitFor();
    await page.getByText(/banned you until .*for the test/).waitFor();
    content(page);
  });

  test("a token that ends and cannot be renewed", async (t) => {
    const page = await openPage(t, browser, node.url);
    await signInWith(page, token({ sub: "ada" }, { expiresIn: 3 }));
    await entered(page);
    await page.getByText("Your token ends soon.").waitFor();
    await page.getByRole("alert").filter({ hasText: /ended|expired/ }).waitFor();
    await page.getByLabel("Token", { exact: true }).waitFor();
    content(page);
  });
});

test("hostile names and messages are text", async (t) => {
  const node = await startNode(t);
  const page = await openPage(t, browser, node.url);
  await signInWith(page, token({ sub: "ada" }));
  await entered(page);
  const markup = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
  const names = { markup, rtl: "\u202Egnp.exe\u2066", long: "n".repeat(3_000), control: "a\u0000b\u001b[31m\n\nc" };
  const texts = [
    markup, "\u202E\u2066 everything turned \u2067", "w".repeat(900_000), "`".repeat(50_000), "@".repeat(50_000), "\n".repeat(5_000),
    "javascript:alert(1) http://[ https://user:secret@x/ data:text/html,x", "\ud800 lone \udfff", "z\u0300".repeat(4_000),
  ];
  const values = [...texts.map((text) => ({ text })), null, 7, [], {}, { text: {} }, { text: "a", image: Buffer.from(markup), type: "image/svg+xml" }, { text: "a", mentions: {} }, { __proto__: null, text: markup }, "plain"];
  let sent = 0;
  for (const [sub, name] of Object.entries(names)) {
    const other = await join(t, node.url, { auth: { token: token({ sub: `${sub}${markup}`, name }) } });
    await other.emitWithAck("join", "lobby");
    for (const value of values) {
      const { ok, error } = await other.emitWithAck("publish", "lobby", value);
      assert.ok(ok, JSON.stringify(error));
      sent++;
    }
    await other.emitWithAck("typing", "lobby", true);
  }
  await until(async () => (await rows(page).count()) === sent, `${sent} messages`);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator('img[src="x"], [role="log"] script').count(), 0);
  assert.equal(await rows(page).first().locator("header bdi").textContent(), names.markup);
  await fits(page);
  await page.getByRole("button", { name: "Show the whole message" }).first().click();
  await fits(page);
  await say(page, "still here");
  await hears(page, "still here");
  await accessible(page);
  content(page);
});

test("the policy of the page, over a reload too", async (t) => {
  const node = await startNode(t);
  const page = await openPage(t, browser);
  const answer = await page.goto(node.url);
  const policy = answer.headers()["content-security-policy"];
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  await signInWith(page, token({ sub: "ada" }));
  await entered(page);
  await page.reload();
  await entered(page);
  // What somebody might bring in does not run.
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.hacked = 1";
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(page.complaints.filter((line) => /Content Security Policy/.test(line)).length, 1);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token", { exact: true }).waitFor();
});
