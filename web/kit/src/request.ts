// Requests with an answer, as promises.

import type { Answer, ChorusClient, ClientToServer, Refusal } from "./types.js";

/** A request that the server refused, or that got no answer (code "timeout"). */
export class RequestError extends Error {
  readonly code: string;

  constructor(readonly refusal: Refusal) {
    super(refusal.message);
    this.name = "RequestError";
    this.code = refusal.code;
  }

  /** Reports whether the same request may succeed later. */
  get temporary(): boolean {
    return temporaryCodes.has(this.code);
  }
}

const temporaryCodes = new Set([
  "timeout",
  "cluster_unavailable",
  "overloaded",
  "rate_limited",
  "slow_mode",
  "hook_failed",
  "internal_error",
  "not_joined",
]);

type Arguments<E extends keyof ClientToServer> =
  Parameters<ClientToServer[E]> extends [...infer A, (answer: Answer<infer _>) => void] ? A : never;
type Result<E extends keyof ClientToServer> =
  Parameters<ClientToServer[E]> extends [...infer _, (answer: Answer<infer R>) => void] ? R : never;

/** How long a request waits for its answer, in milliseconds. */
export const requestTimeout = 10_000;

/** Sends a request. The promise rejects with a RequestError when the server refuses or does not answer. */
export async function request<E extends keyof ClientToServer>(
  socket: ChorusClient,
  event: E,
  ...args: Arguments<E>
): Promise<Result<E>> {
  let answer: Answer<Result<E> & object>;
  try {
    // The client types each event by itself; here the event is a parameter.
    const sender = socket.timeout(requestTimeout) as unknown as {
      emitWithAck(event: string, ...args: unknown[]): Promise<Answer<Result<E> & object>>;
    };
    answer = await sender.emitWithAck(event, ...args);
  } catch {
    throw new RequestError({ code: "timeout", message: "The server did not answer." });
  }
  if (!answer.ok) throw new RequestError(answer.error);
  return answer;
}
