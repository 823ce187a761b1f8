// The classic adapter, createAdapter of Node.js.
import { interop } from "./harness/interop.js";

interop();
