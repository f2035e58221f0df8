import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { tools } from "../e2e/lab/tools.ts";
import { waitFor } from "../e2e/lab/wait.ts";
import { buildKiam } from "./compiled-kiam.ts";
import { type DevProcess, freePorts, isFree, startDev } from "./dev-process.ts";

const folder = mkdtempSync(join(tmpdir(), "kiam-dev-"));
const kiam = join(folder, "kiam");
beforeAll(() => expect(buildKiam(kiam)).toBe(0), 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const listing = "/latest/meta-data/iam/security-credentials/";
const assumed = (role: string) => `arn:aws:sts::123456789012:assumed-role/${role}/kiam-kiam`;

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

/** Runs to the end with nothing of this process's environment. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([kiam, "dev", ...args], { env, cwd: folder, stdin: "ignore" });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe("what is printed", () => {
  // A developer's own: whoever follows the lines must not get these.
  const home = join(folder, "home");
  mkdirSync(join(home, ".aws"), { recursive: true });
  const keys = "aws_access_key_id = AKIADEVELOPER\naws_secret_access_key = own\n";
  writeFileSync(join(home, ".aws/credentials"), `[default]\n${keys}[work]\n${keys}`);
  const developer = {
    PATH: [dirname(tools.python("aws")), process.env["PATH"]].join(delimiter),
    HOME: home,
    AWS_PROFILE: "work",
    AWS_ACCESS_KEY_ID: "AKIADEVELOPER",
    AWS_SECRET_ACCESS_KEY: "own",
    AWS_EC2_METADATA_DISABLED: "true",
  };
  let dev: DevProcess;
  beforeAll(async () => {
    dev = await startDev(kiam);
  });
  afterAll(async () => {
    await dev?.[Symbol.asyncDispose]();
  });

  /** What a shell makes of the line, word for word; where there is no curl, what its URL answers. */
  async function follow(line = "no such line"): Promise<{ exitCode: number; stdout: string }> {
    const [, url] = /^ *curl (\S+)$/.exec(line) ?? [];
    if (url !== undefined && Bun.which("curl") === null) {
      return { exitCode: 0, stdout: await (await fetch(url)).text() };
    }
    const { exitCode, stdout } = Bun.spawnSync(["sh", "-c", line], { env: developer, stderr: "ignore" });
    return { exitCode, stdout: stdout.toString() };
  }

  test("gives the allowed pod its credentials by curl", async () => {
    const { exitCode, stdout } = await follow(dev.commands()[0]);

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ Code: "Success", Type: "AWS-HMAC" });
  });

  test("makes a program with an SDK the pod's role, whatever credentials the developer has", async () => {
    const { exitCode, stdout } = await follow(dev.commands()[1]);

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).Arn).toBe(assumed("shop-checkout"));
  });

  test("shows the denied pod why it gets none", async () => {
    const [, , denied, ...more] = dev.commands();

    const { stdout } = await follow(denied);

    expect(more).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({
      Code: "AccessDenied",
      Message:
        "namespace policy expression 'arn:aws:iam::123456789012:role/shop-.*' forbids role 'arn:aws:iam::123456789012:role/administrator'",
    });
  });

  const program = (name: string) => resolve(import.meta.dir, "../e2e/pods", name);

  test.each([
    ["boto3", () => [tools.python("python"), program("boto3_identity.py")]],
    ["the JavaScript SDK", () => [tools.node(), program("javascript-identity.mjs")]],
  ])("%s gets the role's keys through it", (_, argv) => {
    const endpoint = `http://127.0.0.1:${dev.firstPort}/`;
    const env = { HOME: folder, AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint };

    const { stdout, stderr } = Bun.spawnSync([...argv(), dev.emulator()], { env });

    const { arn, accessKeyId } = JSON.parse(stdout.toString() || `{"arn": ${JSON.stringify(stderr.toString())}}`);
    expect(arn).toBe(assumed("shop-checkout"));
    expect(accessKeyId).toStartWith("ASIADEV");
  });

  test("a pod gets no other pod's role, and no listener serves another's", async () => {
    const answers = [await dev.get(`${listing}administrator`, 0), await dev.get(`${listing}shop-checkout`, 1)];

    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
  });

  test.each(["Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"])(
    "a web page, which sends %s, gets nothing",
    async (name) => {
      const value = name === "Origin" ? "http://evil.example" : "same-origin";

      const answer = await dev.get(`${listing}shop-checkout`, 0, { [name]: value });

      expect(answer.status).toBe(403);
      expect(await answer.text()).not.toContain("AccessKeyId");
    },
  );

  test("a web page by whose name loopback is asked gets nothing", async () => {
    const answer = await dev.get(`${listing}shop-checkout`, 0, { Host: "evil.example" });

    expect(answer.status).toBe(403);
  });

  test("no secret key and no token is in what it writes", async () => {
    const answer = await dev.get(`${listing}shop-checkout`);

    const { SecretAccessKey, Token, AccessKeyId } = JSON.parse(await answer.text());
    const all = dev.stdout() + dev.stderr();

    expect([SecretAccessKey, Token].map((secret) => all.includes(secret))).toEqual([false, false]);
    expect(all).toContain(AccessKeyId);
  });
});

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

    const { exitCode, stdout, stderr } = run(["-f", path]);

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toStartWith(`kiam dev: ${path}${place}`);
    expect(stderr).toMatch(/^[^\n]+\n$/);
  });

  test("a port that is taken is one line", async () => {
    const firstPort = await freePorts(2);
    using _taken = Bun.serve({ hostname: "127.0.0.1", port: firstPort + 1, fetch: () => new Response() });

    const { exitCode, stdout, stderr } = run(["--port", String(firstPort)]);

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^kiam dev: [^\\n]*pod shop/greedy on port ${firstPort + 1}: [^\\n]+\\n$`));
    expect(await isFree(firstPort)).toBe(true);
  });
});

describe.each(["SIGINT", "SIGTERM"] as const)("%s", (signal) => {
  test("ends it at once and well, connections that are kept alive or half way included", async () => {
    const dev = await startDev(kiam);
    const idle = connect(dev.firstPort, "127.0.0.1");
    const halfWay = connect(dev.firstPort + 1, "127.0.0.1");
    using _sockets = { [Symbol.dispose]: () => [idle, halfWay].map((socket) => socket.destroy()) };
    halfWay.write("GET / HTTP/1.1\r\nHo");
    await (await fetch(`http://127.0.0.1:${dev.firstPort}${listing}shop-checkout`)).text();
    const startedMs = performance.now();

    const exitCode = await dev.end(signal);

    expect(exitCode).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    const { port } = new URL(dev.emulator());
    expect(await Promise.all([dev.firstPort, dev.firstPort + 1, Number(port)].map(isFree))).toEqual([true, true, true]);
  });
});

