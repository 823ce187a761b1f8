// Empties dist, but for the file that keeps the folder in the repository.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const dist = join(import.meta.dirname, "..", "dist");
for (const name of readdirSync(dist)) {
  if (name !== "README") rmSync(join(dist, name), { recursive: true });
}
