import { describe, expect, test } from "vitest";
import { type Message, Messages } from "../src/index.js";

const alice = { id: "alice", name: "Alice" };
const message = (seq: number, more: Partial<Message<string>> = {}): Message<string> => ({
  id: `m${seq}`,
  seq,
  at: seq * 1000,
  from: alice,
  value: `text ${seq}`,
  ...more,
});
const log = () => new Messages<string>(() => "alice");
const ids = (messages: Messages<string>) => messages.list().map(({ id }) => id);

describe("the order", () => {
  test("is that of the server, whatever the order of arrival", () => {
    const messages = log();
    messages.add([message(3), message(1)]);
    messages.add([message(2)]);
    expect(ids(messages)).toEqual(["m1", "m2", "m3"]);
  });

  test("is that of arrival in rooms without history", () => {
    const messages = log();
    messages.add([{ id: "b", at: 2, from: alice, value: "" }]);
    messages.add([{ id: "a", at: 1, from: alice, value: "" }]);
    expect(ids(messages)).toEqual(["b", "a"]);
  });

  test("has messages that wait behind all others", () => {
    const messages = log();
    messages.compose({ id: "mine", from: alice, value: "hi" });
    messages.add([message(9)]);
    expect(ids(messages)).toEqual(["m9", "mine"]);
  });
});

describe("a message twice", () => {
  test("stands once", () => {
    const messages = log();
    messages.add([message(1), message(1)]);
    expect(ids(messages)).toEqual(["m1"]);
  });

  test("heard before its acknowledgement, and acknowledged before it is heard", () => {
    for (const order of ["heard first", "acknowledged first"]) {
      const messages = log();
      messages.compose({ id: "m1", from: alice, value: "text 1" });
      const steps = [() => messages.add([message(1)]), () => messages.accepted("m1", { id: "m1", at: 1000, seq: 1 })];
      if (order === "acknowledged first") steps.reverse();
      for (const step of steps) step();
      expect(messages.list()).toMatchObject([{ id: "m1", seq: 1, delivery: "sent", value: "text 1" }]);
    }
  });
});

describe("a message that failed", () => {
  test("waits for retry or discard", () => {
    const messages = log();
    messages.compose({ id: "mine", from: alice, value: "hi" });
    messages.failed("mine", { code: "forbidden", message: "no" });
    expect(messages.nextPending()).toBeUndefined();
    expect(messages.list()).toMatchObject([{ delivery: "failed", error: { code: "forbidden" } }]);
    messages.retry("mine");
    expect(messages.nextPending()).toMatchObject({ id: "mine", delivery: "pending" });
    expect(messages.nextPending()).not.toHaveProperty("error");
    messages.discard("mine");
    expect(messages.list()).toEqual([]);
  });
});

describe("changes", () => {
  test("edit, delete, react, on messages that are loaded", () => {
    const messages = log();
    messages.add([message(1), message(2)]);
    messages.edited("new", { id: "m1", version: 2, editedAt: 7 });
    messages.reacted([{ id: "m1", key: "👍", count: 2, added: ["alice", "bob"] }]);
    messages.deleted("m2");
    messages.edited("never", { id: "unknown", version: 2, editedAt: 7 });
    expect(messages.list()).toMatchObject([
      { id: "m1", value: "new", version: 2, editedAt: 7, reactions: { "👍": { count: 2, mine: true } } },
      { id: "m2", deleted: true },
    ]);
    expect(messages.find("m2")).not.toHaveProperty("value");
    messages.reacted([{ id: "m1", key: "👍", count: 0, removed: ["alice", "bob"] }]);
    expect(messages.find("m1")?.reactions).toEqual({});
  });

  test("of messages from before, as join brings them", () => {
    const messages = log();
    messages.add([message(1), message(2), message(3)]);
    messages.change([
      { id: "m1", seq: 1, version: 3, value: "third" },
      { id: "m2", seq: 2, deleted: true },
      { id: "m3", seq: 3, reactions: { "🎉": { count: 1, mine: false } } },
    ]);
    expect(messages.list()).toMatchObject([
      { value: "third", version: 3 },
      { deleted: true },
      { value: "text 3", reactions: { "🎉": { count: 1 } } },
    ]);
    expect(messages.find("m2")).not.toHaveProperty("value");
  });
});

describe("a streamed text", () => {
  test("grows, and says when a piece is missing", () => {
    const messages = log();
    messages.add([message(1, { value: "" })]);
    expect(messages.appended("m1", 0, "Hel", false)).toBe(true);
    expect(messages.appended("m1", 3, "lo", false)).toBe(true);
    expect(messages.find("m1")).toMatchObject({ value: "Hello", streaming: true });
    expect(messages.appended("m1", 9, "!", false)).toBe(false);
    expect(messages.appended("m1", 3, "lo!", true)).toBe(true);
    expect(messages.find("m1")).toMatchObject({ value: "Hello!", streaming: false });
    expect(messages.appended("unknown", 0, "x", false)).toBe(false);
  });
});
