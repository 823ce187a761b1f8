// The official client, as a node serves it: to tutorials, as a server of Node.js does.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { fileURLToPath } from "node:url";
import { describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { Server } from "socket.io";
import { cleanup } from "./harness/cleanup.js";
import { content, openPage, startBrowser } from "./harness/browser.js";
import { startNode } from "./harness/chorus.js";
import { token } from "./harness/token.js";

const names = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"].flatMap((name) => [name, `${name}.map`]);

// get asks without the help of fetch, which decompresses by itself.
async function get(url, headers = {}) {
  const asked = request(url, { headers }).end();
  const [answer] = await once(asked, "response");
  const chunks = await answer.toArray();
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
}

async function listen(t, server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup(t, () => new Promise((done) => server.close(done)));
  return `http://127.0.0.1:${server.address().port}`;
}

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
const decoders = { gzip: gunzipSync, br: brotliDecompressSync };

describe("the files of the client", () => {
  for (const name of names) {
    test(name, async (t) => {
      const http = createServer();
      const io = new Server(http);
      cleanup(t, () => io.close());
      const [theirs, ours] = [await listen(t, http), (await startNode(t)).url];
      const [expected, got] = await Promise.all([theirs, ours].map((url) => get(`${url}/socket.io/${name}`)));
      assert.equal(got.status, 200);
      assert.equal(hash(got.body), hash(expected.body));
      assert.equal(got.headers["content-type"].split(";")[0].replace("text/javascript", "application/javascript"), expected.headers["content-type"].split(";")[0]);
      assert.ok(got.headers.etag);
      assert.equal(got.headers["cache-control"], expected.headers["cache-control"]);
      for (const [coding, decode] of Object.entries(decoders)) {
        const small = await get(`${ours}/socket.io/${name}`, { "Accept-Encoding": coding });
        assert.equal(small.headers["content-encoding"], coding);
        assert.match(small.headers.vary, /Accept-Encoding/i);
        assert.equal(hash(decode(small.body)), hash(expected.body));
        assert.ok(small.body.length < got.body.length / 2);
        const again = await get(`${ours}/socket.io/${name}`, { "Accept-Encoding": coding, "If-None-Match": small.headers.etag });
        assert.deepEqual([again.status, again.body.length], [304, 0]);
      }
      assert.equal((await get(`${ours}/socket.io/${name}`, { "If-None-Match": '"other", W/' + got.headers.etag })).status, 304);
    });
  }

  test("serve_client: false turns them off, pages.enabled: false the pages", async (t) => {
    const node = await startNode(t, undefined, { CHORUS_SERVE_CLIENT: "false", CHORUS_PAGES_ENABLED: "false" });
    for (const path of [...names.map((name) => `/socket.io/${name}`), "/", "/chorus.json", "/assets/"]) {
      assert.notEqual((await get(node.url + path)).status, 200, path);
    }
  });
});

for (const [name, script] of [
  ["a script", '<script src="NODE/socket.io/socket.io.js"></script><script>start(io);</script>'],
  ["a module", '<script type="module">import { io } from "NODE/socket.io/socket.io.esm.min.js"; start(io);</script>'],
]) {
  test(`the page of a tutorial, with ${name}`, async (t) => {
    const node = await startNode(t, undefined, { CHORUS_CORS_ORIGINS: "*" });
    const page = `<!doctype html><title>chat</title><link rel="icon" href="data:,"><ul id="messages"></ul>
      <script>
        function start(io) {
          const socket = io("NODE", { auth: { token: "${token()}" } });
          socket.on("message", (text) => {
            const item = document.createElement("li");
            item.textContent = text;
            document.querySelector("#messages").append(item);
          });
          socket.on("connect", () => socket.emit("message", "hello from a tutorial"));
        }
      </script>${script}`.replaceAll("NODE", node.url);
    const site = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end(page));
    const browser = await startBrowser(t);
    const tab = await openPage(t, browser, await listen(t, site));
    await tab.getByText("hello from a tutorial").waitFor();
    content(tab);
  });
}

test("each page takes less than 150 KB, compressed", () => {
  const dist = fileURLToPath(new URL("../web/dist/", import.meta.url));
  const sizes = readdirSync(`${dist}assets`).filter((name) => name.endsWith(".gz")).map((name) => readFileSync(`${dist}assets/${name}`).length);
  assert.ok(sizes.length > 0);
  assert.ok(sizes.reduce((a, b) => a + b) < 150_000);
});
