import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { neverAborted } from "../../src/runtime/abort.ts";
import { createPlainNode, type PlainNode } from "./intercept/plain-node.ts";
import { install, startGuard, type Wanted } from "./intercept/redirects.ts";
import { everywhere, metadataOf, sides } from "./intercept/side.ts";
import { tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";

const keepAsking = new URL("./pods/keep-asking.mjs", import.meta.url).pathname;

/** In a pod: asks once and keeps the connection. */
const holdingAConnection = `
const socket = require("node:net").connect(80, process.argv[1]);
socket.on("connect", () => socket.write("GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"));
socket.on("data", (data) => console.log(String(data)));
`;

// Longer than the waits inside, which say what did not come.
setDefaultTimeout(60_000);

let plain: PlainNode;
beforeAll(async () => {
  plain = await createPlainNode("intercept");
});
afterAll(() => plain[Symbol.asyncDispose]());

describe.each(everywhere)("%s with the %s back end in use", (name, backend, other) => {
  const side = sides[name];
  const { family } = side;
  const theirs = `-A PREROUTING -d ${side.elsewhere[0]} -p tcp -m tcp --dport 80 -j DNAT --to-destination ${side.elsewhere[1]}`;
  const put = (wanted?: Wanted) => install(plain.netns, side, wanted);
  const rules = (where: string = backend) => plain.prerouting(side, where);
  const nat = (where: string, ...commands: readonly string[]) =>
    plain.iptables(side, where, ...commands.map((command) => `-t nat ${command}`));
  const ask = (from = plain.pod) => plain.ask(from, side);

  beforeEach(() => plain.reset(side, { marked: backend, empty: other }, [theirs]));

  test("without the redirect the pod reads the node's metadata", async () => {
    expect(await ask()).toBe("canary");
  });

  test("pods' calls lead to the agent, others' and the node's own do not, until it is removed", async () => {
    const redirect = await put();
    expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 0 });
    expect(await ask()).toBe("agent");
    expect(await ask(plain.stranger)).toBe("canary");
    expect(await ask(plain.netns)).toBe("canary");
    expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 1 });

    await redirect[Symbol.asyncDispose]();

    expect(await ask()).toBe("canary");
    expect(await rules()).toEqual([theirs]);
    expect(await plain.save(side, backend)).not.toContain("KIAM");
  });

  test("an inverted interface means all the others", async () => {
    await using _ = await put({ pods: "!other0" });

    expect(await ask()).toBe("agent");
    expect(await ask(plain.stranger)).toBe("canary");
  });

  test("installed twice it stands there once, and the first does not remove the second's", async () => {
    const crashed = await put({ port: 3998 });
    await using _ = await put();

    expect(await rules()).toHaveLength(2);
    await crashed[Symbol.asyncDispose]();
    expect(await rules()).toHaveLength(2);
    expect(await ask()).toBe("agent");
  });

  test("what a crashed agent left in the other back end is taken over", async () => {
    await plain.netns.must([`${family.program}-${other}-restore`, "--noflush"], {
      stdin: `*nat\n:KIAM-METADATA - [0:0]\n-A KIAM-METADATA -p tcp -j DNAT --to-destination ${side.elsewhere[1]}\n-A PREROUTING -i cali+ -j KIAM-METADATA\nCOMMIT\n`,
    });

    await using _ = await put();

    expect(await ask()).toBe("agent");
    expect(await plain.save(side, other)).not.toContain("KIAM");
  });

  test("it is kept when asked for, and taken over by the next agent", async () => {
    const kept = await put({ atExit: "keep" });

    await kept[Symbol.asyncDispose]();

    expect(await ask()).toBe("agent");
    await (await put())[Symbol.asyncDispose]();
    expect(await rules()).toEqual([theirs]);
  });

  test("connections from before are cut", async () => {
    await using asking = plain.pod.start("asking", [tools.bun(), keepAsking, "/", family.metadataAddress], {
      disposeSignal: "SIGKILL",
    });
    await asking.waitForLog(/canary/);

    await using redirect = await put();
    await redirect.cutEscaped(neverAborted());

    await asking.waitForLog(/ECONNRESET/);
    expect(asking.output()).not.toContain("agent");
  });

  test("connections that lead to an agent already outlive the next one's start", async () => {
    await using _ = await put({ atExit: "keep" });
    const program = [tools.bun(), "-e", holdingAConnection, family.metadataAddress];
    await using held = plain.pod.start("holding", program, { disposeSignal: "SIGKILL" });
    await held.waitForLog(/agent/);

    await using _next = await put();

    const flows = await plain.netns.must(["conntrack", "-L", "-p", "tcp", "-d", family.metadataAddress]);
    expect(flows).toContain(" ESTABLISHED ");
    expect(flows).toMatch(new RegExp(`src=${side.host} .*sport=3100`));
  });

  test("an interface that comes up later is redirected from its first packet on", async () => {
    await using _ = await put({ pods: `late${name}+` });

    const late = await plain.plugLater(`late${name}${backend}`);

    expect(await ask(late)).toBe("agent");
  });

  test.each([
    ["a flushed table", ["-F PREROUTING"]],
    ["a flushed chain", ["-F KIAM-METADATA"]],
    ["a deleted chain", ["-F PREROUTING", "-F KIAM-METADATA", "-X KIAM-METADATA"]],
    ["a changed destination", [`-R KIAM-METADATA 1 -p tcp -j DNAT --to-destination ${side.elsewhere[1]}`]],
  ])("%s is repaired", async (_, damage) => {
    await using redirect = await put();
    await using guard = startGuard(redirect);
    await nat(backend, ...damage);
    expect(await redirect.check(neverAborted())).toEqual({ kind: "missing" });

    await guard.repaired();

    expect(await ask()).toBe("agent");
  });

  test("a rule that was put before it and takes its packets is found, one that does not is let be", async () => {
    await using redirect = await put();
    const [passing, taking] = ["-i cali+ -p tcp -j LATER", `-s ${side.pods} -p tcp -m tcp --dport 80 -j RETURN`];
    await nat(backend, "-N LATER", `-A LATER -d ${side.elsewhere[0]} -j ACCEPT`, `-I PREROUTING 1 ${passing}`);
    expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 0 });
    await nat(backend, `-I PREROUTING 1 ${taking}`);
    expect(await redirect.check(neverAborted())).toEqual({ kind: "shadowed", by: `PREROUTING ${taking}` });
    expect(await ask()).toBe("canary");

    await using guard = startGuard(redirect);
    await guard.repaired();

    expect(await ask()).toBe("agent");
    expect(await rules()).toHaveLength(4);
  });

  test("a rule of the other back end that leads its packets elsewhere is found, and it goes before that, too", async () => {
    await using redirect = await put();
    const destination = metadataOf(side).includes("[") ? `[${side.host}]:3999` : `${side.host}:3999`;
    const accepting = `-A PREROUTING -i cali+ -p tcp -j ACCEPT`;
    const taking = `-d ${family.metadataNetwork} -p tcp -m comment --comment theirs -j DNAT --to-destination ${destination}`;
    await nat(other, `${accepting} -m comment --comment first`);
    expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 0 });
    expect(await ask()).toBe("agent");
    await nat(other, "-F PREROUTING", `-A PREROUTING ${taking}`);
    expect(await redirect.check(neverAborted())).toEqual({
      kind: "shadowed",
      by: `PREROUTING ${taking} (${other})`,
    });

    await using guard = startGuard(redirect);
    await guard.repaired();

    expect(await ask()).toBe("agent");
    expect((await redirect.check(neverAborted())).kind).toBe("in-force");
    await redirect[Symbol.asyncDispose]();
    expect(await rules(other)).toEqual([`-A PREROUTING ${taking}`]);
    expect(`${await plain.save(side, backend)}${await plain.save(side, other)}`).not.toContain("KIAM");
  });
});

