// What the main thread of a page does, by Chromium's own trace. Times of the processor count, not of the clock: another
// program that takes the processor makes no page slow.

// traced returns the tasks of the main threads during an action, in the order of their beginning, in milliseconds.
async function traced(browser, page, action) {
  await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline", "devtools.timeline", "toplevel"] });
  await action();
  const { traceEvents } = JSON.parse(await browser.stopTracing());
  const threads = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`));
  const events = traceEvents.filter(({ pid, tid }) => threads.has(`${pid} ${tid}`)).toSorted((a, b) => a.ts - b.ts);
  const tasks = events.filter(({ name, ph }) => name === "RunTask" && ph === "X").map(({ ts, dur, tdur }) => ({ at: ts, cpu: (tdur ?? dur) / 1000, wall: dur / 1000 }));
  const frames = events.filter(({ name }) => name === "FireAnimationFrame").map(({ ts }) => ts);
  return { tasks, frames };
}

// longestTask returns the longest task of a page during an action.
export async function longestTask(browser, page, action) {
  const { tasks } = await traced(browser, page, action);
  if (tasks.length === 0) throw new Error("the trace has no tasks");
  return { cpu: Math.max(...tasks.map(({ cpu }) => cpu)), wall: Math.max(...tasks.map(({ wall }) => wall)) };
}

// frameTimes returns what the main thread worked for each frame during an action, shortest first.
export async function frameTimes(browser, page, action) {
  const { tasks, frames } = await traced(browser, page, action);
  const work = frames.slice(1).map((end, i) => tasks.filter(({ at }) => at >= frames[i] && at < end).reduce((sum, { cpu }) => sum + cpu, 0));
  if (work.length === 0) throw new Error("the trace has no frames");
  return work.toSorted((a, b) => a - b);
}
