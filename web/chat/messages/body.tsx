import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { markup, type Piece } from "../model/markup.js";
import type { OpenRoom, Rooms } from "../model/rooms.js";
import type { Said } from "../model/said.js";
import { text } from "../text.js";

/** Longer texts are cut until the reader asks for the rest, in characters. */
const longText = 4_000;

/** Still longer ones are shown without markup: looking for it takes the longer, the more somebody put there. */
const longestMarkup = 10_000;

/** The text and the image of a message. */
export function Body({ value, rooms, room }: { value: Said; rooms: Rooms; room: OpenRoom }) {
  const whole = useSignal(false);
  const cut = value.text.length > longText && !whole.value;
  const known = (user: string) =>
    user === rooms.me.id || (value.mentions?.includes(user) ?? false) || room.members.peek().some(({ id }) => id === user);
  const words = cut ? value.text.slice(0, longText) : value.text;
  const pieces: Piece[] = words.length > longestMarkup ? [{ kind: "text", text: words }] : markup(words, known);
  return (
    <>
      <bdi class="text" dir="auto">
        {pieces.map((piece, i) => {
          switch (piece.kind) {
            case "code":
              return piece.block ? (
                <pre key={i}>
                  <code>{piece.text}</code>
                </pre>
              ) : (
                <code key={i}>{piece.text}</code>
              );
            case "link":
              return (
                <a key={i} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
                  {piece.text}
                </a>
              );
            case "mention":
              return (
                <strong key={i} class="mentioned">
                  {piece.text}
                </strong>
              );
            default:
              return piece.text;
          }
        })}
        {cut && "…"}
      </bdi>
      {cut && (
        <button type="button" onClick={() => (whole.value = true)}>
          {text.messages.more}
        </button>
      )}
      {value.image !== undefined && <Picture bytes={value.image} type={value.type} />}
    </>
  );
}

// SVG is left out: as a blob it would be a document of this page's origin when opened.
const pictureTypes = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

function Picture({ bytes, type }: { bytes: ArrayBuffer; type: string | undefined }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const safe = type !== undefined && pictureTypes.has(type) ? type : "image/png";
    const made = URL.createObjectURL(new Blob([bytes], { type: safe }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes]);
  return <span class="picture">{url !== undefined && <img src={url} alt={text.messages.image} />}</span>;
}
