import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { agentContradiction, agentFlags, redirectInterface } from "../../../src/cli/agent-flags.ts";
import { issueCertificates, manifestFiles } from "../../../src/cli/certs-output.ts";
import type { FlagTable, FlagValues } from "../../../src/cli/flag-table.ts";
import { parseFlags } from "../../../src/cli/flags.ts";
import { serverContradiction, serverFlags } from "../../../src/cli/server-flags.ts";
import { createAuthority } from "../../../src/tls/authority.ts";

const deploy = join(import.meta.dir, "../../../deploy");
const read = (path: string) => readFileSync(join(deploy, path), "utf8");

// biome-ignore lint/suspicious/noExplicitAny: a test reads of a manifest what it needs
type Manifest = any;

const documents = (path: string): readonly Manifest[] =>
  parseAllDocuments(read(path), { merge: true }).map((document) => document.toJS());
const server = documents("base/server.yaml").find(({ kind }) => kind === "Deployment");
const agent = documents("base/agent.yaml").find(({ kind }) => kind === "DaemonSet");
const podOf = (workload: Manifest) => workload.spec.template.spec;
const containerOf = (workload: Manifest) => podOf(workload).containers[0];

/** The flags of a container's arguments, with what the kubelet puts for variables; or what is wrong with them. */
function flagsOf<Table extends FlagTable>(table: Table, workload: Manifest, more: readonly string[] = []) {
  const [command, ...args]: readonly string[] = containerOf(workload).args;
  const variables: Readonly<Record<string, string>> = { NODE_NAME: "ip-10-0-0-1.ec2.internal", HOST_IP: "10.0.0.1" };
  const argv = [...args, ...more].map((arg) => arg.replaceAll(/\$\((\w+)\)/g, (_, name) => variables[name] ?? "?"));
  const parsed = parseFlags(table, { argv, env: variables, fileProblem: () => undefined });
  if (parsed.kind !== "values") {
    throw new Error(JSON.stringify({ command, ...parsed }));
  }
  return { command, values: parsed.values as FlagValues<Table> & { readonly warnings: readonly string[] } };
}

const overlays = readdirSync(join(deploy, "overlays")).sort();

/** What an overlay adds to the agent's arguments. */
function overlayArguments(overlay: string): readonly string[] {
  const { patches } = parse(read(`overlays/${overlay}/kustomization.yaml`));
  return patches.flatMap(({ target, patch }: Manifest) => {
    expect(target).toEqual({ kind: "DaemonSet", name: "kiam-agent" });
    return parse(patch).map(({ value }: Manifest) => value);
  });
}

describe("the server", () => {
  test("has arguments that the server takes, and refuses agents that prove nothing", () => {
    const { command, values } = flagsOf(serverFlags, server);

    expect([command, serverContradiction(values), values.warnings]).toEqual(["server", undefined, []]);
    expect([values.agentIdentity, values.bind]).toEqual(["required", { host: "", port: 9610 }]);
  });

  test("runs as nobody in particular, with nothing that it could change", () => {
    const { securityContext, containers } = podOf(server);

    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });

  test("is there three times, on hosts and zones of their own, and goes away one at a time", () => {
    const budget = documents("base/server.yaml").find(({ kind }) => kind === "PodDisruptionBudget");
    const keys = podOf(server).topologySpreadConstraints.map(({ topologyKey }: Manifest) => topologyKey);

    expect([server.spec.replicas, budget.spec.maxUnavailable]).toEqual([3, 1]);
    expect(keys).toEqual(["kubernetes.io/hostname", "topology.kubernetes.io/zone"]);
    expect(budget.spec.selector.matchLabels).toEqual(server.spec.selector.matchLabels);
  });

  test("is found by a headless Service at the port that it listens on", () => {
    const service = documents("base/server.yaml").find(({ kind }) => kind === "Service");

    const { metadata, spec } = service;
    expect([metadata.name, spec.clusterIP, spec.ports[0].port]).toEqual([...["kiam-server", "None"], 9610]);
    expect(service.spec.selector).toEqual(server.spec.selector.matchLabels);
    expect(flagsOf(agentFlags, agent).values.serverAddress).toEqual({ host: "kiam-server", port: 9610 });
  });
});

