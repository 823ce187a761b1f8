/** @jsxImportSource react */
// A page with the hooks of React.

import { type Room, withToken } from "chorus-kit";
import { useRoom, useValue } from "chorus-kit/react";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { io } from "socket.io-client";
import { token, url, user } from "./parameters.js";

const socket = io(url, { autoConnect: false, transports: ["websocket"], reconnectionDelay: 50 });
withToken(socket, async () => token);
socket.connect();
const options = { me: user };

function App() {
  const [name, setName] = useState("lobby");
  const [open, setOpen] = useState(true);
  return (
    <>
      <button onClick={() => setName(name === "lobby" ? "team" : "lobby")}>Other room</button>
      <button onClick={() => setOpen(!open)}>Open or close</button>
      <button onClick={() => socket.io.engine.close()}>Break</button>
      {open && <Chat name={name} />}
    </>
  );
}

function Chat({ name }: { name: string }) {
  const room = useRoom<string>(socket, name, options);
  return room === null ? <p>no room</p> : <Shown room={room} />;
}

function Shown({ room }: { room: Room<string> }) {
  const messages = useValue(room.messages);
  const members = useValue(room.members);
  const { phase } = useValue(room.status);
  return (
    <main>
      <h1>
        {room.name} {phase}
      </h1>
      <button onClick={() => room.send("from the page")}>Send</button>
      <ol>
        {messages.map(({ id, value }) => (
          <li key={id}>{value}</li>
        ))}
      </ol>
      <p id="members">{members.map(({ id }) => id).toSorted().join()}</p>
    </main>
  );
}

const root = document.getElementById("app");
if (root !== null) createRoot(root).render(<StrictMode><App /></StrictMode>);
