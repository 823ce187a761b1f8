// A file of the test's own.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { cleanup } from "./cleanup.js";

// file writes a file that goes with the test, and returns its path.
export async function file(t, name, text) {
  const folder = await mkdtemp(joinPath(tmpdir(), "chorus-test-"));
  cleanup(t, () => rm(folder, { recursive: true }));
  const path = joinPath(folder, name);
  await writeFile(path, text);
  return path;
}
