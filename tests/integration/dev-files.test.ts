import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../e2e/lab/wait.ts";
import { buildKiam } from "./compiled-kiam.ts";
import { type DevProcess, freePorts, isFree, runDev, startDev } from "./dev-process.ts";

const folder = mkdtempSync(join(tmpdir(), "kiam-dev-files-"));
const kiam = join(folder, "kiam");
beforeAll(() => expect(buildKiam(kiam)).toBe(0), 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const listing = "/latest/meta-data/iam/security-credentials/";

/** A namespace that permits roles beginning with `permitted`, and a pod for each name and role. */
function manifest(permitted: string, pods: Readonly<Record<string, string>>): string {
  const namespace = `kind: Namespace\nmetadata: {name: shop, annotations: {iam.amazonaws.com/permitted: ".*/${permitted}.*"}}\n`;
  const each = ([name, role]: readonly [string, string]) =>
    `---\nkind: Pod\nmetadata: {name: ${name}, namespace: shop, annotations: {iam.amazonaws.com/role: ${role}}}\n`;
  return namespace + Object.entries(pods).map(each).join("");
}

let files = 0;
/** A file of the test's own. */
function written(text: string): string {
  files += 1;
  const path = join(folder, `pods-${files}.yaml`);
  writeFileSync(path, text);
  return path;
}

/** As an editor saves: in one step. */
function save(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

describe("while it runs", () => {
  const shown = (dev: DevProcess, role: string, pod = 0) =>
    waitFor(`the role ${role}`, async () => ((await (await dev.get(listing, pod)).text()) === role ? role : undefined));

  test("another annotation, another permission and another pod count as soon as the file is saved", async () => {
    const path = written(manifest("web", { a: "web-one" }));
    await using dev = await startDev(kiam, { args: ["-f", path] });
    const before = await dev.get(`${listing}web-one`);

    save(path, manifest("web", { a: "web-two", b: "web-b" }));
    await shown(dev, "web-two");
    await shown(dev, "web-b", 1);
    const [former, changed] = [await dev.get(`${listing}web-one`), await dev.get(`${listing}web-two`)];
    save(path, manifest("db", { a: "web-two", b: "web-b" }));
    const withdrawn = await waitFor("the denial", async () => {
      const { status } = await dev.get(`${listing}web-two`);
      return status === 403 ? status : undefined;
    });

    expect([before.status, former.status, changed.status, withdrawn]).toEqual([200, 403, 200, 403]);
    expect(dev.stdout()).toContain(`Pod shop/b at http://127.0.0.1:${dev.firstPort + 1}, as `);
    expect(dev.stdout()).toContain("denied (namespace policy expression '.*/db.*' forbids role");
  });

  test("a pod that is taken out is served no longer", async () => {
    const path = written(manifest("web", { a: "web-a", b: "web-b" }));
    await using dev = await startDev(kiam, { args: ["-f", path] });
    const before = await dev.get(`${listing}web-b`, 1);

    save(path, manifest("web", { a: "web-a" }));
    await waitFor("the listener's end", async () => (await isFree(dev.firstPort + 1)) || undefined);

    expect([before.status, (await dev.get(`${listing}web-a`)).status]).toEqual([200, 200]);
  });

  test("a mistake in the file is one line, and what was there before stays until it is mended", async () => {
    const path = written(manifest("web", { a: "web-one" }));
    await using dev = await startDev(kiam, { args: ["-f", path, "--level=error"] });

    save(path, `${manifest("web", { a: "web-two" })}bad: [`);
    await waitFor("the line", () => dev.stderr().includes("\n") || undefined);
    const meanwhile = await dev.get(`${listing}web-one`);
    save(path, manifest("web", { a: "web-three" }));
    await shown(dev, "web-three");

    expect(meanwhile.status).toBe(200);
    expect(dev.stderr()).toMatch(/^[^\n]+\n$/);
    expect(dev.stderr()).toContain(`${path}:6: `);
    expect(dev.stderr()).toContain("what was read before stays in use");
  });

  test("a new pod whose port is taken is one line, the others go on, and it is served once the port is free", async () => {
    const path = written(manifest("web", { a: "web-a" }));
    const firstPort = await freePorts(3);
    await using dev = await startDev(kiam, { args: ["-f", path, "--level=error"], firstPort });
    const taken = Bun.serve({ hostname: "127.0.0.1", port: firstPort + 1, fetch: () => new Response("another's") });

    save(path, manifest("web", { a: "web-a", b: "web-b", c: "web-c" }));
    await shown(dev, "web-c", 2);
    await waitFor("the line", () => dev.stderr().includes("\n") || undefined);
    await taken.stop(true);
    await shown(dev, "web-b", 1);

    expect((await dev.get(`${listing}web-a`)).status).toBe(200);
    expect(dev.stderr()).toMatch(/^[^\n]+no metadata service for pod shop\/b on port [^\n]+\n$/);
  });
});

describe("at its start", () => {
  test.each([
    ["kind: Pod\nmetadata:\n  name: a\n bad: [", ":4: "],
    ["kind: Pod\nmetadata: *nobody\n", ": Unresolved alias"],
    ["kind: Pod\nmetadata: {name: a, annotations: {iam.amazonaws.com/role: 5}}", ": Pod a: annotation"],
  ])("a mistake in a file is one line, and it does nothing: %j", (text, place) => {
    const path = written(text);

    const { exitCode, stdout, stderr } = runDev(kiam, ["-f", path]);

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toStartWith(`kiam dev: ${path}${place}`);
    expect(stderr).toMatch(/^[^\n]+\n$/);
  });

  test("a port that is taken is one line", async () => {
    const firstPort = await freePorts(2);
    using _taken = Bun.serve({ hostname: "127.0.0.1", port: firstPort + 1, fetch: () => new Response() });

    const { exitCode, stdout, stderr } = runDev(kiam, ["--port", String(firstPort)]);

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^kiam dev: [^\\n]*pod shop/greedy on port ${firstPort + 1}: [^\\n]+\\n$`));
    expect(await isFree(firstPort)).toBe(true);
  });
});
