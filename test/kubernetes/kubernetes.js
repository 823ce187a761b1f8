// deploy/kubernetes.yaml: Kubernetes' own types take it, and pods that are as it says are a cluster.
//
//   node --test kubernetes/kubernetes.js
//
// The pods are processes on addresses of loopback, and a balancer that goes round stands for the Service.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BINARY, UNLIMITED } from "../harness/chorus.js";
import { cleanup } from "../harness/cleanup.js";
import { crowd, everybodyHears } from "../harness/crowd.js";
import { run } from "../harness/program.js";
import { startRedis } from "../harness/redis.js";
import { startRoundRobin } from "../harness/roundrobin.js";
import { SECRET } from "../harness/token.js";
import { until, within } from "../harness/wait.js";

const here = fileURLToPath(new URL("./", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

const DRAIN_TIMEOUT_S = 30; // the default of drain.timeout

// objects returns what the manifests declare.
async function objects(t, file) {
  const reader = run(t, "go", ["-C", here, "run", ".", file], process.env);
  assert.equal(await within(reader.exited, "the types of Kubernetes", 900_000), 0, reader.output);
  return reader.lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
}

test("a member that no type has is an error", { timeout: 900_000 }, async (t) => {
  const folder = mkdtempSync(path(tmpdir(), "kubernetes-"));
  cleanup(t, () => rmSync(folder, { recursive: true }));
  const text = readFileSync(`${root}deploy/kubernetes.yaml`, "utf8");
  writeFileSync(`${folder}/wrong.yaml`, text.replace("periodSeconds:", "period:"));
  await assert.rejects(objects(t, `${folder}/wrong.yaml`), /unknown field .*readinessProbe.period/);
});

test("pods as the Deployment says", { timeout: 900_000 }, async (t) => {
  const list = await objects(t, `${root}deploy/kubernetes.yaml`);
  const [deployment, service] = ["Deployment", "Service"].map((kind) => list.find((object) => object.kind === kind));
  const { template, replicas, selector } = deployment.spec;
  const [container] = template.spec.containers;
  const port = (name) => container.ports.find((one) => one.name === name).containerPort;
  for (const labels of [selector.matchLabels, service.spec.selector]) {
    for (const [key, value] of Object.entries(labels)) assert.equal(template.metadata.labels[key], value);
  }
  for (const { name } of container.volumeMounts) assert.ok(template.spec.volumes.some((volume) => volume.name === name));

  // The image says where a node listens.
  const image = Object.fromEntries([...readFileSync(`${root}Dockerfile`, "utf8").matchAll(/(CHORUS_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
  assert.equal(image.CHORUS_LISTEN, `:${port(service.spec.ports[0].targetPort)}`);
  assert.equal(image.CHORUS_ADMIN_LISTEN, `:${port("admin")}`);

  const redis = await startRedis(t);
  const folder = mkdtempSync(path(tmpdir(), "kubernetes-"));
  cleanup(t, () => rmSync(folder, { recursive: true }));
  writeFileSync(`${folder}/jwt`, SECRET);
  const pods = Array.from({ length: replicas }, (_, i) => {
    const ip = `127.0.77.${i + 1}`;
    const env = { ...image, ...UNLIMITED, CHORUS_LISTEN: ip + image.CHORUS_LISTEN, CHORUS_ADMIN_LISTEN: ip + image.CHORUS_ADMIN_LISTEN };
    for (const { name, value, valueFrom } of container.env) {
      if (valueFrom) assert.equal(valueFrom.fieldRef.fieldPath, "status.podIP");
      env[name] = (valueFrom ? ip : value).replace(/\$\((\w+)\)/g, (_, other) => env[other]).replace("redis://redis:6379", redis.url).replace("/secret/", `${folder}/`);
    }
    const probe = ({ httpGet }) => `http://${ip}:${port(httpGet.port)}${httpGet.path}`;
    return Object.assign(run(t, BINARY, ["serve"], env), { url: `http://${ip}:${port("clients")}`, ready: probe(container.readinessProbe), live: probe(container.livenessProbe) });
  });
  for (const pod of pods) {
    await until(async () => pod.ended || (await fetch(pod.ready).catch(() => ({}))).ok, "readiness");
    assert.equal((await fetch(pod.live).catch(() => ({}))).status, 200, pod.output);
    await until(async () => (await (await fetch(pod.ready)).json()).forwarding === "ok", "pods that reach each other by their advertised addresses");
  }
  const clients = await crowd(t, (await startRoundRobin(t, pods)).url);
  await everybodyHears(clients, 3);

  const seconds = (text) => Number(/^(\d+)s$/.exec(text)[1]);
  assert.ok(template.spec.terminationGracePeriodSeconds > seconds(image.CHORUS_DRAIN_DELAY) + DRAIN_TIMEOUT_S);
  const end = pods[0].stop("SIGTERM");
  await until(async () => (await fetch(pods[0].ready)).status === 503, "a pod that ends is not ready");
  assert.equal(await within(end, "the end", 60_000), 0);
  await until(() => clients.every(({ socket }) => socket.connected), "all clients to be connected");
  await everybodyHears(clients, 1);
});