describe("--aws", () => {
  /** Somebody's metadata service, and what it was asked. */
  function serveMetadata() {
    const asked: string[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        asked.push(`${request.method} ${new URL(request.url).pathname}`);
        return new Response("no", { status: 404 });
      },
    });
    return { asked, url: `http://127.0.0.1:${server.port}`, [Symbol.dispose]: () => void server.stop(true) };
  }

  test.each([
    ["there are no credentials", "", "kiam dev: no AWS credentials ("],
    [
      "a profile says to",
      "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\ncredential_source = Ec2InstanceMetadata\n",
      "kiam dev: --aws never asks a metadata service, and the AWS profile 'default' would",
    ],
  ])("never asks a metadata service where %s", (_, config, line) => {
    using metadata = serveMetadata();
    const path = written(config);

    const { exitCode, stdout, stderr } = run(["--aws"], {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url,
      AWS_CONFIG_FILE: path,
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    });

    expect([exitCode, stdout, metadata.asked]).toEqual([2, "", []]);
    expect(stderr).toStartWith(line);
    expect(stderr).toMatch(/^[^\n]+\n$/);
  });

  test("which an SDK by itself would ask", async () => {
    using metadata = serveMetadata();
    const env = { HOME: folder, AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url };

    await Bun.spawn([tools.python("python"), resolve(import.meta.dir, "../e2e/pods/boto3_identity.py"), "http://x"], {
      ...{ env, stdout: "ignore", stderr: "ignore" },
    }).exited;

    expect(metadata.asked[0]).toBe("PUT /latest/api/token");
  });
});
