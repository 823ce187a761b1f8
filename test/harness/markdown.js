// The code blocks of the documentation.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** blocks returns the code blocks of a page in one language, in their order. */
export function blocks(page, language) {
  const text = readFileSync(root + page, "utf8");
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, name]) => name === language).map(([, , code]) => code);
}

/** block returns the first code block of a page that contains a text. */
export function block(page, language, text) {
  const found = blocks(page, language).find((code) => code.includes(text));
  if (found === undefined) throw new Error(`${page} has no ${language} block with ${text}`);
  return found;
}

export { root };
