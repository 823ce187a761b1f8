// The little markup of messages: links, code, mentions. The result is data; nothing is ever read as HTML.

export type Piece =
  | { kind: "text"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "code"; text: string; block: boolean }
  | { kind: "mention"; text: string; user: string };

const pattern = /```(?:[\w+-]{1,20}\n)?([\s\S]+?)```|`([^`\n]+)`|(https?:\/\/[^\s<>"'`]+)|@([^\s@,;:!?]+)/g;

/** Splits a text into pieces. `known` decides what is a mention. */
export function markup(source: string, known: (user: string) => boolean): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  const plain = (upTo: number) => {
    if (upTo > end) pieces.push({ kind: "text", text: source.slice(end, upTo) });
  };
  for (const match of source.matchAll(pattern)) {
    const piece = pieceOf(match, known);
    if (piece === undefined) continue;
    plain(match.index);
    pieces.push(piece);
    end = match.index + (piece.kind === "link" || piece.kind === "mention" ? piece.text.length : match[0].length);
  }
  plain(source.length);
  return pieces;
}

function pieceOf(match: RegExpMatchArray, known: (user: string) => boolean): Piece | undefined {
  const [, block, inline, url, user] = match;
  if (block !== undefined) return { kind: "code", text: block.replace(/^\n|\n$/g, ""), block: true };
  if (inline !== undefined) return { kind: "code", text: inline, block: false };
  if (url !== undefined) {
    const text = url.replace(/[).,;:!?\]]+$/, ""); // punctuation behind a link belongs to the sentence
    return URL.canParse(text) ? { kind: "link", text, href: text } : undefined;
  }
  if (user === undefined) return undefined;
  const name = known(user) ? user : user.replace(/\.+$/, "");
  return known(name) ? { kind: "mention", text: `@${name}`, user: name } : undefined;
}
