// Calls of the HTTP API whose answers are compared with openapi.json, by a validator that has nothing to do with the server.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

export const document = JSON.parse(readFileSync(new URL("../../api/openapi.json", import.meta.url)));

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
for (const format of ["int64", "int32", "double"]) ajv.addFormat(format, true);
ajv.addSchema(document, "openapi");

// operations are those of the document: {method, path, operation}.
export const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })));

function operationOf(method, path) {
  const segments = path.split("?")[0].split("/");
  const fits = ({ path: template }) => {
    const wanted = template.split("/");
    return wanted.length === segments.length && wanted.every((part, i) => part.startsWith("{") ? segments[i] !== "" : part === segments[i]);
  };
  return operations.filter((o) => o.method === method && fits(o)).sort((a, b) => a.path.split("{").length - b.path.split("{").length)[0];
}

// pointer makes a JSON pointer of names.
const pointer = (...names) => names.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

function check(path, value, what) {
  const validate = ajv.getSchema(`openapi#${path}`);
  assert.ok(validate(value), `${what}: ${JSON.stringify(value).slice(0, 500)} ${ajv.errorsText(validate.errors)}`);
}

// Api calls one node with one key.
export class Api {
  constructor(url, key) {
    Object.assign(this, { url, key });
  }

  // raw sends a request and returns {status, headers, text, body}. Every answer is compared with the document.
  async raw(method, path, body, headers = {}) {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { ...(this.key ? { authorization: `Bearer ${this.key}` } : {}), ...(body !== undefined ? { "content-type": "application/json" } : {}), ...headers },
      body: body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const answer = { status: response.status, headers: response.headers, text, body: text === "" ? undefined : JSON.parse(text) };
    const what = `${method} ${path.slice(0, 100)}: ${response.status}`;
    for (const name of ["x-request-id", "ratelimit", "ratelimit-policy"]) assert.ok(response.headers.get(name), `${what} has no ${name}`);
    if (method === "HEAD") return answer;
    if (response.status === 200) {
      const { method: m, path: template } = operationOf(method, path);
      check(pointer("paths", template, m.toLowerCase(), "responses", "200", "content", "application/json", "schema"), answer.body, what);
    } else if (text !== "") {
      assert.equal(response.headers.get("content-type"), "application/problem+json", what);
      check(pointer("components", "schemas", "Problem"), answer.body, what);
      assert.equal(answer.body.status, response.status);
      assert.equal(answer.body.requestId, response.headers.get("x-request-id"));
      assert.ok(text.length < 20_000, what);
    }
    return answer;
  }

  // call is raw for what has to be answered 200; it returns the body.
  async call(method, path, body, headers) {
    const answer = await this.raw(method, path, body, headers);
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
    return answer.body;
  }
}
