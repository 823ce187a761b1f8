// A client over long-polling that asks when it is told to: between two requests it takes nothing.
import { cleanup } from "./cleanup.js";
import { token } from "./token.js";

class PollingClient {
  packets = [];

  constructor(url) {
    this.url = url;
  }

  async poll() {
    const answer = await fetch(this.url);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const packets = (await answer.text()).split("\x1e");
    this.packets.push(...packets);
    if (packets.includes("2")) await this.send("3"); // the heartbeat
    return packets;
  }

  async send(packet) {
    const answer = await fetch(this.url, { method: "POST", body: packet });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    await answer.text();
  }

  // until asks until the packets are enough, and returns them all.
  async until(enough) {
    while (!enough(this.packets)) await this.poll();
    return this.packets;
  }
}

// joinPolling returns a client of the main namespace.
export async function joinPolling(t, url) {
  const client = new PollingClient(`${url}/socket.io/?EIO=4&transport=polling`);
  const [open] = await client.poll();
  client.url += `&sid=${JSON.parse(open.slice(1)).sid}`;
  cleanup(t, () => client.send("1"));
  await client.send(`40${JSON.stringify({ token: token() })}`);
  await client.until((packets) => packets.some((packet) => packet.startsWith("40")));
  return client;
}
