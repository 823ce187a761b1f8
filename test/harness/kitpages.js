// Pages with the kit, built as a front end builds them, on a server of their own.
import { once } from "node:events";
import { createReadStream, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanup } from "./cleanup.js";

const web = fileURLToPath(new URL("../../web/", import.meta.url));
const types = { ".html": "text/html", ".js": "text/javascript" };

// startKitPages returns the address of the pages in web/kit/test/pages.
export async function startKitPages(t) {
  const { build } = await import(createRequire(join(web, "package.json")).resolve("vite").replace(/index\.cjs$/, "index.js"));
  const root = join(web, "kit/test/pages");
  const outDir = mkdtempSync(join(tmpdir(), "chorus-kit-"));
  cleanup(t, () => rmSync(outDir, { recursive: true }));
  const input = ["shared", "react", "vue"].map((name) => join(root, `${name}.html`));
  await build({ root, configFile: false, logLevel: "error", build: { outDir, emptyOutDir: true, rollupOptions: { input } } });
  const server = createServer((request, answer) => {
    const path = join(outDir, new URL(request.url, "http://x").pathname);
    if (!existsSync(path)) return answer.writeHead(404).end();
    answer.setHeader("Content-Type", types[extname(path)] ?? "application/octet-stream");
    return createReadStream(path).pipe(answer);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup(t, () => new Promise((done) => {
    server.close(done);
    server.closeAllConnections();
  }));
  return `http://127.0.0.1:${server.address().port}`;
}