describe("the agent", () => {
  test("has arguments that the agent takes, and keeps the redirect when it ends", async () => {
    const { command, values } = flagsOf(agentFlags, agent);

    expect([command, await agentContradiction(values), values.warnings]).toEqual(["agent", undefined, []]);
    expect([values.nodeName, values.hosts?.map(String), values.iptablesRemove]).toEqual([
      ...["ip-10-0-0-1.ec2.internal", ["10.0.0.1"]],
      false,
    ]);
  });

  test("has no capabilities but what iptables needs", () => {
    expect(containerOf(agent).securityContext).toEqual({
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
    });
    expect(podOf(agent).securityContext).toEqual({ seccompProfile: { type: "RuntimeDefault" } });
  });

  test("runs on every node before anything else, without links to services", () => {
    expect(podOf(agent)).toMatchObject({
      hostNetwork: true,
      dnsPolicy: "ClusterFirstWithHostNet",
      priorityClassName: "system-node-critical",
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      tolerations: [{ operator: "Exists" }],
    });
  });

  test("proves its node by a token of which nobody else is the audience", () => {
    const { volumes } = podOf(agent);
    const [{ serviceAccountToken }] = volumes.find(({ name }: Manifest) => name === "identity").projected.sources;

    expect(serviceAccountToken).toMatchObject({ audience: "kiam-server", path: "token" });
    expect(flagsOf(agentFlags, agent).values.identityTokenPath).toBe("/etc/kiam/identity/token");
  });

  test("comes up beside the one before it, which serves on meanwhile", () => {
    const { updateStrategy, minReadySeconds } = agent.spec;
    const { containers, terminationGracePeriodSeconds } = podOf(agent);

    expect(updateStrategy.rollingUpdate).toEqual({ maxSurge: "10%", maxUnavailable: 0 });
    // A port of the host would keep it from being scheduled there.
    expect(containers[0].ports).toBeUndefined();
    // Longer than an agent that is not in sync goes on (src/agent/metadata/succession.ts).
    expect(minReadySeconds).toBeGreaterThan(10);
    expect(containers[0].lifecycle.preStop.sleep.seconds).toBeLessThan(terminationGracePeriodSeconds - 5);
  });
});

test.each([
  ["server", server],
  ["agent", agent],
])("nothing can set the %s's runtime to run other code", (_, workload) => {
  const set = containerOf(workload).env.filter(({ name }: Manifest) => name.startsWith("BUN_"));

  expect(set).toEqual(["BUN_OPTIONS", "BUN_BE_BUN", "BUN_INSPECT"].map((name) => ({ name, value: "" })));
});

describe("the files in a pod", () => {
  const random = (length: number) => new Uint8Array(length).fill(7);
  const validity = { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2027, 0, 1) };
  const options = { serverNames: [], namespace: "kiam-system", nodes: [] };
  const issued = issueCertificates(createAuthority("kiam", validity, random), options, validity, random);
  const secrets = manifestFiles(issued, "kiam-system").map(({ text }) => parse(text));

  test.each([
    ["server", server, flagsOf(serverFlags, server).values],
    ["agent", agent, flagsOf(agentFlags, agent).values],
  ] as const)("are those of kiam certs' Secret for the %s, by its name", (_, workload, values) => {
    const { secretName } = podOf(workload).volumes.find(({ name }: Manifest) => name === "tls").secret;
    const secret = secrets.find(({ metadata }) => metadata.name === secretName);
    const named = [values.certPath, values.keyPath, values.caPath];

    expect(Object.keys(secret?.data ?? {}).map((name) => `/etc/kiam/tls/${name}`)).toEqual(
      expect.arrayContaining(named),
    );
  });

  test("are the same ones with cert-manager, of the Secrets that it makes", () => {
    const { patches } = parse(read("cert-manager/kustomization.yaml"));
    const certificates = documents("cert-manager/certificates.yaml");
    for (const [at, workload] of [server, agent].entries()) {
      const [{ secret }] = podOf(parse(patches[at].patch)).volumes;
      const [cert, key, ca] = secret.items.map(({ path }: Manifest) => `/etc/kiam/tls/${path}`);
      const { args } = containerOf(workload);

      expect(args).toEqual(expect.arrayContaining([`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`]));
      expect(secret.items.map((item: Manifest) => item.key)).toEqual(["tls.crt", "tls.key", "ca.crt"]);
      const mounted = podOf(workload).volumes.find(({ name }: Manifest) => name === "tls").secret.secretName;
      expect(certificates[at].spec.secretName).toBe(mounted);
    }
  });
});

test("cert-manager's certificates name what they are for, which is never anything", () => {
  const usages = documents("cert-manager/certificates.yaml").map(({ spec }) => spec.usages);

  expect(usages).toEqual([
    ["digital signature", "server auth", "client auth"],
    ["digital signature", "client auth"],
  ]);
});

test.each(overlays)("the overlay %s names one interface, one of the README's table", (overlay) => {
  const added = overlayArguments(overlay);
  const { values } = flagsOf(agentFlags, agent, added);
  const table = readFileSync(join(deploy, "../README.md"), "utf8");

  expect(added.length).toBe(1);
  expect(values.hostInterface).not.toBe("docker0");
  expect(redirectInterface(values)).toBe(values.hostInterface);
  expect(table).toContain(`\`${values.hostInterface}\``);
});
