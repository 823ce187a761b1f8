// A program that a test runs, and its output line by line.
import { spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { cleanup } from "./cleanup.js";
import { until, within } from "./wait.js";

const running = new Set();
process.on("exit", () => running.forEach((program) => program.signalled("SIGKILL")));

export class Program extends EventEmitter {
  // With group the program's own children end with it.
  constructor(command, args, env, { group = false } = {}) {
    super();
    this.group = group;
    this.name = command.split("/").pop();
    this.lines = []; // of both outputs
    // Nothing of the tester's own environment configures what is tested.
    this.child = spawn(command, args, { env: { PATH: process.env.PATH, ...env }, stdio: ["pipe", "pipe", "pipe"], detached: group });
    running.add(this);
    this.exited = new Promise((resolve) => {
      this.child.on("close", (code, signal) => {
        running.delete(this);
        this.code = code;
        this.signal = signal;
        this.ended = true;
        this.emit("ended");
        resolve(code);
      });
      this.child.on("error", (err) => {
        running.delete(this);
        this.lines.push(String(err));
        resolve(-1);
      });
    });
    for (const stream of ["stdout", "stderr"]) {
      createInterface({ input: this.child[stream] }).on("line", (line) => {
        this.lines.push(line);
        this.emit(stream, line);
        this.emit("line", line);
      });
    }
  }

  // line returns what find makes of the first line for which that is not undefined.
  async line(find, what) {
    for (const line of this.lines) {
      const found = find(line);
      if (found !== undefined) return found;
    }
    let stop;
    const found = new Promise((resolve, reject) => {
      const onLine = (line) => {
        const found = find(line);
        if (found !== undefined) resolve(found);
      };
      const onEnd = () => reject(new Error(`${this.name} ended (${this.code ?? this.signal}) before ${what}:\n${this.output}`));
      stop = () => this.off("line", onLine).off("ended", onEnd);
      this.on("line", onLine).on("ended", onEnd);
      if (this.ended) onEnd();
    });
    try {
      return await within(found, `${this.name}: ${what}`);
    } finally {
      stop();
    }
  }

  get output() {
    return this.lines.join("\n");
  }

  signalled(signal) {
    return this.group ? process.kill(-this.child.pid, signal) : this.child.kill(signal);
  }

  // halt stops the program where it is, and returns when all of its threads stand still.
  async halt() {
    this.signalled("SIGSTOP");
    const tasks = `/proc/${this.child.pid}/task`;
    if (!existsSync(tasks)) return; // not on Linux: it takes a moment
    const stands = (task) => / T /.test(readFileSync(`${tasks}/${task}/stat`, "utf8").replace(/^.*\)/, ""));
    await until(() => readdirSync(tasks).every(stands), `${this.name}: to stand still`);
  }

  // stop ends the program and returns its exit code.
  async stop(signal = "SIGTERM") {
    if (!this.ended) {
      this.signalled("SIGCONT"); // one that a test has halted would not hear it
      this.signalled(signal);
    }
    return within(this.exited, `${this.name}: the end after ${signal}`);
  }
}

// run starts a program that ends with the test.
export function run(t, command, args = [], env = {}, options = {}) {
  const program = new Program(command, args, env, options);
  cleanup(t, async () => {
    if (!program.ended) await program.stop("SIGKILL");
  });
  return program;
}
