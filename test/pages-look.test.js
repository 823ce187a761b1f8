// How the chat page looks and is used: sizes, light and dark, screen readers, the keyboard.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { accessible, content, fits, openPage, SIZES, startBrowser } from "./harness/browser.js";
import { entered, field, hears, rows, say, signIn } from "./harness/chatpage.js";
import { sharedByTests } from "./harness/cleanup.js";
import { join } from "./harness/client.js";
import { startDev } from "./harness/dev.js";
import { token } from "./harness/token.js";
import { until } from "./harness/wait.js";

const shared = sharedByTests();

let browser;
before(async () => {
  browser = await startBrowser(shared);
});

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${size}, ${colorScheme}: it fits, and axe finds nothing serious`, async (t) => {
      const dev = await startDev(t, ["--nodes", "2"]);
      const page = await openPage(t, browser, dev.nodes[0], { viewport, colorScheme, reducedMotion: "reduce", hasTouch: size !== "desktop" });
      await fits(page);
      await accessible(page);
      await signIn(page, "Alice");
      const bob = await join(t, dev.nodes[1], { auth: { token: token({ sub: "bob", name: "Bob" }, { secret: dev.secret }) } });
      await bob.emitWithAck("join", "lobby");
      await bob.emitWithAck("publish", "lobby", { text: "hello @Alice, `code` and https://example.com", mentions: ["Alice"] });
      await hears(page, "hello");
      await say(page, "a message of my own ".repeat(20));
      await fits(page);
      await accessible(page);
      if (size !== "desktop") {
        await page.getByRole("button", { name: "Open the list of members" }).click();
        await page.getByRole("list", { name: "Members" }).getByText("Bob").waitFor();
        await accessible(page);
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: "Open the list of members", expanded: false }).waitFor();
      }
      if (size === "phone") {
        await page.getByRole("button", { name: "Open the list of rooms" }).click();
        await page.getByLabel("Room", { exact: true }).fill("team");
        await page.getByRole("button", { name: "Join", exact: true }).click();
        await page.getByRole("heading", { name: "team", level: 1 }).waitFor();
      }
      assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
      await fits(page);
      content(page);
    });
  }
}

test("by keyboard alone", async (t) => {
  const dev = await startDev(t, ["--nodes", "1"]);
  const page = await openPage(t, browser, dev.nodes[0]);
  await page.getByLabel("Name", { exact: true }).focus();
  await page.keyboard.type("Alice");
  await page.keyboard.press("Enter");
  await entered(page);
  await field(page).focus();
  await page.keyboard.type("by key");
  await page.keyboard.press("Enter");
  await hears(page, "by key");
  // A message has actions once it is sent.
  await page.getByRole("button", { name: "Actions for the message of Alice" }).waitFor({ state: "attached" });
  // Back from the field to the actions of the message, and there to Delete.
  for (let i = 0; i < 10; i++) {
    await page.keyboard.press("Shift+Tab");
    if (await page.evaluate(() => document.activeElement.getAttribute("aria-label")?.startsWith("Actions for"))) break;
  }
  const opened = rows(page).first();
  const actions = page.getByRole("button", { name: "Actions for the message of Alice" });
  const focused = (element, what) => until(() => element.evaluate((it) => it === document.activeElement), what);
  await page.keyboard.press("Enter");
  await opened.getByRole("button", { name: "Delete" }).waitFor();
  // Escape closes them, and the field of an edit; the focus stays with the message.
  await page.keyboard.press("Escape");
  await opened.getByRole("button", { name: "Delete" }).waitFor({ state: "detached" });
  await focused(actions, "the button has the focus");
  await page.keyboard.press("Enter");
  await opened.getByRole("button", { name: "Edit" }).press("Enter");
  await focused(opened.getByLabel("Edit", { exact: true }), "the field of the edit has the focus");
  await page.keyboard.press("Escape");
  await focused(actions, "the button has the focus again");
  await page.keyboard.press("Enter");
  await opened.getByRole("button", { name: "Delete" }).waitFor();
  for (let i = 0; i < 10; i++) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement.textContent)) === "Delete") break;
  }
  await page.keyboard.press("Enter");
  await page.getByText("This message was deleted.").waitFor();
  await focused(page.getByRole("log", { name: "Messages" }), "the log has the focus");
  content(page);
});
