import type { ChorusSocket, LocalMessage, Room, User } from "chorus-kit";
import { useRoom, useValue } from "chorus-kit/react";
import { useEffect, useState } from "react";

type Value = { text: string };

export function Chat({ socket, name, me }: { socket: ChorusSocket; name: string; me: User }) {
  const room = useRoom<Value>(socket, name, { me });
  return room && <Open room={room} />;
}

function Open({ room }: { room: Room<Value> }) {
  const messages = useValue(room.messages);
  const members = useValue(room.members);
  const { unread } = useValue(room.unread);
  const [text, setText] = useState("");
  useEffect(() => {
    if (unread > 0 && document.hasFocus()) room.markRead().catch(() => {}); // the next message tries again
  }, [room, unread]);
  return (
    <>
      <p>
        Unread: <output id="unread">{unread}</output>
      </p>
      <ul aria-label="Members">
        {members.map(({ id, name }) => (
          <li key={id}>{name ?? id}</li>
        ))}
      </ul>
      <ol aria-label="Messages">
        {messages.map((message) => (
          <Entry key={message.id} room={room} message={message} />
        ))}
      </ol>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          room.send({ text });
          setText("");
        }}
      >
        <label>
          Message <input value={text} onChange={(event) => setText(event.target.value)} />
        </label>{" "}
        <button>Send</button>
      </form>
    </>
  );
}

function Entry({ room, message }: { room: Room<Value>; message: LocalMessage<Value> }) {
  const { id, from, value, deleted, editedAt, delivery, reactions } = message;
  const [error, setError] = useState("");
  const act = (request: Promise<void>) => request.then(() => setError(""), (err: Error) => setError(err.message));
  if (deleted || !value) return <li data-id={id}>deleted</li>;
  const likes = reactions?.["👍"];
  const edit = () => {
    const text = prompt("Text", value.text);
    if (text) act(room.edit(id, { text }));
  };
  return (
    <li data-id={id}>
      {from?.name ?? from?.id ?? "system"}: {value.text}
      {editedAt && " (edited)"}
      {delivery !== "sent" && ` (${delivery})`}{" "}
      <button aria-pressed={likes?.mine ?? false} onClick={() => act(room.react(id, "👍", !likes?.mine))}>
        👍 {likes?.count ?? 0}
      </button>{" "}
      <button onClick={edit}>Edit</button> <button onClick={() => act(room.remove(id))}>Delete</button>
      <span role="alert">{error}</span>
    </li>
  );
}
