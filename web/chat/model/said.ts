// What this page publishes, and how it reads what others published.

/** The value of a message of this page. */
export interface Said {
  text: string;
  mentions?: string[];
  image?: ArrayBuffer;
  /** The media type of the image. */
  type?: string;
}

/** Reads any value: other front ends may publish what they like. */
export function said(value: unknown): Said {
  if (typeof value === "string") return { text: value };
  if (typeof value !== "object" || value === null) return { text: String(value ?? "") };
  const { text, image, type, mentions } = value as Record<string, unknown>;
  if (typeof text !== "string" && !(image instanceof ArrayBuffer)) return { text: JSON.stringify(value) };
  return {
    text: typeof text === "string" ? text : "",
    ...(image instanceof ArrayBuffer ? { image } : {}),
    ...(typeof type === "string" ? { type } : {}),
    ...(Array.isArray(mentions) ? { mentions: mentions.filter((m) => typeof m === "string") } : {}),
  };
}

/** The users that a text names as `@id`, of those who are known. */
export function mentionsIn(text: string, known: Iterable<string>): string[] {
  const users = new Set(known);
  const names = [...text.matchAll(/@([^\s@,;:!?]+)/g)].map((match) => match[1] ?? "");
  return [...new Set(names.map((name) => (users.has(name) ? name : name.replace(/\.+$/, ""))))].filter((name) =>
    users.has(name),
  );
}
