// The sharded adapter, createShardedAdapter of Node.js, in each of its modes.
import { describe } from "node:test";
import { interop } from "./harness/interop.js";

for (const mode of ["dynamic", "dynamic-private", "static"]) describe(mode, () => interop(mode));
