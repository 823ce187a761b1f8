// Redis Streams, as @socket.io/redis-streams-adapter has them.
import { interop } from "./harness/interop.js";

interop("streams");
