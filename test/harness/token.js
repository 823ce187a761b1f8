// Tokens as some other server makes them, with the secret that the nodes know.
import jwt from "jsonwebtoken";

export const SECRET = "a secret of the tests, long enough for HS512: 0123456789abcdefghijklmnop";

export function token(claims = {}, { secret = SECRET, ...options } = {}) {
  return jwt.sign({ sub: "ada", ...claims }, secret, { algorithm: "HS256", ...("exp" in claims ? {} : { expiresIn: "1h" }), ...options });
}

const now = () => Math.floor(Date.now() / 1000);
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// The tokens of which only the first opens the door, with the code of the refusal.
export const tokens = {
  good: { make: () => token() },
  missing: { make: () => undefined, code: "credentials_required" },
  expired: { make: () => token({ exp: now() - 60 }), code: "token_expired" },
  "not yet active": { make: () => token({ nbf: now() + 600 }), code: "token_not_active" },
  "wrong secret": { make: () => token({}, { secret: SECRET.replace("a", "b") }), code: "invalid_token" },
  "alg none": { make: () => `${part({ alg: "none", typ: "JWT" })}.${part({ sub: "ada", exp: now() + 3600 })}.`, code: "invalid_token" },
  truncated: { make: () => token().slice(0, -5), code: "invalid_token" },
};
