import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import "./app.css";
import { Configuration } from "./config/config.js";
import { key, self, signIn, signOut } from "./model/api.js";
import { Overview } from "./overview/overview.js";
import { Rooms } from "./rooms/rooms.js";
import { Send } from "./send/send.js";
import { SignIn } from "./signin.js";
import { text } from "./text.js";
import { Users } from "./users/users.js";
import { Webhooks } from "./webhooks/webhooks.js";

const pages: Record<string, (props: { rest: string }) => JSX.Element> = {
  overview: Overview,
  rooms: Rooms,
  users: Users,
  send: Send,
  webhooks: Webhooks,
  config: Configuration,
};
const names = text.pages as Record<string, string>;

/** The links to the pages. On a phone they do not all fit: the one of the page that is open is scrolled into view. */
function Menu({ current }: { current: string }) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [current]);
  return (
    <nav ref={nav} aria-label={text.menu}>
      {Object.keys(pages).map((page) => (
        <a key={page} href={`#/${page}`} aria-current={page === current ? "page" : undefined}>
          {names[page]}
        </a>
      ))}
    </nav>
  );
}

/** What a part of the address says, also when somebody has typed a lone %. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The whole dashboard: the sign-in form, or one of its pages, which the part of the address behind # names. */
export function App() {
  const address = useSignal(location.hash);
  useEffect(() => {
    const moved = () => {
      address.value = location.hash;
    };
    window.addEventListener("hashchange", moved);
    const token = key.peek();
    if (token !== null && self.peek() === null) signIn(token).catch(signOut); // after a reload
    return () => window.removeEventListener("hashchange", moved);
  }, []);

  if (key.value === null) return <SignIn />;
  if (self.value === null) return null;
  const [name = "", ...rest] = address.value.replace(/^#\/?/, "").split("/");
  const current = Object.hasOwn(pages, name) ? name : "overview";
  const Page = pages[current] ?? Overview;
  const readOnly = !self.value.scopes.some((scope) => !scope.endsWith(":read"));
  return (
    <div class="dashboard">
      <header class="bar">
        <h1>{text.title}</h1>
        <Menu current={current} />
        <span class="soft">{text.signIn.as(self.value.name, readOnly)}</span>
        <button type="button" class="quiet" onClick={signOut}>
          {text.signIn.out}
        </button>
      </header>
      <main>
        <Page rest={decoded(rest.join("/"))} />
      </main>
    </div>
  );
}
