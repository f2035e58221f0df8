import { expect, test } from "bun:test";
import { commands } from "../../src/cli/commands.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { RunCommand } from "../../src/runtime/command.ts";
import { waitFor } from "../e2e/lab/wait.ts";
import { createFakeCommandIo } from "../fakes/command-io.ts";
import { createFakeIptables } from "../fakes/iptables.ts";
import { freePort } from "../fixtures/free-port.ts";
import { createTlsDirectory } from "../unit/tls/tls-directory.ts";
import { createPki } from "./cluster/pki.ts";

/** `kiam agent --iptables cali+` on a node of which only the tables are fake, and with no server to talk to. */
async function agentCommand({ more = [] as readonly string[], port = 0 } = {}) {
  const pki = createPki();
  const directory = await createTlsDirectory(pki.nodeAgent("node-a"));
  const { cert, key, ca } = directory.files;
  const listener = port === 0 ? await freePort() : port;
  const tables = createFakeIptables();
  const stopping = new AbortController();
  const fakeIo = createFakeCommandIo({}, stopping.signal);
  let meanwhile: (command: string) => void | Promise<void> = () => undefined;
  const runCommand: RunCommand = async (argv, options, signal) => {
    await meanwhile(argv.join(" "));
    return tables.run(argv, options, signal);
  };
  const argv = [
    ...["--cert", cert, "--key", key, "--ca", ca, "--server-address", "127.0.0.1:1", "--node-name", "node-a"],
    ...["--host", "127.0.0.1", "--port", String(listener), "--iptables", "cali+", ...more],
  ];
  const run = async () =>
    (await commands.get("agent")?.run("agent", argv, { ...fakeIo, clock: systemClock, runCommand })) ?? -1;
  return {
    ...{ tables, port: listener, run, written: fakeIo.written },
    stop: () => stopping.abort(new Error("stopped by SIGTERM")),
    /** What happens just before a program is run. */
    before(happens: typeof meanwhile) {
      meanwhile = happens;
    },
    isRedirected: () => tables.nat.nft.has("KIAM-METADATA"),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** Of the redirect of IPv4; whether there is one of IPv6 depends on the machine's kernel. */
const isCommit = (command: string) => /^iptables-\S+-restore/.test(command);

test("the redirect is there while the agent runs, and is taken away while it still answers", async () => {
  await using agent = await agentCommand();
  const statuses: number[] = [];
  const running = agent.run();
  await waitFor("the redirect", () => agent.isRedirected() || undefined);
  agent.before(async (command) => {
    if (isCommit(command)) {
      statuses.push((await fetch(`http://127.0.0.1:${agent.port}/ping`)).status);
    }
  });

  agent.stop();
  const exitCode = await running;

  expect([exitCode, agent.isRedirected()]).toEqual([0, false]);
  expect(statuses).toEqual([200]);
});

test("it is not ready before its redirect is in place", async () => {
  const telemetry = `127.0.0.1:${await freePort()}`;
  await using agent = await agentCommand({ more: ["--prometheus-listen-addr", telemetry] });
  const readiness = async () => {
    const answer = await fetch(`http://${telemetry}/readyz`);
    return [answer.status, await answer.text()] as const;
  };
  const meanwhile: unknown[] = [];
  agent.before(async (command) => {
    if (isCommit(command) && !agent.isRedirected()) {
      meanwhile.push(await readiness());
    }
  });

  const running = agent.run();
  const then = await waitFor("the redirect to count", async () => {
    const [status, text] = await readiness().catch(() => [0, "redirected"] as const);
    return text.includes("redirected") ? undefined : [status, text];
  });
  agent.stop();

  expect(meanwhile.length).toBeGreaterThan(0);
  expect(String(meanwhile[0])).toContain("503,the pods' requests are not redirected yet");
  expect(String(then)).toContain("503,not in sync with a server yet");
  expect(await running).toBe(0);
});

test("kept at the end, the redirect leads to where nobody answers", async () => {
  await using agent = await agentCommand({ more: ["--no-iptables-remove"] });
  const running = agent.run();
  await waitFor("the redirect", () => agent.isRedirected() || undefined);

  agent.stop();
  const exitCode = await running;

  expect([exitCode, agent.isRedirected()]).toEqual([0, true]);
  await expect(fetch(`http://127.0.0.1:${agent.port}/ping`)).rejects.toThrow();
});

test("a signal while the redirect is put in place leaves none behind, and is no failure", async () => {
  await using agent = await agentCommand();
  agent.before((command) => {
    if (isCommit(command)) {
      agent.stop();
    }
  });

  const exitCode = await agent.run();

  expect([exitCode, agent.isRedirected()]).toEqual([0, false]);
  expect(agent.tables.commands.filter(isCommit).length).toBe(2);
  expect(agent.written.stderr).not.toContain("kiam agent:");
});

test("a signal before the redirect leaves the tables alone, and is no failure", async () => {
  await using agent = await agentCommand();
  agent.stop();

  const exitCode = await agent.run();

  expect([exitCode, agent.tables.commands]).toEqual([0, []]);
  expect(agent.written.stderr).not.toContain("kiam agent:");
});

test("where an address can't be listened on the tables are left alone, and the reason is told", async () => {
  await using blocker = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  await using telemetry = await agentCommand({ more: ["--prometheus-listen-addr", `127.0.0.1:${blocker.port}`] });
  await using metadata = await agentCommand({ port: blocker.port ?? 0 });

  const exitCodes = [await telemetry.run(), await metadata.run()];

  expect(exitCodes).toEqual([1, 1]);
  expect([telemetry.tables.commands, metadata.tables.commands]).toEqual([[], []]);
  expect(telemetry.written.stderr).toMatch(/^kiam agent: .*(EADDRINUSE|in use)/m);
  expect(metadata.written.stderr).toContain(`kiam agent: can't listen on 127.0.0.1:${blocker.port}: `);
});

test("an agent that comes up beside another takes its place when that leaves, and pods are answered meanwhile", async () => {
  const port = await freePort();
  const telemetry = `127.0.0.1:${await freePort()}`;
  const more = ["--no-iptables-remove", "--prometheus-listen-addr", telemetry];
  await using first = await agentCommand({ port, more });
  await using second = await agentCommand({ port, more });
  const ping = async () => (await fetch(`http://127.0.0.1:${port}/ping`, { keepalive: false })).text();
  const running = first.run();
  await waitFor("the first agent's redirect", () => first.isRedirected() || undefined);

  const succeeding = second.run();
  await waitFor(
    "the second agent to see the first",
    () => second.written.stderr.includes("another agent") || undefined,
  );
  const beside = [await ping(), second.isRedirected()];
  first.stop();
  await running;
  await waitFor("the second agent's redirect", () => second.isRedirected() || undefined);
  const after = await ping();
  second.stop();

  expect([beside, after, await succeeding]).toEqual([["pong", false], "pong", 0]);
});

test("a node without iptables is told so, and gets no agent", async () => {
  await using agent = await agentCommand();
  agent.before((command) => {
    if (command.startsWith("conntrack")) {
      throw Object.assign(new Error("conntrack is not installed, or not in PATH"), { name: "CommandMissing" });
    }
  });

  const exitCode = await agent.run();

  expect([exitCode, agent.isRedirected()]).toEqual([1, false]);
  expect(agent.written.stderr).toContain("kiam agent: conntrack is not installed, or not in PATH\n");
});
