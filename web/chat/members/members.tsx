import { type Signal, useSignal } from "@preact/signals";
import { type Member, request } from "chorus-kit";
import "./members.css";
import { Avatar } from "../../shared/avatar.js";
import { complain } from "../model/refusal.js";
import { mayModerate } from "../model/rights.js";
import type { OpenRoom, Rooms } from "../model/rooms.js";
import { text } from "../text.js";
import { Moderation } from "./moderation.js";

/** Who is in the room. */
export function Members({ rooms, room, onDirect }: { rooms: Rooms; room: OpenRoom; onDirect: () => void }) {
  const members = room.members.value;
  const more = room.count.value - members.length;
  const changes = useSignal(0); // what this moderator has done
  const direct = (id: string) => {
    rooms.show(`@${id}`);
    onDirect();
  };
  return (
    <aside class="side members">
      <h2 id="members-title">{text.members.title}</h2>
      <p class="soft">{text.members.count(room.count.value)}</p>
      <ul aria-label={text.members.title}>
        {members.map((member) => (
          <Person key={member.id} member={member} rooms={rooms} room={room} changes={changes} onDirect={direct} />
        ))}
      </ul>
      {mayModerate(room.name) && <Moderation rooms={rooms} room={room} changes={changes.value} />}
      {more > 0 && <p class="soft">{text.members.more(more)}</p>}
    </aside>
  );
}

interface PersonProps {
  member: Member;
  rooms: Rooms;
  room: OpenRoom;
  changes: Signal<number>;
  onDirect: (id: string) => void;
}

function Person(props: PersonProps) {
  const { member, rooms } = props;
  const name = member.name ?? member.id;
  const open = useSignal(false);
  if (member.id === rooms.me.id) {
    return (
      <li class="person">
        <Avatar id={member.id} name={name} />
        <bdi>{name}</bdi> <span class="soft">({text.members.you})</span>
      </li>
    );
  }
  return (
    <li class="person">
      <details onToggle={(event) => (open.value = event.currentTarget.open)}>
        <summary title={text.members.menu(name)}>
          <Avatar id={member.id} name={name} />
          <bdi>{name}</bdi>
          {member.devices > 1 && <span class="soft"> {text.members.devices(member.devices)}</span>}
        </summary>
        {open.value && <PersonActions {...props} name={name} />}
      </details>
    </li>
  );
}

/** What can be done with a user. It is drawn when it is asked for: a room may have a thousand users. */
function PersonActions({ member, rooms, room, changes, onDirect, name }: PersonProps & { name: string }) {
  const moderate = (action: "mute" | "kick" | "ban", seconds?: number) => {
    const options = seconds === undefined ? {} : { for: seconds };
    request(rooms.socket, action, room.name, member.id, options).then(() => changes.value++, complain);
  };
  return (
    <div class="actions">
      <button type="button" onClick={() => onDirect(member.id)}>
        {text.members.direct(name)}
      </button>
      {mayModerate(room.name) && (
        <>
          <button type="button" onClick={() => moderate("mute", 600)}>
            {text.members.mute(name)}
          </button>
          <button type="button" onClick={() => moderate("kick")}>
            {text.members.kick(name)}
          </button>
          <button type="button" class="danger" onClick={() => moderate("ban")}>
            {text.members.ban(name)}
          </button>
        </>
      )}
    </div>
  );
}