describe.each(everywhere.filter(([name]) => name === "IPv4"))("%s with %s in use", (name, backend, other) => {
  test.each([backend, other])("what the Go release left in %s is taken over", async (where) => {
    const left =
      "-A PREROUTING -p tcp -d 169.254.169.254/32 --dport 80 -j DNAT --to-destination 10.200.0.1:8181 -i cali+";
    await plain.reset(sides[name], { marked: backend, empty: other });
    await plain.iptables(sides[name], where, `-t nat ${left}`);

    await using _ = await install(plain.netns, sides[name]);

    expect(await plain.ask(plain.pod, sides[name])).toBe("agent");
    const both = [await plain.prerouting(sides[name], "nft"), await plain.prerouting(sides[name], "legacy")].flat();
    expect(both.filter((rule) => rule.includes("8181"))).toEqual([]);
  });
});

test.each(Object.values(sides))(
  "while somebody else holds the lock of $family.program it waits, and then comes in place",
  async (side) => {
    await plain.reset(side, { marked: "legacy", empty: "nft" });
    const lock = join(plain.directory, `${side.family.program}.lock`);
    // In another place than the machine's own, which is not a test's to hold.
    const env = { XTABLES_LOCKFILE: lock };
    const holding = ["flock", "--no-fork", lock, "sh", "-c", "echo held; exec sleep 60"];
    await using holder = plain.netns.start("holder", holding, { disposeSignal: "SIGKILL" });
    await holder.waitForLog(/held/);

    const installing = install(plain.netns, side, { env });
    await waitFor("a program that waits", async () => (await hasWaiting(lock)) || undefined);
    const meanwhile = await plain.prerouting(side, "legacy");
    await holder.stop("SIGKILL");
    await using _ = await installing;

    expect(meanwhile).toEqual([]);
    expect(await plain.ask(plain.pod, side)).toBe("agent");
  },
);

test.each(Object.values(sides))(
  "the back end in which nobody marked anything and that holds more rules is the one",
  async (side) => {
    const { program } = side.family;
    await plain.netns.must([`${program}-nft-restore`], { stdin: "*mangle\nCOMMIT\n*nat\nCOMMIT\n" });
    await plain.netns.must([`${program}-legacy-restore`], {
      stdin: `*mangle\nCOMMIT\n*nat\n-A PREROUTING -d ${side.elsewhere[0]} -j ACCEPT\nCOMMIT\n`,
    });

    await using _ = await install(plain.netns, side);

    expect((await plain.prerouting(side, "legacy")).filter((rule) => rule.includes("KIAM"))).toHaveLength(1);
    expect((await plain.prerouting(side, "nft")).filter((rule) => rule.includes("KIAM"))).toEqual([]);
  },
);

/** Whether a program waits for a lock that another holds: https://man7.org/linux/man-pages/man5/proc_locks.5.html */
async function hasWaiting(path: string): Promise<boolean> {
  const { ino } = await stat(path);
  const locks = await readFile("/proc/locks", "utf8");
  return locks.split("\n").some((line) => line.includes("-> FLOCK") && line.includes(`:${ino} `));
}
