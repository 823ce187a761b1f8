// A load balancer without sticky sessions: each request goes to the next node. As real ones do, it repeats a GET
// whose node broke off before it answered.
import { once } from "node:events";
import http from "node:http";
import { connect } from "node:net";
import { cleanup } from "./cleanup.js";

export async function startRoundRobin(t, nodes) {
  const targets = nodes.map((node) => new URL(node.url ?? node));
  let turn = 0;
  const next = () => targets[turn++ % targets.length];
  const agents = new Map(targets.map((target) => [target.host, new http.Agent({ keepAlive: true })]));

  const server = http.createServer(async (request, response) => {
    const chunks = [];
    if (request.method !== "GET") for await (const chunk of request) chunks.push(chunk);
    const headers = { ...request.headers, "x-forwarded-for": request.socket.remoteAddress };
    const attempt = (left) => {
      const target = next();
      const onward = http.request({ host: target.hostname, port: target.port, path: request.url, method: request.method, headers, agent: agents.get(target.host) });
      onward.on("response", (answer) => {
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
        answer.on("error", () => response.destroy());
      });
      onward.on("error", (err) => {
        if (response.headersSent || response.destroyed) return response.destroy();
        if (left > 0 && (request.method === "GET" || onward.reusedSocket || err.code === "ECONNREFUSED")) return attempt(left - 1);
        response.writeHead(502).end("bad gateway");
      });
      response.on("close", () => !response.writableFinished && onward.destroy());
      onward.end(Buffer.concat(chunks));
    };
    attempt(targets.length);
  });
  server.on("upgrade", (request, socket, head) => {
    const attempt = (left) => {
      const target = next();
      const onward = connect(target.port, target.hostname, () => {
        const lines = [`${request.method} ${request.url} HTTP/1.1`];
        for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
        onward.write(`${lines.join("\r\n")}\r\n\r\n`);
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      onward.on("error", () => (left > 0 && onward.connecting !== false && onward.bytesRead === 0 ? attempt(left - 1) : socket.destroy()));
      onward.on("close", () => onward.bytesRead > 0 && socket.destroy());
      socket.on("error", () => onward.destroy()).on("close", () => onward.destroy());
    };
    attempt(targets.length);
  });
  server.keepAliveTimeout = 120_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup(t, () => {
    server.closeAllConnections();
    for (const agent of agents.values()) agent.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${server.address().port}` };
}
