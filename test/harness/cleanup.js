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
