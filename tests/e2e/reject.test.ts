import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { neverAborted } from "../../src/runtime/abort.ts";
import { createPlainNode, type PlainNode } from "./intercept/plain-node.ts";
import { install, startGuard } from "./intercept/redirects.ts";
import { everywhere, sides } from "./intercept/side.ts";
import { tools } from "./lab/tools.ts";

const keepAsking = new URL("./pods/keep-asking.mjs", import.meta.url).pathname;

// Longer than the waits inside, which say what did not come.
setDefaultTimeout(60_000);

let plain: PlainNode;
beforeAll(async () => {
  plain = await createPlainNode("reject");
});
afterAll(() => plain[Symbol.asyncDispose]());

describe.each(everywhere)("%s with the %s back end in use", (name, backend, other) => {
  const side = sides[name];
  const { family } = side;
  const put = (fate: "redirect" | "reject") => install(plain.netns, side, { fate });
  const ask = (from = plain.pod) => plain.ask(from, side);

  beforeEach(() => plain.reset(side, { marked: backend, empty: other }));

  test("where the host has no address of this version, calls are rejected at once, until that is removed", async () => {
    const redirect = await put("reject");
    const startedMs = performance.now();

    await expect(ask()).rejects.toThrow();
    expect(performance.now() - startedMs).toBeLessThan(5_000); // A SYN that is dropped is sent again for minutes.
    expect(await ask(plain.stranger)).toBe("canary");
    expect(await ask(plain.netns)).toBe("canary");
    expect(await redirect.check(neverAborted())).toMatchObject({ kind: "in-force" });
    await redirect[Symbol.asyncDispose]();

    expect(await ask()).toBe("canary");
    expect(await plain.save(side, backend)).not.toContain("KIAM");
  });

  test("a rejection cuts connections from before", async () => {
    const program = [tools.bun(), keepAsking, "/", family.metadataAddress];
    await using asking = plain.pod.start("asking", program, { disposeSignal: "SIGKILL" });
    await asking.waitForLog(/canary/);

    await using _ = await put("reject");

    await asking.waitForLog(/ECONNRESET/);
  });

  test.each([
    ["flushed", ["-F INPUT"], "missing"],
    ["flushed where packets go on", ["-F FORWARD"], "missing"],
    ["emptied", ["-F KIAM-METADATA"], "missing"],
    ["overruled", [`-I INPUT 1 -s ${side.pods} -j ACCEPT`], "shadowed"],
  ])("a rejection that is %s is repaired", async (_, damage, kind) => {
    await using redirect = await put("reject");
    await using guard = startGuard(redirect);
    await plain.iptables(side, backend, ...damage.map((command) => `-t filter ${command}`));
    expect((await redirect.check(neverAborted())).kind).toBe(kind as "missing");

    await guard.repaired();

    await expect(ask()).rejects.toThrow();
    expect(await redirect.check(neverAborted())).toMatchObject({ kind: "in-force" });
  });

  test("an agent that has an address takes over from one that had none, and the other way round", async () => {
    const crashed = await put("reject");
    await using _ = await put("redirect");
    const redirected = await ask();
    await using _next = await put("reject");

    expect(redirected).toBe("agent");
    await expect(ask()).rejects.toThrow();
    expect((await plain.save(side, backend)).match(/-j KIAM-METADATA/g)).toHaveLength(2);
    await crashed[Symbol.asyncDispose]();
  });
});
