// Nodes with API keys.
import { addresses, BINARY, chorus, environment } from "./chorus.js";
import { file } from "./file.js";
import { run } from "./program.js";

// makeKey returns an API key with what a node is configured with.
export async function makeKey(t, name, ...scopes) {
  const { output } = await chorus(t, ["api", "key", name, ...scopes.flatMap((scope) => ["--scope", scope]), "--json"]);
  const { key, hash } = JSON.parse(output);
  return { name, key, hash, scopes };
}

// startOperated returns nodes that know the keys; more is the rest of their configuration.
export async function startOperated(t, count, redis, keys, more = "") {
  const list = keys.map(({ name, hash, scopes }) => `    - {name: ${name}, hash: "${hash}", scopes: [${scopes.map((s) => `"${s}"`)}]}`);
  const config = await file(t, "chorus.yaml", `api:\n  keys:\n${list.join("\n")}\n${more}`);
  return Promise.all(Array.from({ length: count }, async () => {
    const program = run(t, BINARY, ["serve", "--config", config], environment(redis));
    return Object.assign(program, await addresses(program));
  }));
}
