import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import type { KiamOptions, KiamProcess } from "./kiam.ts";
import { startKiam } from "./kiam.ts";
import type { KubernetesApi } from "./kubernetes-api.ts";
import { createNames, type Names } from "./names.ts";
import { createNetns, type Netns, removeAbandoned } from "./netns.ts";
import { createNode, type LabNode } from "./node.ts";
import { type Authority, createAuthority, type Identity } from "./pki.ts";
import { createServerAccount, type ServerAccount } from "./server-account.ts";
import { accountId, type Sts, startSts } from "./sts.ts";
import { repository } from "./tools.ts";

/**
 * A cluster of real parts in network namespaces of its own: kube-apiserver, etcd and moto in one, each node and each
 * pod in another. Nothing of it touches the namespace that the test runs in, and disposing it removes all of it.
 *
 * ```ts
 * await using lab = await createLab();
 * await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
 * const server = await lab.startServer();
 * const node = await lab.addNode("node-1");
 * const agent = await node.startAgent();
 * const pod = await node.deployPod({ namespace: "team", name: "web", address: "10.244.1.5", role: "reader" });
 * await callerIdentity(pod, "boto3", lab.sts.endpoint);
 * ```
 */
export interface Lab extends AsyncDisposable {
  /** The administrator's way to the API server. */
  readonly api: KubernetesApi;
  readonly controlPlane: ControlPlane;
  readonly sts: Sts;
  /** Where the API server, moto and kiam's servers run. */
  readonly control: Netns;
  /** What all of its namespaces see. */
  readonly names: Pick<Names, "add">;
  /** What kiam's certificates are issued by. */
  readonly authority: Authority;
  /** For files of a test; gone with the lab. */
  readonly directory: string;
  /** `arn:aws:iam::<account>:role/`, the servers' `--role-base-arn`. */
  readonly roleBaseArn: string;
  addNode(name: string): Promise<LabNode>;
  /** A certificate that names the node, as an agent's: SAN `DNS:<node>.node.kiam`. */
  nodeCertificate(node: string): Promise<Identity>;
  /** A certificate that names no node, as the Go release's agents have. */
  agentCertificate(): Promise<Identity>;
  /** The server's service account, made on first use from deploy/base/rbac.yaml. */
  serverAccount(): Promise<ServerAccount>;
  /**
   * Starts the compiled `kiam server` under deploy/base/rbac.yaml, on an address of its own, to which `kiam-server` resolves
   * from then on, also when it has been stopped, until it is disposed. Await its `ready()`.
   */
  startServer(options?: KiamOptions): Promise<KiamProcess>;
}

/** Where the servers listen, and the name on their certificate. */
const serverName = "kiam-server";
const serverPort = 9610;
const controlAddress = "10.250.0.1";
const bridge = "nodes";

/** Takes about five seconds. Throws where a tool is missing, naming scripts/setup.sh. Needs root. */
export async function createLab(): Promise<Lab> {
  await removeAbandoned();
  await using undo = new AsyncDisposableStack();
  const prefix = `kiam-${process.pid}-${randomBytes(2).toString("hex")}`;
  const directory = join(tmpdir(), prefix);
  const home = join(directory, "home");
  await mkdir(home, { recursive: true });
  undo.defer(() => rm(directory, { recursive: true, force: true }));

  const control = undo.use(await createNetns(`${prefix}-control`, directory));
  // An address of its own: a bridge without one takes its lowest port's, and nodes would go on sending to the former.
  await control.must(["ip", "link", "add", bridge, "address", "02:00:0a:fa:00:01", "type", "bridge"]);
  await control.must(["ip", "address", "add", `${controlAddress}/16`, "dev", bridge]);
  await control.must(["ip", "link", "set", bridge, "up"]);
  // Between the pods of two nodes.
  await control.must(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  const names = createNames();
  undo.use(await names.serve(control));

  const starting = await Promise.allSettled([
    startControlPlane(control, controlAddress, join(directory, "kubernetes")).then((plane) => undo.use(plane)),
    startSts(control, controlAddress).then((sts) => undo.use(sts)),
    createAuthority(join(directory, "kiam-pki"), "lab-kiam"),
  ]);
  const [controlPlane, sts, authority] = [fulfilled(starting[0]), fulfilled(starting[1]), fulfilled(starting[2])];
  const guests = undo.use(new AsyncDisposableStack());
  const made = undo.move();

  const roleBaseArn = `arn:aws:iam::${accountId}:role/`;
  let serverAccount: Promise<ServerAccount> | undefined;
  let servers = 0;
  let nodes = 0;

  const lab: Lab = {
    api: controlPlane.api,
    controlPlane,
    sts,
    control,
    names,
    authority,
    directory,
    roleBaseArn,
    nodeCertificate: (node) =>
      authority.issue({ commonName: "kiam-agent", names: [`DNS:${node}.node.kiam`], usage: "clientAuth" }),
    agentCertificate: () =>
      authority.issue({ commonName: "kiam-agent", names: ["DNS:kiam-agent"], usage: "clientAuth" }),
    serverAccount() {
      serverAccount ??= createServerAccount(controlPlane, join(repository, "deploy/base/rbac.yaml"), directory);
      return serverAccount;
    },
    async addNode(name) {
      nodes += 1;
      const index = nodes;
      const identity = await lab.nodeCertificate(name);
      const place = {
        ...{ control, controlAddress, bridge, directory, home, index, identity },
        netnsName: `${prefix}-${name}`,
        address: `10.250.2.${index}`,
        address6: `fd00:250::2:${index}`,
        api: controlPlane.api,
        serverAddress: `${serverName}:${serverPort}`,
      };
      const node = await createNode(place, name);
      const served = await names.serve(node.netns);
      return guests.use({
        ...node,
        async [Symbol.asyncDispose]() {
          served[Symbol.dispose]();
          await node[Symbol.asyncDispose]();
        },
      });
    },
    async startServer(options = {}) {
      servers += 1;
      const address = `10.250.1.${servers}`;
      const { kubeconfig } = await lab.serverAccount();
      const identity = await authority.issue({
        commonName: serverName,
        names: [`DNS:${serverName}`, "DNS:localhost", "IP:127.0.0.1", `IP:${address}`],
        usage: "serverAuth,clientAuth",
      });
      await control.must(["ip", "address", "add", `${address}/32`, "dev", bridge]);
      const defaults = {
        bind: `${address}:${serverPort}`,
        kubeconfig,
        "role-base-arn": roleBaseArn,
        "sts-endpoint": sts.endpoint,
      };
      const environment = { HOME: home, AWS_ACCESS_KEY_ID: "AKIALABSERVER0000000", AWS_SECRET_ACCESS_KEY: "lab" };
      const started = await startKiam({
        command: "server",
        netns: control,
        address,
        defaults,
        environment,
        identity,
        options,
      });
      const name = guests.use(await names.add(serverName, address));
      return guests.use({
        ...started,
        async [Symbol.asyncDispose]() {
          await name[Symbol.asyncDispose]();
          await started[Symbol.asyncDispose]();
        },
      });
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
  return lab;
}

/** The value of what was settled; throws the reason of what failed. */
export function fulfilled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") {
    throw result.reason;
  }
  return result.value;
}
