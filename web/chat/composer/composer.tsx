import { useSignal } from "@preact/signals";
import "./composer.css";
import { notify } from "../model/connection.js";
import type { OpenRoom } from "../model/rooms.js";
import { mentionsIn, type Said } from "../model/said.js";
import { text } from "../text.js";
import { type Picture, shrink } from "./image.js";

/** The field for a new message. Enter sends, Shift and Enter begins a line, a pasted image is attached. */
export function Composer({ room }: { room: OpenRoom }) {
  const words = useSignal("");
  const picture = useSignal<Picture | null>(null);

  const send = () => {
    const trimmed = words.value.trim();
    if (trimmed === "" && picture.value === null) return;
    const mentions = mentionsIn(
      trimmed,
      room.members.value.map(({ id }) => id),
    );
    const value: Said = {
      text: trimmed,
      ...(mentions.length > 0 ? { mentions } : {}),
      ...(picture.value === null ? {} : { image: picture.value.bytes, type: picture.value.type }),
    };
    room.room.send(value, mentions);
    words.value = "";
    picture.value = null;
  };
  const pasted = async (event: ClipboardEvent) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file === undefined) return;
    event.preventDefault();
    picture.value = await shrink(file);
    if (picture.value === null) notify(text.composer.tooLarge, true);
  };
  const typed = (event: InputEvent) => {
    words.value = (event.currentTarget as HTMLTextAreaElement).value;
    room.room.compose(words.value !== "");
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {picture.value !== null && (
        <p class="attached">
          <img src={picture.value.url} alt={text.messages.image} />
          <button type="button" aria-label={text.composer.image} onClick={() => (picture.value = null)}>
            ×
          </button>
        </p>
      )}
      <textarea
        rows={1}
        aria-label={text.composer.message}
        placeholder={text.composer.placeholder(room.name)}
        value={words.value}
        onInput={typed}
        onKeyDown={pressed}
        onPaste={(event) => void pasted(event)}
        onBlur={() => room.room.compose(false)}
      />
      <button type="submit" class="primary">
        {text.composer.send}
      </button>
    </form>
  );
}
