// Redis Streams, as @socket.io/redis-streams-adapter has them: as they are by default, and with several streams
// and sharded pub/sub.
import { describe } from "node:test";
import { interop } from "./harness/interop.js";

describe("as they are by default", () => interop("streams"));
describe("three streams and sharded pub/sub", () => interop("streams", { streamCount: 3, useShardedPubSub: true }));
