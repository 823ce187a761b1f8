// The chat page, by the names that people and screen readers know.
import { until } from "./wait.js";

export async function signIn(page, name) {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await entered(page);
}

export async function signInWith(page, token) {
  await page.getByLabel("Token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// entered waits until the page is connected and its room is open.
export async function entered(page) {
  await status(page).filter({ hasText: "Connected" }).waitFor();
  await page.getByRole("log", { name: "Messages" }).getByText(/begins|older|Nothing was said/).waitFor();
}

export const status = (page) => page.getByRole("status");
export const log = (page) => page.getByRole("log", { name: "Messages" });
export const field = (page) => page.getByLabel("Message", { exact: true });
export const rows = (page) => log(page).locator("[data-id]");

export async function say(page, text) {
  await field(page).fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

export const hears = (page, text) => rows(page).filter({ hasText: text }).last().waitFor();

// sent waits until an own message is marked as accepted; it is shown before that.
export const sent = (page, text) => rows(page).filter({ hasText: text }).last().getByText("✓").waitFor();

// said returns what stands in the log: the text of each message, in its order. Each must have an id of its own.
export async function said(page) {
  const list = await rows(page).evaluateAll((all) => all.map((row) => [row.dataset.id, row.querySelector(".text")?.textContent]));
  const ids = list.map(([id]) => id);
  if (new Set(ids).size !== ids.length) throw new Error(`a message stands twice: ${JSON.stringify(list)}`);
  return list.map(([, text]) => text);
}

// agree waits until several pages show the same messages, of which there are so many, and returns them.
export async function agree(count, ...pages) {
  return until(async () => {
    const lists = await Promise.all(pages.map(said));
    return lists.every((list) => list.length === count && JSON.stringify(list) === JSON.stringify(lists[0])) && lists[0];
  }, `${count} messages, the same on each page`);
}

export const members = async (page) =>
  (await page.getByRole("list", { name: "Members" }).locator("li bdi:first-of-type").allTextContents()).map((name) => name.trim()).toSorted();
