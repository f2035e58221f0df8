import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { tools } from "../e2e/lab/tools.ts";
import { buildKiam } from "./compiled-kiam.ts";
import { type DevProcess, isFree, runDev, startDev } from "./dev-process.ts";

const folder = mkdtempSync(join(tmpdir(), "kiam-dev-"));
const kiam = join(folder, "kiam");
beforeAll(() => expect(buildKiam(kiam)).toBe(0), 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const listing = "/latest/meta-data/iam/security-credentials/";
const assumed = (role: string) => `arn:aws:sts::123456789012:assumed-role/${role}/kiam-kiam`;

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
    expect(performance.now() - startedMs).toBeLessThan(5_000);
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
    const path = join(folder, "aws-config");
    writeFileSync(path, config);

    const { exitCode, stdout, stderr } = runDev(kiam, ["--aws"], {
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
