// An issuer of tokens: keys of its own, published as a JSON Web Key Set over HTTP.
import { createPrivateKey, generateKeyPairSync, randomUUID, sign as signBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import jwt from "jsonwebtoken";
import { cleanup } from "./cleanup.js";

const KINDS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  ES384: ["ec", { namedCurve: "P-384" }],
  ES512: ["ec", { namedCurve: "P-521" }],
  EdDSA: ["ed25519", {}],
};

// newKey returns a key pair that signs with the algorithm.
export function newKey(algorithm) {
  const [type, options] = KINDS[algorithm];
  const { publicKey, privateKey } = generateKeyPairSync(type, options);
  return { kid: randomUUID(), algorithm, publicKey, privateKey, pem: publicKey.export({ type: "spki", format: "pem" }) };
}

const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

// signWith makes a token; jsonwebtoken knows every algorithm but EdDSA.
export function signWith(key, claims = {}) {
  const payload = { sub: "ada", exp: Math.floor(Date.now() / 1000) + 3600, ...claims };
  if (key.algorithm !== "EdDSA") return jwt.sign(payload, key.privateKey, { algorithm: key.algorithm, keyid: key.kid, noTimestamp: true });
  const input = `${part({ alg: "EdDSA", typ: "JWT", kid: key.kid })}.${part(payload)}`;
  return `${input}.${signBytes(null, Buffer.from(input), createPrivateKey(key.privateKey.export({ type: "pkcs8", format: "pem" }))).toString("base64url")}`;
}

class Issuer {
  keys = [];
  requests = 0;

  // rotate publishes a new key instead of the others, or beside those that are kept.
  rotate(algorithm = "ES256", keep = 0) {
    const key = newKey(algorithm);
    this.keys = [key, ...this.keys.slice(0, keep)];
    return key;
  }

  document() {
    return JSON.stringify({ keys: this.keys.map(({ kid, algorithm, publicKey }) => ({ ...publicKey.export({ format: "jwk" }), kid, alg: algorithm, use: "sig" })) });
  }

  async start(port = 0) {
    this.server = createServer((request, response) => {
      this.requests++;
      response.setHeader("Content-Type", "application/json");
      response.end(this.document());
    }).listen(port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/.well-known/jwks.json`;
  }

  async stop() {
    if (!this.server.listening) return;
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}

export async function startIssuer(t) {
  const issuer = new Issuer();
  issuer.rotate();
  await issuer.start();
  cleanup(t, () => issuer.stop());
  return issuer;
}
