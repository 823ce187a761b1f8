import { useSignal } from "@preact/signals";
import { type LocalMessage, request } from "chorus-kit";
import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import { Avatar } from "../../shared/avatar.js";
import { MoreIcon } from "../../shared/icons.js";
import { notify } from "../model/connection.js";
import { complain } from "../model/refusal.js";
import { mayModerate } from "../model/rights.js";
import type { OpenRoom, Rooms } from "../model/rooms.js";
import { type Said, said } from "../model/said.js";
import { text } from "../text.js";
import { Body } from "./body.js";

interface Props {
  message: LocalMessage<Said>;
  /** The first of several in a row by one author: it shows the name. */
  first: boolean;
  rooms: Rooms;
  room: OpenRoom;
}

/** How long the pointer rests on a message before its actions are shown, in milliseconds. */
const restTime = 60;

const keys = ["👍", "❤️", "😂", "🎉", "😮"];

/** One message. It is drawn again only when the message itself has changed. */
export const MessageRow = memo(Row, (a, b) => a.message === b.message && a.first === b.first);

function Row({ message, first, rooms, room }: Props) {
  const editing = useSignal(false);
  const tools = useSignal(false);
  const row = useRef<HTMLElement>(null);
  const edited = useRef(false);
  useEffect(() => {
    if (edited.current && !editing.value) toolsButton()?.focus(); // the field that had the focus is gone
    edited.current = editing.value;
  }, [editing.value]);
  const toolsButton = () => row.current?.querySelector<HTMLElement>(".tools-button");
  const pressed = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    if (tools.value) toolsButton()?.focus();
    editing.value = tools.value = false;
  };
  const rest = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  // While the log scrolls, the pointer passes over messages without resting.
  const entered = () => {
    rest.current = setTimeout(() => (tools.value = true), restTime);
  };
  const gone = () => {
    clearTimeout(rest.current);
    tools.value = false;
  };
  const author = message.from === null ? text.messages.system : (message.from.name ?? message.from.id);
  const value = said(message.value);
  const named = value.mentions?.includes(rooms.me.id) ?? false;
  return (
    <article
      ref={row}
      class={`message ${message.delivery}${first ? " first" : ""}${named ? " named" : ""}`}
      data-id={message.id}
      onPointerEnter={entered}
      onPointerLeave={gone}
      onKeyDown={pressed}
    >
      {first && (
        <header>
          <Avatar id={message.from?.id ?? ""} name={author} />
          <bdi class="author">{author}</bdi>{" "}
          <time class="soft" dateTime={new Date(message.at).toISOString()}>
            {new Date(message.at).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}
          </time>
        </header>
      )}
      {message.deleted ? (
        <p class="soft">{text.messages.deleted}</p>
      ) : editing.value ? (
        <Editor message={message} value={value} room={room} onDone={() => (editing.value = false)} />
      ) : (
        <Body value={value} rooms={rooms} room={room} />
      )}
      {message.editedAt !== undefined && !message.deleted && <small class="soft">({text.messages.edited})</small>}
      <Reactions message={message} room={room} />
      <Delivery message={message} room={room} own={message.from?.id === rooms.me.id} />
      {message.delivery === "sent" && message.seq !== undefined && !message.deleted && !editing.value && (
        <>
          <button
            type="button"
            class="quiet tools-button"
            aria-expanded={tools.value}
            aria-label={text.messages.actions(author)}
            onClick={() => (tools.value = !tools.value)}
          >
            <MoreIcon />
          </button>
          {tools.value && (
            <Actions message={message} author={author} rooms={rooms} room={room} onEdit={() => (editing.value = true)} />
          )}
        </>
      )}
    </article>
  );
}

function Reactions({ message, room }: Pick<Props, "message" | "room">) {
  const reactions = Object.entries(message.reactions ?? {});
  if (reactions.length === 0) return null;
  return (
    <p class="reactions">
      {reactions.map(([key, { count, mine }]) => (
        <button
          key={key}
          type="button"
          aria-pressed={mine}
          aria-label={text.messages.reaction(key, count, mine)}
          onClick={() => room.room.react(message.id, key, !mine).catch(complain)}
        >
          <bdi>{key}</bdi> {count}
        </button>
      ))}
    </p>
  );
}

function Delivery({ message, room, own }: Pick<Props, "message" | "room"> & { own: boolean }) {
  if (message.delivery === "failed") {
    return (
      <p class="bad" role="alert">
        {text.messages.failed(message.error?.message ?? "")}{" "}
        <button type="button" onClick={() => room.room.resend(message.id)}>
          {text.messages.retry}
        </button>{" "}
        <button type="button" onClick={() => room.room.discard(message.id)}>
          {text.messages.discard}
        </button>
      </p>
    );
  }
  if (!own) return null;
  const pending = message.delivery === "pending";
  const words = pending ? text.messages.pending : text.messages.sent;
  return (
    <span class="delivery soft" title={words}>
      <span aria-hidden="true">{pending ? "◷" : "✓"}</span>
      <span class="hidden-label">{words}</span>
    </span>
  );
}

function Actions(props: Omit<Props, "first"> & { author: string; onEdit: () => void }) {
  const { message, rooms, room } = props;
  const mine = message.from?.id === rooms.me.id;
  const report = () => {
    const reason = prompt(text.messages.reason);
    if (!reason) return;
    request(rooms.socket, "report", room.name, message.id, reason).then(
      () => notify(text.messages.reported),
      complain,
    );
  };
  const remove = (event: MouseEvent) => {
    // The button goes with the message. The log keeps the focus.
    (event.currentTarget as HTMLElement).closest<HTMLElement>("[role=log]")?.focus({ preventScroll: true });
    room.room.remove(message.id).catch(complain);
  };
  return (
    <div class="tools" role="group" aria-label={text.messages.actions(props.author)}>
      {keys.map((key) => (
        <button
          key={key}
          type="button"
          class="quiet"
          aria-label={text.messages.reactWith(key)}
          onClick={() => room.room.react(message.id, key, !message.reactions?.[key]?.mine).catch(complain)}
        >
          {key}
        </button>
      ))}
      {mine && (
        <button type="button" class="quiet" onClick={props.onEdit}>
          {text.messages.edit}
        </button>
      )}
      {(mine || mayModerate(room.name)) && (
        <button type="button" class="quiet danger" onClick={remove}>
          {text.messages.remove}
        </button>
      )}
      {!mine && (
        <button type="button" class="quiet" onClick={report}>
          {text.messages.report}
        </button>
      )}
    </div>
  );
}

function Editor(props: { message: LocalMessage<Said>; value: Said; room: OpenRoom; onDone: () => void }) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const words = String(new FormData(event.currentTarget as HTMLFormElement).get("text") ?? "").trim();
    if (words === "") return;
    props.room.room.edit(props.message.id, { ...props.value, text: words }).then(props.onDone, complain);
  };
  return (
    <form class="editor" onSubmit={submit}>
      <textarea ref={field} name="text" aria-label={text.messages.edit} defaultValue={props.value.text} rows={2} />
      <button type="submit" class="primary">
        {text.messages.save}
      </button>
      <button type="button" onClick={props.onDone}>
        {text.messages.cancel}
      </button>
    </form>
  );
}
