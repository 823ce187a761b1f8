// A back end that issues tokens for its users: POST /token {"user": "ada", "name": "Ada"}. A real one knows who asks, by its
// own session.
import { createHmac, randomUUID } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.CHORUS_AUTH_SECRET;
if (!secret) throw new Error("set CHORUS_AUTH_SECRET to that of the nodes");

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(claims) {
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

const server = createServer(async (request, response) => {
  if (request.method !== "POST" || request.url !== "/token") return void response.writeHead(404).end();
  let body = "";
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 4096) return void response.writeHead(413).end();
  }
  let user, name;
  try {
    ({ user, name } = JSON.parse(body));
  } catch {
    return void response.writeHead(400).end();
  }
  if (typeof user !== "string" || user === "") return void response.writeHead(400).end();
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: user, name, jti: randomUUID(), iat: now, exp: now + 15 * 60, chorus: { rooms: { join: ["lobby", "team-*"] } } };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ token: sign(claims) }));
});
server.listen(Number(process.env.PORT ?? 4000), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
