import { expect, test } from "vitest";
import { markup } from "../model/markup.js";
import { mentionsIn, said } from "../model/said.js";

const known = (user: string) => user === "bob" || user === "a.b";

test.each([
  ["plain", [{ kind: "text", text: "plain" }]],
  ["", []],
  ["see https://example.com/a?b=1.", [
    { kind: "text", text: "see " },
    { kind: "link", text: "https://example.com/a?b=1", href: "https://example.com/a?b=1" },
    { kind: "text", text: "." },
  ]],
  ["javascript:alert(1)", [{ kind: "text", text: "javascript:alert(1)" }]],
  ["<img src=x onerror=alert(1)>", [{ kind: "text", text: "<img src=x onerror=alert(1)>" }]],
  ["`a < b` and ```\nx\ny\n```", [
    { kind: "code", text: "a < b", block: false },
    { kind: "text", text: " and " },
    { kind: "code", text: "x\ny", block: true },
  ]],
  ["@bob, @nobody @a.b.", [
    { kind: "mention", text: "@bob", user: "bob" },
    { kind: "text", text: ", @nobody " },
    { kind: "mention", text: "@a.b", user: "a.b" },
    { kind: "text", text: "." },
  ]],
])("markup of %j", (source, pieces) => {
  expect(markup(source, known)).toEqual(pieces);
  // Nothing is lost but the marks of code.
  expect(source).toContain(markup(source, known).at(-1)?.text ?? "");
});

test("values of other front ends", () => {
  expect(said("text")).toEqual({ text: "text" });
  expect(said(7)).toEqual({ text: "7" });
  expect(said(null)).toEqual({ text: "" });
  expect(said({ text: "a", image: "no binary", type: 1, mentions: ["x", 2] })).toEqual({ text: "a", mentions: ["x"] });
  expect(said({ other: true })).toEqual({ text: '{"other":true}' });
});

test("mentions are users who are known", () => {
  expect(mentionsIn("@bob @bob @nobody @a.b.", ["bob", "a.b"])).toEqual(["bob", "a.b"]);
});
