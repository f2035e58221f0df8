import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { buildKiamImage, type KiamImage } from "./image/build-image.ts";
import { confined, fromImage } from "./image/container.ts";
import { elfFiles, machines } from "./image/elf.ts";
import { createPodman, type Podman } from "./image/podman.ts";
import { must } from "./lab/command.ts";
import type { KiamProcess, Launch } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";

/** On a machine that builds it for the first time. */
const buildWithinMs = 900_000;
const megabyte = 1_000_000;
const keepAsking = new URL("./pods/keep-asking.mjs", import.meta.url).pathname;

let undo: AsyncDisposableStack;
let image: KiamImage;
let podman: Podman;
/** Where the image's files are, to be looked at. */
let root: string;

beforeAll(async () => {
  undo = new AsyncDisposableStack();
  image = await buildKiamImage();
  podman = undo.use(await createPodman());
  await podman.must(["load", "--quiet", "--input", image.archive]);
  root = (await podman.must(["image", "mount", image.reference])).trim();
}, buildWithinMs);
afterAll(() => undo.disposeAsync());

describe("what is in it", () => {
  test("at most 180 MB", async () => {
    const bytes = Number(await podman.must(["image", "inspect", "--format={{.Size}}", image.reference]));

    expect(bytes).toBeLessThanOrEqual(180 * megabyte);
    expect(bytes).toBeGreaterThan(100 * megabyte);
  });

  test("kiam, both back ends of iptables, conntrack, and no shell or other program", async () => {
    const executables = await must(["find", root, "-type", "f", "-perm", "/111", "-printf", "%P\n"]);

    const compiled = (await elfFiles(root)).map(({ path }) => path).filter((path) => executables.includes(path));

    expect(compiled.filter((path) => !/\.so(\.\d+)*$/.test(path)).sort()).toEqual([
      "kiam",
      "usr/sbin/conntrack",
      "usr/sbin/xtables-legacy-multi",
      "usr/sbin/xtables-nft-multi",
    ]);
    expect(await Array.fromAsync(new Bun.Glob("**/{sh,bash,dash,busybox}").scan({ cwd: root, dot: true }))).toEqual([]);
  });

  test("each program and library finds the libraries that it is linked to", async () => {
    const files = await elfFiles(root);

    const lists = files.map(({ path }) => must(["chroot", root, "/lib64/ld-linux-x86-64.so.2", "--list", `/${path}`]));

    expect((await Promise.all(lists)).filter((list) => list.includes("not found"))).toEqual([]);
    expect(files.length).toBeGreaterThan(100);
  });

  test("/var/run is /run, /tmp is everybody's, and certificate authorities are where Go looks for them", async () => {
    const authorities = await readFile(join(root, "etc/ssl/certs/ca-certificates.crt"), "utf8");

    expect(await readlink(join(root, "var/run"))).toBe("/run");
    expect((await stat(join(root, "tmp"))).mode & 0o7777).toBe(0o1777);
    expect(authorities.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(50);
  });

  test("the licences of kiam, of what it is compiled with, and of Debian's packages", async () => {
    const packages = await must(["ls", join(root, "var/lib/dpkg/status.d")]);

    const copyrights = packages
      .trim()
      .split("\n")
      .map((name) => readFile(join(root, "usr/share/doc", name, "copyright"), "utf8"));

    expect(packages).toContain("iptables\n");
    expect((await Promise.all(copyrights)).every((text) => text.length > 0)).toBe(true);
    expect(await readFile(join(root, "usr/share/doc/kiam/LICENSE"), "utf8")).toContain("Apache License");
    expect(await readFile(join(root, "usr/share/doc/kiam/THIRD_PARTY_NOTICES"), "utf8")).toContain("JavaScriptCore");
  });

  test("labels and an entry point, and no user, so that manifests of the Go release go on as root", async () => {
    const [{ Config }] = JSON.parse(await podman.must(["image", "inspect", image.reference]));

    expect(Config.Entrypoint).toEqual(["/kiam"]);
    expect(Config.User ?? "").toBe("");
    expect(Config.Labels).toMatchObject({
      "org.opencontainers.image.licenses": "Apache-2.0",
      "org.opencontainers.image.revision": image.commit,
      "org.opencontainers.image.title": "kiam",
      "org.opencontainers.image.version": manifest.version,
    });
  });

  test(
    "of arm64 all of it is for arm64",
    async () => {
      const { archive, reference } = await buildKiamImage({ architecture: "arm64", same: "build" });
      await using foreign = await createPodman();
      await foreign.must(["load", "--quiet", "--input", archive]);

      const files = await elfFiles((await foreign.must(["image", "mount", reference])).trim());
      const architecture = await foreign.must(["image", "inspect", "--format={{.Architecture}}", reference]);

      expect(architecture.trim()).toBe("arm64");
      expect(new Set(files.map(({ machine }) => machine))).toEqual(new Set([machines.arm64]));
      expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(["kiam", "usr/sbin/conntrack"]));
    },
    buildWithinMs,
  );
});

