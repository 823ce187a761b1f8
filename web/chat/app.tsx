import { useSignal } from "@preact/signals";
import { lazy, Suspense } from "preact/compat";
import { useEffect, useState } from "preact/hooks";
import "./app.css";
import { Composer } from "./composer/composer.js";
import { Members } from "./members/members.js";
import { MessageLog } from "./messages/log.js";
import { connect } from "./model/connection.js";
import type { PageConfig } from "./model/page.js";
import { Rooms } from "./model/rooms.js";
import { session, signOut } from "./model/session.js";
import { RoomList } from "./rooms/rooms.js";
import { SignIn } from "./signin/signin.js";
import { Notices, StatusLine } from "./status/status.js";
import { MenuIcon, PeopleIcon } from "../shared/icons.js";
import { text } from "./text.js";

// The development console is a file of its own: other clusters never load it.
const Console = lazy(() => import("../console/console.js"));

/** The whole page: the sign-in form, or the chat of who is signed in. */
export function App({ page }: { page: PageConfig }) {
  const ended = useSignal("");
  const user = session.value?.user.id;
  if (user === undefined) return <SignIn page={page} problem={ended.value} />;
  return (
    <Chat
      key={user}
      page={page}
      onEnd={(why) => {
        ended.value = why;
        signOut();
      }}
    />
  );
}

function Chat({ page, onEnd }: { page: PageConfig; onEnd: (why: string) => void }) {
  const [rooms, setRooms] = useState<Rooms>();
  useEffect(() => {
    const now = session.peek();
    if (now === null) return undefined;
    const connection = connect(page, onEnd);
    const opened = new Rooms(connection.socket, now.user);
    setRooms(opened);
    return () => {
      opened.close();
      connection.close();
    };
  }, []);
  const drawer = useSignal<"rooms" | "members" | null>(null);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || drawer.value === null) return;
      document.querySelector<HTMLElement>(".drawer-button[aria-expanded=true]")?.focus();
      drawer.value = null;
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
  if (rooms === undefined) return null;

  const current = rooms.current.value;
  const close = () => {
    drawer.value = null;
  };
  return (
    <div class={page.dev ? "chat with-console" : "chat"} data-drawer={drawer.value ?? ""}>
      <header class="top">
        <button
          type="button"
          class="quiet drawer-button"
          aria-expanded={drawer.value === "rooms"}
          onClick={() => {
            drawer.value = drawer.value === "rooms" ? null : "rooms";
          }}
        >
          <MenuIcon />
          <span class="hidden-label">{text.rooms.open}</span>
        </button>
        <h1>
          <bdi>{current?.name ?? text.product}</bdi>
        </h1>
        <StatusLine />
        <button
          type="button"
          class="quiet drawer-button for-members"
          aria-expanded={drawer.value === "members"}
          onClick={() => {
            drawer.value = drawer.value === "members" ? null : "members";
          }}
        >
          <PeopleIcon />
          <span class="hidden-label">{text.members.open}</span>
        </button>
        <button type="button" class="quiet" onClick={signOut}>
          {text.signIn.out}
        </button>
      </header>
      <RoomList rooms={rooms} onShow={close} />
      <main>
        {current !== undefined && (
          <>
            <MessageLog key={current.name} rooms={rooms} room={current} />
            <Composer key={`composer ${current.name}`} room={current} />
          </>
        )}
      </main>
      {current !== undefined && <Members rooms={rooms} room={current} onDirect={close} />}
      <Notices />
      {page.dev && (
        <Suspense fallback={null}>
          <Console rooms={rooms} page={page} />
        </Suspense>
      )}
    </div>
  );
}
