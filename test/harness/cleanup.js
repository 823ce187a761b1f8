import { after } from "node:test";

// What a test starts it stops, the last first: a node before its Redis.
const stacks = new WeakMap();

export function cleanup(t, fn) {
  let stack = stacks.get(t);
  if (!stack) {
    stack = [];
    stacks.set(t, stack);
    t.after(async () => {
      while (stack.length > 0) await stack.pop()();
    });
  }
  stack.push(fn);
}

// sharedByTests returns what takes the place of t for what the tests of a file share: it is stopped behind the last of them.
export function sharedByTests() {
  const ends = [];
  after(async () => {
    while (ends.length > 0) await ends.pop()();
  });
  return { after: (fn) => ends.push(fn) };
}
