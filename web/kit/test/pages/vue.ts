// The same page with the composables of Vue.

import { withToken } from "chorus-kit";
import { useRoom, useValue } from "chorus-kit/vue";
import { io } from "socket.io-client";
import { createApp, defineComponent, h, ref } from "vue";
import { token, url, user } from "./parameters.js";

const socket = io(url, { autoConnect: false, transports: ["websocket"], reconnectionDelay: 50 });
withToken(socket, async () => token);
socket.connect();

const Chat = defineComponent({
  props: { name: { type: String, required: true } },
  setup({ name }) {
    const room = useRoom<string>(socket, name, { me: user });
    const messages = useValue(room.messages);
    const members = useValue(room.members);
    const status = useValue(room.status);
    return () =>
      h("main", [
        h("h1", `${name} ${status.value.phase}`),
        h("button", { onClick: () => room.send("from the page") }, "Send"),
        h("ol", messages.value.map(({ id, value }) => h("li", { key: id }, value))),
        h("p", { id: "members" }, members.value.map(({ id }) => id).toSorted().join()),
      ]);
  },
});

const App = defineComponent({
  setup() {
    const name = ref("lobby");
    const open = ref(true);
    return () => [
      h("button", { onClick: () => (name.value = name.value === "lobby" ? "team" : "lobby") }, "Other room"),
      h("button", { onClick: () => (open.value = !open.value) }, "Open or close"),
      h("button", { onClick: () => socket.io.engine.close() }, "Break"),
      open.value ? h(Chat, { name: name.value, key: name.value }) : null,
    ];
  },
});

createApp(App).mount("#app");
