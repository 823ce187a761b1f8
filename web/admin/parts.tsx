// Small parts that several pages use.

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { text } from "./text.js";

/** What went wrong, if anything. */
export function Problem({ of }: { of: Signal<string> }) {
  return (
    <p class="bad" role="alert">
      {of.value}
    </p>
  );
}

interface TableProps {
  label: string;
  heads: string[];
  /** Those of the heads that stand above numbers. */
  numbers?: string[];
  children: ComponentChildren;
}

/** A table that scrolls by itself on narrow screens. */
export function Table({ label, heads, numbers = [], children }: TableProps) {
  return (
    <div class="scroll-x" tabIndex={0} role="group" aria-label={label}>
      <table aria-label={label}>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col" class={numbers.includes(head) ? "number" : ""}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** Buttons that go through the pages of a list. */
export function Pager({ cursor, next }: { cursor: Signal<string>; next: string | undefined }) {
  if (cursor.value === "" && next === undefined) return null;
  return (
    <p class="pager">
      <button type="button" disabled={cursor.value === ""} onClick={() => (cursor.value = "")}>
        {text.first}
      </button>
      <button type="button" disabled={next === undefined} onClick={() => (cursor.value = next ?? "")}>
        {text.more}
      </button>
    </p>
  );
}

/** Reads a form as texts without space around them. */
export function fieldsOf(event: SubmitEvent): Record<string, string> {
  event.preventDefault();
  return valuesOf(event.currentTarget as HTMLFormElement);
}

/** The values of the fields of a form, without space around them. */
export function valuesOf(form: HTMLFormElement): Record<string, string> {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
}

export const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));
