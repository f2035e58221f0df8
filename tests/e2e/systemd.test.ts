import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KiamProcess, Launch } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { repository, tools } from "./lab/tools.ts";
import { environmentOf, parseUnit, type Unit } from "./systemd/unit.ts";

const folder = join(repository, "deploy/systemd");

let lab: Lab;
let node: LabNode;
let agent: KiamProcess;
let unit: Unit;
/** What stands for /etc and /usr/local/bin of a node that the unit was installed on. */
let files: string;

beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  await (await lab.startServer()).ready();
  node = await lab.addNode("node-1");
  unit = parseUnit(await readFile(join(folder, "kiam-agent.service"), "utf8"));
  files = join(lab.directory, "systemd");
  await install();
  agent = await node.startAgent({ launch: asService });
  await Promise.all([agent.ready(), agent.waitForLog(/kiam agent starts/)]);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

test("systemd finds nothing wrong with the unit", async () => {
  const { exitCode, stdout, stderr } = await node.netns.run([
    ...sandbox("+all"),
    ...["systemd-analyze", "verify", "--man=no", "/etc/systemd/system/kiam-agent.service"],
  ]);

  expect([exitCode, stdout, stderr]).toEqual([0, "", ""]);
});

test("its command serves a pod, with two capabilities, and where nothing but iptables' lock can be written", async () => {
  await using pod = await node.deployPod({ namespace: "team", name: "web", address: "10.244.1.5", role: "reader" });

  const status = await readFile(`/proc/${agent.pid}/status`, "utf8");
  const mounts = await readFile(`/proc/${agent.pid}/mounts`, "utf8");
  const { body } = await pod.http("/latest/meta-data/iam/security-credentials/reader");

  expect(await lab.sts.roleOfAnswer(body)).toBe("arn:aws:sts::123456789012:assumed-role/reader/kiam-kiam");
  expect(status).toMatch(/^CapEff:\t0000000000003000$/m); // NET_ADMIN (12) and NET_RAW (13).
  expect(status).toMatch(/^CapBnd:\t0000000000003000$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(mounts).toMatch(/ \/ \S+ ro,/);
});

test("what would open the runtime inside the executable does not reach it", async () => {
  const environment = await readFile(`/proc/${agent.pid}/environ`, "utf8");

  expect(await readFile(join(files, "etc/kiam/kiam-agent.env"), "utf8")).toContain("BUN_OPTIONS=");
  expect(environment).toContain("KIAM_IPTABLES=cali+");
  expect(environment).not.toContain("BUN_");
});

test("it fails closed: when it is stopped, its pods do not reach the node's credentials", async () => {
  await using pod = await node.addPod({ name: "late", address: "10.244.1.6", veth: "calilate" });

  const exitCode = await agent.stop("SIGTERM");

  const answer = await pod.http("/latest/meta-data/").catch((error: unknown) => error);
  expect(exitCode).toBe(0);
  expect(answer).toBeInstanceOf(Error);
});

/** As the unit's first lines say. */
async function install(): Promise<void> {
  const { cert, key, ca } = await lab.nodeCertificate(node.name);
  await mkdir(join(files, "etc/kiam"), { recursive: true });
  await mkdir(join(files, "etc/systemd/system"), { recursive: true });
  await mkdir(join(files, "bin"));
  const copies: readonly (readonly [from: string, to: string])[] = [
    [tools.kiam(), "bin/kiam"],
    [cert, "etc/kiam/agent.pem"],
    [key, "etc/kiam/agent-key.pem"],
    [ca, "etc/kiam/ca.pem"],
    [join(folder, "kiam-agent.service"), "etc/systemd/system/kiam-agent.service"],
    [`/etc/netns/${node.netns.name}/hosts`, "etc/hosts"],
  ];
  await Promise.all(copies.map(([from, to]) => cp(from, join(files, to))));
  const variables = await readFile(join(folder, "kiam-agent.env"), "utf8");
  await writeFile(join(files, "etc/kiam/kiam-agent.env"), filledIn(variables));
}

/** The file with this node's values, each of which it has to ask for, and one that must not come through. */
function filledIn(variables: string): string {
  const values = {
    KIAM_SERVER_ADDRESS: "kiam-server:9610",
    NODE_NAME: node.name,
    HOST_IP: node.address,
    KIAM_IPTABLES: "cali+",
    KIAM_PROMETHEUS_LISTEN_ADDR: `${node.address}:9620`,
  };
  const names = [...variables.matchAll(/^(\w+)=/gm)].map(([, name]) => name);
  expect(names).toEqual(Object.keys(values));
  return [...Object.entries(values).map(([name, value]) => `${name}=${value}`), "BUN_OPTIONS=--smol", ""].join("\n");
}

/** The unit's command as it stands, in what systemd would make of the rest of the unit. */
const asService: Launch = async (name) => {
  const environment = environmentOf(unit, await readFile(join(files, "etc/kiam/kiam-agent.env"), "utf8"));
  const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  const command = unit.one("Service", "ExecStart").split(" ");
  return node.netns.start(name, [...sandbox(boundingSet()), "env", "--ignore-environment", ...variables, ...command]);
};

/** What setpriv calls the capabilities that the unit leaves. */
function boundingSet(): string {
  const names = unit.one("Service", "CapabilityBoundingSet").split(" ");
  return ["-all", ...names.map((name) => `+${name.replace(/^CAP_/, "").toLowerCase()}`)].join(",");
}

function sandbox(bounding: string): readonly string[] {
  const script = new URL("./systemd/sandbox.sh", import.meta.url).pathname;
  const service = (key: string) => unit.one("Service", key);
  expect([service("ProtectSystem"), service("NoNewPrivileges")]).toEqual(["strict", "yes"]);
  const writable = service("ReadWritePaths");
  expect(service("ExecStartPre")).toBe(`+/usr/bin/touch ${writable}`);
  return ["unshare", "--mount", "sh", script, files, bounding, service("UMask"), writable];
}
