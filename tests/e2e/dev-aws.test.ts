import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createNetns, type Netns } from "./lab/netns.ts";
import { createAuthority, type Identity } from "./lab/pki.ts";
import { searchPath, tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";

// `kiam dev --aws` where STS and the metadata service are what the test says they are.

let undo: AsyncDisposableStack;
let directory: string;
let netns: Netns;
let certificate: Identity;
/** A developer's environment, with credentials in the shared files. */
let developer: Readonly<Record<string, string>>;

const stsNames = "sts.amazonaws.com sts.us-east-1.amazonaws.com";

beforeAll(async () => {
  undo = new AsyncDisposableStack();
  directory = await mkdtemp(join(tmpdir(), "kiam-dev-"));
  undo.defer(() => rm(directory, { recursive: true }));
  netns = undo.use(await createNetns(`kiam-${process.pid}-dev`, directory));
  await netns.must(["ip", "address", "add", "169.254.169.254/32", "dev", "lo"]);
  await netns.must(["iptables", "-A", "INPUT", "-d", "169.254.169.254"]);
  const authority = await createAuthority(join(directory, "pki"), "lab-aws");
  certificate = await authority.issue({
    commonName: "sts.amazonaws.com",
    names: stsNames.split(" ").map((name) => `DNS:${name}`),
    usage: "serverAuth",
  });
  await mkdir(join(directory, "home/.aws"), { recursive: true });
  const keys = "[default]\naws_access_key_id = AKIADEVELOPER0000000\naws_secret_access_key = own\n";
  await writeFile(join(directory, "home/.aws/credentials"), keys);
  developer = {
    HOME: join(directory, "home"),
    PATH: `${dirname(tools.python("aws"))}:${searchPath}`,
    NODE_EXTRA_CA_CERTS: certificate.ca,
    AWS_CA_BUNDLE: certificate.ca,
  };
});
afterAll(async () => {
  await undo?.disposeAsync();
});
beforeEach(() => netns.must(["iptables", "-Z", "INPUT"]));

/** Packets that were on their way to the metadata service. */
async function packetsToMetadata(): Promise<number> {
  const listed = await netns.must(["iptables", "-nvxL", "INPUT"]);
  return Number(/^\s*(\d+).*169\.254\.169\.254/m.exec(listed)?.[1]);
}

const argv = () => [tools.kiam(), "dev", "--aws", "--port", "3100"];

async function run(env: Readonly<Record<string, string>> = developer) {
  const startedMs = performance.now();
  const outcome = await netns.run(argv(), { env });
  return { ...outcome, tookMs: performance.now() - startedMs };
}

describe("with a STS that answers", () => {
  beforeAll(async () => {
    await netns.setHosts([`127.0.0.1 ${stsNames}`]);
    const tls = ["-s", "-c", certificate.cert, "-k", certificate.key];
    undo.use(
      netns.start("moto", [tools.python("moto_server"), "-H", "127.0.0.1", "-p", "443", ...tls], {
        disposeSignal: "SIGKILL",
      }),
    );
    const connect = ["bash", "-c", ": </dev/tcp/127.0.0.1/443"];
    await waitFor("moto to listen", async () => (await netns.run(connect)).exitCode === 0 || undefined);
  });

  test("the printed lines make a program the role, and not the developer, and no metadata service is asked", async () => {
    await using dev = netns.start("kiam dev", argv(), { env: developer });
    await dev.waitForLog(/Ctrl-C ends it/);
    const [curl, sdk] = dev
      .output()
      .split("\n")
      .filter((line) => line.startsWith("  "));

    const asDeveloper = await netns.must(["aws", "sts", "get-caller-identity", "--region", "us-east-1"], {
      env: developer,
    });
    const asPod = await netns.must(["sh", "-c", sdk ?? ""], { env: developer });
    const url = curl?.trim().split(" ")[1] ?? "";
    const { status } = await netns.fetch(url);
    const asked = await packetsToMetadata();
    const exitCode = await dev.stop("SIGINT");

    expect(dev.output()).toContain("credentials come from AWS.");
    expect(JSON.parse(asDeveloper).Arn).not.toContain("shop-checkout");
    expect(JSON.parse(asPod).Arn).toBe("arn:aws:sts::123456789012:assumed-role/shop-checkout/kiam-kiam");
    expect([status, asked, exitCode]).toEqual([200, 0, 0]);
  });

  test("a profile that assumes a role asks no metadata service, where the SDK's defaults would have it look for its region", async () => {
    const home = join(directory, "assuming");
    await mkdir(join(home, ".aws"), { recursive: true });
    const role = "role_arn = arn:aws:iam::123456789012:role/developer\nsource_profile = base\nregion = us-east-1\n";
    const keys = "aws_access_key_id = AKIADEVELOPER0000000\naws_secret_access_key = own\n";
    await writeFile(join(home, ".aws/config"), `[default]\n${role}[profile base]\n${keys}`);
    const env = { ...developer, HOME: home, AWS_DEFAULTS_MODE: "auto" };

    await using dev = netns.start("kiam dev", argv(), { env });
    await dev.waitForLog(/Ctrl-C ends it/);

    expect(await packetsToMetadata()).toBe(0);
  });
});

describe("with a STS that can't be reached", () => {
  test("it says so in one line where nobody listens", async () => {
    await netns.setHosts([`127.0.0.2 ${stsNames}`]);

    const { exitCode, stdout, stderr, tookMs } = await run();

    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^kiam dev: STS at https:\/\/sts\.amazonaws\.com can't be asked: [^\n]+\n$/);
    expect(tookMs).toBeLessThan(5_000);
  });

  test.each([
    ["takes no connection", "10.99.0.1"],
    ["takes connections and says nothing", "127.0.0.3"],
  ])("it says so in one line, and in its time, where it %s", async (_, address) => {
    await netns.setHosts([`${address} ${stsNames}`]);
    await using _hole = await blackHole(address);

    const { exitCode, stdout, stderr, tookMs } = await run();

    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^kiam dev: STS at https:\/\/sts\.amazonaws\.com can't be asked: [^\n]+\n$/);
    expect(tookMs).toBeLessThan(12_000);
  });

  test("it can be ended while it waits", async () => {
    await netns.setHosts([`127.0.0.3 ${stsNames}`]);
    await using hole = await blackHole("127.0.0.3");
    await using dev = netns.start("kiam dev", argv(), { env: developer });
    await hole.waitForLog(/connected/);

    const exitCode = await dev.stop("SIGTERM");

    expect([exitCode, dev.output()]).toEqual([0, ""]);
  });
});

test("without credentials it asks nobody, not the metadata service either, which an SDK by itself would", async () => {
  const nobody = { ...developer, HOME: directory };

  const { exitCode, stderr } = await run(nobody);
  const asked = await packetsToMetadata();
  await netns.run(["aws", "sts", "get-caller-identity", "--region", "us-east-1"], { env: nobody });

  expect([exitCode, asked]).toEqual([2, 0]);
  expect(stderr).toMatch(/^kiam dev: no AWS credentials \([^\n]+\n$/);
  expect(await packetsToMetadata()).toBeGreaterThan(0);
});

/** Where connections to port 443 are left without an answer: loopback's are taken first. */
async function blackHole(address: string) {
  if (!address.startsWith("127.")) {
    await netns.must(["ip", "address", "add", `${address}/32`, "dev", "lo"]);
    await netns.must(["iptables", "-A", "INPUT", "-d", address, "-j", "DROP"]);
  }
  const listening = `require("node:net").createServer(() => console.log("connected")).listen(443, "${address}", () => console.log("up"))`;
  const listener = netns.start("hole", [tools.bun(), "-e", listening], { disposeSignal: "SIGKILL" });
  await listener.waitForLog(/up/);
  return listener;
}
