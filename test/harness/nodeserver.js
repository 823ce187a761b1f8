// A Node.js server in a process of its own: see startNodeProcess. It ends with a signal.
import { startNodePeer } from "./peers.js";

const forever = { after() {} };
const { url } = await startNodePeer(forever, { url: process.env.REDIS_URL }, JSON.parse(process.env.OPTIONS));
console.log(url);
