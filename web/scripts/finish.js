// Finishes dist: adds the official client, as Node.js servers serve it, and compresses every file.

import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = join(import.meta.dirname, "..", "dist");
const client = join(import.meta.dirname, "..", "node_modules", "socket.io-client", "dist");
cpSync(client, join(dist, "client"), { recursive: true });

const budget = 150_000; // bytes of all scripts and styles of one page, compressed with gzip

let pages = 0;
for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  if (!/\.(js|css|html|svg|map)$/.test(name)) continue;
  const path = join(dist, name);
  const bytes = readFileSync(path);
  const small = gzipSync(bytes, { level: 9 });
  writeFileSync(`${path}.gz`, small);
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  if (name.startsWith("assets")) pages += small.length;
}
if (pages > budget) throw new Error(`the pages take ${pages} bytes compressed, more than ${budget}`);
console.log(`pages: ${pages} bytes compressed`);
