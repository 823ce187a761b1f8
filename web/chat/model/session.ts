// Who is signed in: a token, kept by this tab.

import { signal } from "@preact/signals";
import { SignedOut, type User } from "chorus-kit";
import type { PageConfig } from "./page.js";

const storageKey = "chorus.session";

export interface Session {
  token: string;
  user: User;
  /** Signed in with a name: the development cluster makes new tokens. */
  name?: string;
}

export interface Claims {
  sub?: unknown;
  name?: unknown;
  exp?: unknown;
  [claim: string]: unknown;
}

/** The session of this tab, over a reload too. */
export const session = signal<Session | null>(stored());

function stored(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey) ?? "null") as Session | null;
  } catch {
    return null;
  }
}

function keep(next: Session | null): void {
  if (next === null) sessionStorage.removeItem(storageKey);
  else sessionStorage.setItem(storageKey, JSON.stringify(next));
  session.value = next;
}

/** Reads the claims of a token, without verifying it: the server does that. */
export function claimsOf(token: string): Claims | undefined {
  try {
    const part = token.split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? (claims as Claims) : undefined;
  } catch {
    return undefined;
  }
}

/** The user that a token names. */
export function userOf(token: string): User {
  const claims = claimsOf(token);
  const id = typeof claims?.sub === "string" ? claims.sub : "";
  return typeof claims?.name === "string" ? { id, name: claims.name } : { id };
}

export function signInWithToken(token: string): void {
  keep({ token, user: userOf(token) });
}

export async function signInWithName(name: string): Promise<void> {
  const token = await devToken(name);
  keep({ token, user: userOf(token), name });
}

/** Signs in as the address of a development cluster asks, as in "/?as=Bob". */
export async function signInByAddress(page: PageConfig): Promise<void> {
  const name = new URLSearchParams(location.search).get("as");
  if (!page.dev || name === null) return;
  history.replaceState(null, "", location.pathname);
  if (session.value === null) await signInWithName(name);
}

export function signOut(): void {
  keep(null);
}

async function devToken(name: string): Promise<string> {
  const response = await fetch("_dev/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as { token: string }).token;
}

/**
 * Returns a token that is still good: the present one for the first connection; after that a new one from
 * the development cluster, or from the page that embeds this one.
 */
export function tokenSource(page: PageConfig): () => Promise<string> {
  let used = "";
  return async () => {
    const now = session.value;
    if (now === null) throw new SignedOut();
    if (now.token !== used && !isOver(now.token)) {
      used = now.token;
      return now.token;
    }
    const token = await renew(now, page);
    used = token;
    keep({ ...now, token });
    return token;
  };
}

/** Reports whether there will be a new token before the present one ends, without the user. */
export function canRenew(page: PageConfig): boolean {
  return (page.dev && session.peek()?.name !== undefined) || isEmbedded(page);
}

function isEmbedded(page: PageConfig): boolean {
  return window.parent !== window && page.embedders.length > 0;
}

async function renew(now: Session, page: PageConfig): Promise<string> {
  if (page.dev && now.name !== undefined) return devToken(now.name);
  if (isEmbedded(page)) return askEmbedder(page.embedders);
  if (!isOver(now.token)) return now.token;
  throw new SignedOut("Your token has ended.");
}

function isOver(token: string): boolean {
  const exp = claimsOf(token)?.exp;
  return typeof exp === "number" && exp * 1000 <= Date.now();
}

/** How long the embedding page has to answer, in milliseconds. */
const embedderTimeout = 10_000;

/**
 * Asks the embedding page for a token: it gets the message `{type: "chorus:token-needed"}` and answers
 * with `{type: "chorus:token", token}`. Only origins that the node permits as embedders are heard.
 */
function askEmbedder(origins: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      window.removeEventListener("message", listener);
    };
    const listener = (event: MessageEvent<unknown>) => {
      const data = event.data as { type?: unknown; token?: unknown } | null;
      if (event.source !== window.parent || !origins.includes(event.origin)) return;
      if (data?.type !== "chorus:token" || typeof data.token !== "string") return;
      finish();
      resolve(data.token);
    };
    const timer = setTimeout(() => {
      finish();
      reject(new Error("the embedding page did not answer"));
    }, embedderTimeout);
    window.addEventListener("message", listener);
    for (const origin of origins) window.parent.postMessage({ type: "chorus:token-needed" }, origin);
  });
}
