// A cluster of chorus dev.
import { BINARY } from "./chorus.js";
import { run } from "./program.js";

// startDev returns the cluster with what it prints: the URLs of its nodes and its front door, the secret, the
// tokens of two users and the snippets for them.
export async function startDev(t, args = []) {
  const dev = run(t, BINARY, ["dev", "--listen", "127.0.0.1:0", ...args]);
  await dev.line((line) => (line.includes("Ctrl-C") ? true : undefined), "the screen");
  const nodes = [...dev.output.matchAll(/^ *node \d+ +(\S+)$/gm)].map(([, url]) => url);
  const [, frontDoor] = /front door +(\S+)/.exec(dev.output);
  const [, secret] = /secret +(\S+)/.exec(dev.output);
  const tokens = [...dev.output.matchAll(/token\n +(\S+)$/gm)].map(([, value]) => value);
  const snippets = Object.fromEntries([...dev.output.matchAll(/^ *\/\/ (Alice|Bob), .*\n((?: +\S.*\n?)+)/gm)].map(([, name, code]) => [name, code]));
  return Object.assign(dev, { nodes, frontDoor, secret, tokens, snippets });
}
