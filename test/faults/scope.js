// A part of a case that stops what it has started.
export async function scope(run) {
  const ends = [];
  const t = { after: (end) => ends.push(end), diagnostic: () => {} };
  try {
    return await run(t);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
