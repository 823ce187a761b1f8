// The code blocks and links of the documentation.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** pages are those for people who use Chorus. */
export const pages = ["README.md", "CONTRIBUTING.md", ...readdirSync(`${root}docs`).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];

const textOf = (page) => readFileSync(root + page, "utf8");

/** blocks returns the code blocks of a page, in their order. */
export function blocks(page) {
  return [...textOf(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({ page, language, code }));
}

const anchorOf = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");

/** brokenLinks returns the links of a page to files and headings that do not exist. */
export function brokenLinks(page) {
  const text = textOf(page).replaceAll(/^```[\s\S]*?^```$/gm, "").replaceAll(/`[^`\n]*`/g, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false; // of somebody else
    const [path, anchor] = link.split("#");
    const file = path === "" ? page : join(dirname(page), path);
    if (!existsSync(root + file)) return true;
    if (anchor === undefined) return false;
    return ![...textOf(file).matchAll(/^#+ +(.*)$/gm)].some(([, heading]) => anchorOf(heading) === anchor);
  });
}

/** Ledger hands out code blocks, and knows which nobody has asked for. */
export class Ledger {
  #all = pages.flatMap(blocks);
  #taken = new Set();

  /** take returns the one block of a page that contains a text. */
  take(page, text) {
    const found = this.#all.filter((block) => block.page === page && block.code.includes(text));
    if (found.length !== 1) throw new Error(`${page} has ${found.length} blocks with ${JSON.stringify(text)}, and should have one`);
    this.#taken.add(found[0]);
    return found[0].code;
  }

  /** takeAll returns all blocks in a language. */
  takeAll(language) {
    const found = this.#all.filter((block) => block.language === language);
    for (const block of found) this.#taken.add(block);
    return found;
  }

  /** left returns the blocks that nobody has taken. */
  left() {
    return this.#all.filter((block) => !this.#taken.has(block));
  }
}
