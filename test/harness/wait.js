// Waiting for what must come. Every wait has an end and says what it waited for.
import { once } from "node:events";

export const PATIENCE_MS = 20_000;

export async function within(promise, what, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// event returns the arguments of the next event of this name.
export function event(emitter, name, what = `event ${name}`, ms) {
  return within(once(emitter, name), what, ms);
}

// until asks again and again until the answer is true; for what announces itself in no other way.
export async function until(ask, what, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