describe("what runs from it", () => {
  let lab: Lab;
  let node: LabNode;
  let server: KiamProcess;

  beforeAll(async () => {
    lab = undo.use(await createLab());
    await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
    server = await lab.startServer({ launch: serverFrom(lab) });
    node = await lab.addNode("node-1");
    await server.ready();
  }, 60_000);

  test("the version, with the commit that it was built of", async () => {
    const container = {
      podman,
      image: image.reference,
      netns: node.netns.name,
      user: "65532",
      capabilities: [],
      mounts: [],
    };

    const said = await must([...confined(container), "version"]);

    expect(said).toBe(`kiam ${manifest.version} (commit ${image.commit}, Bun ${Bun.version})\n`);
  });

  test("the server as a user without a name and without a capability", async () => {
    const status = await readFile(`/proc/${await pidOf("server")}/status`, "utf8");

    expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect((await server.telemetry("/readyz")).status).toBe(200);
  });

  describe.each(["nft", "legacy"] as const)("the agent where %s is in use", (backend) => {
    const listing = "/latest/meta-data/iam/security-credentials/";
    const rules = () => node.netns.must([`iptables-${backend}-save`, "-t", "nat"]);

    beforeAll(async () => {
      const other = backend === "nft" ? "legacy" : "nft";
      await node.netns.must([`iptables-${other}-restore`], { stdin: "*mangle\nCOMMIT\n*nat\nCOMMIT\n" });
      await node.netns.must([`iptables-${backend}-restore`], {
        stdin: "*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n*nat\nCOMMIT\n",
      });
    });

    test("gives a pod its role's credentials, with two capabilities and a file system that it can't write to", async () => {
      await using pod = await node.deployPod({ namespace: "team", name: "web", address: "10.244.1.5", role: "reader" });
      await using agent = await node.startAgent({ launch: agentFrom(lab, node) });
      await serving(agent);

      const status = await readFile(`/proc/${await pidOf("agent")}/status`, "utf8");
      const answer = await waitFor("credentials", async () => {
        const response = await pod.http(`${listing}reader`);
        return response.status === 200 ? response : undefined;
      });

      expect(await lab.sts.roleOfAnswer(answer.body)).toBe("arn:aws:sts::123456789012:assumed-role/reader/kiam-kiam");
      expect(status).toMatch(/^Uid:\t0\t0\t0\t0$/m);
      expect(status).toMatch(/^CapBnd:\t0000000000003000$/m); // NET_ADMIN (12) and NET_RAW (13).
      expect(await rules()).toMatch(/^-A PREROUTING .*-i cali\+ .*-j KIAM-METADATA$/m);
    });

    test("cuts a connection that a pod had to the metadata service", async () => {
      await using pod = await node.addPod({
        name: "early",
        address: "10.244.1.6",
        veth: "caliearly",
        mayReadCanary: true,
      });
      await using asking = pod.start("asking", [tools.bun(), keepAsking, "/latest/meta-data/ami-id"]);
      await asking.waitForLog(/ami-0abcdef/);

      await using agent = await node.startAgent({ launch: agentFrom(lab, node) });
      await serving(agent);

      await asking.waitForLog(/ECONNRESET/);
    });

    test("takes its redirect away at SIGTERM, unless it is told to keep it", async () => {
      const removing = await node.startAgent({ launch: agentFrom(lab, node) });
      await serving(removing);
      const during = await rules();
      const exitCode = await removing.stop("SIGTERM");
      const after = await rules();
      const keeping = await node.startAgent({ launch: agentFrom(lab, node), flags: { "iptables-remove": false } });
      await serving(keeping);
      await keeping.stop("SIGTERM");

      expect([exitCode, during.includes("KIAM"), after.includes("KIAM")]).toEqual([0, true, false]);
      expect(await rules()).toContain("-j DNAT --to-destination");
    });
  });
});

/** In sync, with the redirect in place. */
async function serving(agent: KiamProcess): Promise<void> {
  await Promise.all([agent.ready(), agent.waitForLog(/kiam agent starts/)]);
}

/** As the Go release's chart mounts it: in /var/run. */
const xtablesLock = "/run/xtables.lock:/var/run/xtables.lock";

function agentFrom(lab: Lab, node: LabNode): Launch {
  const capabilities = ["NET_ADMIN", "NET_RAW"];
  const mounts = [lab.directory, xtablesLock];
  return fromImage({ podman, image: image.reference, netns: node.netns.name, user: "0", capabilities, mounts });
}

function serverFrom(lab: Lab): Launch {
  const place = { netns: lab.control.name, user: "65532:65532", capabilities: [], mounts: [lab.directory] };
  const launch = fromImage({ podman, image: image.reference, ...place });
  return async (name, words, env) => {
    // The kubelet lets a pod's own user read its secrets.
    const secrets = words.flatMap((word) => /^--(?:key|kubeconfig)=(.*)$/.exec(word)?.[1] ?? []);
    await must(["chmod", "a+r", ...secrets]);
    return launch(name, words, env);
  };
}

/** The process id, out here, of the only container that runs the command. */
async function pidOf(command: string): Promise<string> {
  const ids = await podman.must(["ps", "--quiet", "--no-trunc"]);
  const lines = await podman.must(["inspect", "--format={{.State.Pid}} {{index .Args 0}}", ...ids.trim().split("\n")]);
  const pid = new RegExp(`^(\\d+) ${command}$`, "m").exec(lines)?.[1];
  if (pid === undefined) {
    throw new Error(`no container runs kiam ${command}: ${lines}`);
  }
  return pid;
}
