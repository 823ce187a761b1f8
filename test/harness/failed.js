// A reporter that names the files in which a test failed, for npm run alone.
export default async function* failed(source) {
  const files = new Set();
  for await (const { type, data } of source) {
    if (type === "test:fail") files.add(data.file ?? data.name); // of a file that took too long, the name is the path
  }
  yield [...files].join("\n");
}
