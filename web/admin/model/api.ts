// The HTTP API of the node that serves this page.

import { signal } from "@preact/signals";
import { text } from "../text.js";

const storageKey = "chorus.key";

/** The API key of this tab, null before the sign-in. */
export const key = signal<string | null>(sessionStorage.getItem(storageKey));

/** What the key may do. */
export interface Self {
  name: string;
  scopes: string[];
}

export const self = signal<Self | null>(null);

/** A request that failed. `message` is for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Joins parts of a path. Names of rooms and users may hold any character. */
export function path(strings: TemplateStringsArray, ...names: string[]): string {
  return strings.reduce((joined, piece, i) => joined + encodeURIComponent(names[i - 1] ?? "") + piece);
}

async function ask(token: string, method: Method, where: string, body?: object): Promise<Response> {
  const headers: Record<string, string> = { Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(`/api/v1${where}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  } catch {
    throw new ApiError(0, "unreachable", text.unreachable);
  }
}

async function answerOf<T>(response: Response): Promise<T> {
  const words = await response.text();
  let answer: unknown;
  try {
    answer = words === "" ? {} : JSON.parse(words);
  } catch {
    answer = {};
  }
  if (response.ok) return answer as T;
  const { code, detail, title } = answer as { code?: string; detail?: string; title?: string };
  throw new ApiError(response.status, code ?? String(response.status), detail ?? title ?? `${response.status} ${response.statusText}`);
}

/** Calls an operation. A key that is no longer good ends the session. */
export async function call<T>(method: Method, where: string, body?: object): Promise<T> {
  const token = key.peek();
  if (token === null) throw new ApiError(401, "signed_out", text.signedOut);
  const response = await ask(token, method, where, body);
  if (response.status === 401) signOut();
  return answerOf<T>(response);
}

export async function signIn(token: string): Promise<void> {
  self.value = await answerOf<Self>(await ask(token, "GET", "/self"));
  sessionStorage.setItem(storageKey, token);
  key.value = token;
}

export function signOut(): void {
  sessionStorage.removeItem(storageKey);
  key.value = null;
  self.value = null;
}

/** Reports whether the key permits a scope, such as "moderate". */
export function may(scope: string): boolean {
  const scopes = self.value?.scopes ?? [];
  const whole = scope.replace(/:read$/, "");
  return [scope, whole, "admin", ...(whole === scope ? [] : ["admin:read"])].some((name) => scopes.includes(name));
}
