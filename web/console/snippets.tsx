import { useSignal } from "@preact/signals";
import { session } from "../chat/model/session.js";
import type { ClusterState } from "./api.js";
import { text } from "./text.js";

type Language = "javascript" | "python" | "curl";

/** A program that uses the token of this tab. */
export function Snippets({ cluster }: { cluster: ClusterState }) {
  const language = useSignal<Language>("javascript");
  const url = cluster.nodes[Math.max(0, cluster.here)]?.url ?? location.origin;
  const token = session.value?.token ?? "";
  return (
    <section>
      <h3>{text.snippet.title}</h3>
      <p class="buttons">
        {(["javascript", "python", "curl"] as const).map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={language.value === name}
            onClick={() => {
              language.value = name;
            }}
          >
            {text.snippet[name]}
          </button>
        ))}
      </p>
      <pre tabIndex={0} role="group" aria-label={text.snippet.title}>{program[language.value](url, token)}</pre>
    </section>
  );
}

const program: Record<Language, (url: string, token: string) => string> = {
  javascript: (url, token) => `import { io } from "socket.io-client";

const socket = io("${url}", { auth: { token: "${token}" } });
socket.on("publish", (room, value, meta) => console.log(room, meta.from?.id, value));
await socket.emitWithAck("join", "lobby");
console.log(await socket.emitWithAck("publish", "lobby", { text: "hello from JavaScript" }));`,
  python: (url, token) => `import socketio  # pip install "python-socketio[client]"

client = socketio.Client()

@client.on("publish")
def heard(room, value, meta):
    print(room, meta["from"], value)

client.connect("${url}", auth={"token": "${token}"})
print(client.call("join", "lobby"))
print(client.call("publish", ("lobby", {"text": "hello from Python"})))`,
  curl: (url, token) => `# The handshake of long-polling; the answer names the session.
sid=$(curl -s '${url}/socket.io/?EIO=4&transport=polling' | sed 's/.*"sid":"\\([^"]*\\)".*/\\1/')
curl -s -d '40{"token":"${token}"}' "${url}/socket.io/?EIO=4&transport=polling&sid=$sid"
curl -s "${url}/socket.io/?EIO=4&transport=polling&sid=$sid"
curl -s -d '420["join","lobby"]' "${url}/socket.io/?EIO=4&transport=polling&sid=$sid"
curl -s "${url}/socket.io/?EIO=4&transport=polling&sid=$sid"`,
};
