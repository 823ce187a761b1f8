// A back end that webhooks and the authorise hook call: it verifies every request and answers as the test wants.
import { once } from "node:events";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";
import { cleanup } from "./cleanup.js";
import { within } from "./wait.js";

export const WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
export const WHSEC_OLD = "whsec_b2xkIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVz";

class Receiver {
  constructor(answer, secret) {
    this.answer = answer; // (request) => {status, headers, body, delay, hang} or nothing for 204
    this.requests = []; // {id, at, body, headers, path}
    this.faults = []; // requests that were not signed as they must be
    this.open = 0;
    this.most = 0; // requests at a time
    this.wake = new Set();
    const verifier = new Webhook(secret);
    this.server = createServer(async (req, res) => {
      this.most = Math.max(this.most, ++this.open);
      res.on("close", () => this.open--);
      let text = "";
      for await (const chunk of req.setEncoding("utf8")) text += chunk;
      try {
        verifier.verify(text, req.headers);
      } catch (err) {
        this.faults.push(`${req.method} ${req.url}: ${err}`);
      }
      const request = { id: req.headers["webhook-id"], at: Date.now(), body: JSON.parse(text), text, headers: req.headers, path: req.url, method: req.method };
      this.requests.push(request);
      const { status = 204, headers = {}, body, delay = 0, hang = false } = (await this.answer(request)) ?? {};
      request.status = status;
      for (const wake of this.wake) wake();
      if (hang) return;
      if (delay) await new Promise((resolve) => setTimeout(resolve, delay));
      res.writeHead(status, headers);
      res.end(body === undefined || typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    });
  }

  async listen(port = 0) {
    this.server.listen(port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/hook`;
  }

  // down ends the receiver as if it was killed; listen(port) brings it back.
  async down() {
    const closed = once(this.server, "close");
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  // until waits for requests.
  async until(done, what, ms) {
    let wake;
    const enough = new Promise((resolve) => {
      wake = () => done(this.requests) && resolve();
      this.wake.add(wake);
      wake();
    });
    try {
      await within(enough, `${what}; there were ${JSON.stringify(this.requests.slice(-3).map((r) => r.body))}`, ms);
    } finally {
      this.wake.delete(wake);
    }
    return this.requests;
  }
}

// startReceiver returns a back end that listens on loopback.
export async function startReceiver(t, answer = () => undefined, secret = WHSEC) {
  const receiver = new Receiver(answer, secret);
  await receiver.listen();
  cleanup(t, () => receiver.server.listening && receiver.down());
  return receiver;
}
