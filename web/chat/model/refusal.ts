// Refusals in words, and those that need no more than words.

import { RequestError } from "chorus-kit";
import { notify } from "./connection.js";

export const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Tells the user why a request was refused. */
export function complain(error: unknown): void {
  if (error instanceof RequestError) notify(error.message, true);
}
