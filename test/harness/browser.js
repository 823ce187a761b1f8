// A real browser, without a screen.
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { cleanup } from "./cleanup.js";
import { PATIENCE_MS } from "./wait.js";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

export const SIZES = {
  phone: { width: 390, height: 844 },
  tablet: { width: 820, height: 1180 },
  desktop: { width: 1440, height: 900 },
};

// startBrowser returns a browser.
export async function startBrowser(t) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
  cleanup(t, () => browser.close());
  return browser;
}

// What Chromium itself says of requests that are not answered, or that are refused. No page can prevent it.
const network = /net::ERR_|WebSocket connection to .* failed|status of [45]\d\d|closed before the connection is established/;

// openPage opens a page of a user of its own: its storage is not shared. The page fails the test at its end when it
// complained: of an error in a script, in the console, of the security policy, or when it asked another host.
export async function openPage(t, browser, url, options = {}) {
  const context = await browser.newContext({ viewport: SIZES.desktop, locale: "en-GB", timezoneId: "Europe/Berlin", ...options });
  const page = watch(await context.newPage());
  if (url) await page.goto(url);
  return page;
}

// watch collects the complaints of a page.
export function watch(page) {
  page.complaints = [];
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (err) => page.complaints.push(`error: ${err.stack}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type()) || network.test(message.text())) return;
    page.complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (/^(http|ws)/.test(protocol) && !["127.0.0.1", "localhost"].includes(hostname)) page.complaints.push(`request to ${request.url()}`);
  });
  return page;
}

// content fails unless pages have nothing to complain about.
export function content(...pages) {
  for (const page of pages) assert.deepEqual(page.complaints, []);
}

// accessible fails when axe finds something serious.
export async function accessible(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`);
  assert.deepEqual(serious, []);
}

// fits fails when a page is wider than its window.
export async function fits(page) {
  const { wide, window } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, window: innerWidth }));
  assert.ok(wide <= window, `the page is ${wide} pixels wide in a window of ${window}`);
}
