import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiUser, type ControlPlane, startControlPlane } from "../lab/control-plane.ts";
import { writeKubeconfig } from "../lab/kubeconfig.ts";
import { fulfilled } from "../lab/lab.ts";
import { createNetns, isAbandoned, removeAbandoned } from "../lab/netns.ts";
import { tools } from "../lab/tools.ts";
import { waitFor } from "../lab/wait.ts";
import { removeCgroups } from "./cgroups.ts";
import { type ClusterNode, createClusterNode } from "./cluster-node.ts";
import { type Kubectl, kubectlIn } from "./kubectl.ts";

/**
 * A cluster of two nodes with everything that one has: API server, scheduler and controllers, and on each node kubelet,
 * containerd, a CNI bridge and kube-proxy, in namespaces of their own. Disposing it removes all of it.
 */
export interface Cluster extends AsyncDisposable {
  readonly controlPlane: ControlPlane;
  readonly nodes: readonly ClusterNode[];
  /** As the administrator. */
  readonly kubectl: Kubectl;
  /** For files of a test; gone with the cluster. */
  readonly directory: string;
}

export interface ClusterOptions {
  /** Paths of image archives that every node gets, that of `localhost/pause:lab` among them. */
  readonly images: readonly string[];
}

const controlAddress = "10.250.0.1";
const bridge = "nodes";
const nodeNames = ["node-1", "node-2"] as const;

/** Takes about ten seconds. Throws where a tool is missing, naming scripts/setup.sh. Needs root. */
export async function createCluster({ images }: ClusterOptions): Promise<Cluster> {
  await removeAbandoned();
  await removeCgroups(isAbandoned);
  await using undo = new AsyncDisposableStack();
  const prefix = `kiam-${process.pid}-${randomBytes(2).toString("hex")}`;
  const directory = join(tmpdir(), prefix);
  await mkdir(directory, { recursive: true });
  undo.defer(() => rm(directory, { recursive: true, force: true }));

  const control = undo.use(await createNetns(`${prefix}-control`, directory));
  await control.must(["ip", "link", "add", bridge, "address", "02:00:0a:fa:00:01", "type", "bridge"]);
  await control.must(["ip", "address", "add", `${controlAddress}/16`, "dev", bridge]);
  await control.must(["ip", "link", "set", bridge, "up"]);
  await control.must(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);

  const starting = await Promise.allSettled([
    startControlPlane(control, controlAddress, join(directory, "kubernetes"), nodeNames.map(userOf)).then((plane) =>
      undo.use(plane),
    ),
    Promise.all(
      nodeNames.map(async (name, at) => {
        const place = { control, controlAddress, bridge, prefix, directory, index: at + 1 };
        const node = undo.use(await createClusterNode(place, name));
        for (const image of images) {
          await node.importImage(image);
        }
        return node;
      }),
    ),
  ]);
  const [controlPlane, nodes] = [fulfilled(starting[0]), fulfilled(starting[1])];
  for (const part of controllers(controlPlane)) {
    undo.use(control.start(part[0] ?? "", part, { disposeSignal: "SIGKILL" }));
  }
  for (const node of nodes) {
    const path = join(directory, `${node.name}.kubeconfig`);
    const { url: server, ca } = controlPlane;
    const kubelet = await writeKubeconfig({ path, server, ca, token: userOf(node.name).token });
    await node.join({ kubelet, proxy: controlPlane.kubeconfig });
  }
  const kubectl = kubectlIn(control, controlPlane.kubeconfig);
  await waitFor(
    "the nodes",
    async () => (await kubectl(["get", "nodes", "-o", "name"])).split("\n").length > 2 || undefined,
  );
  await kubectl(["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s"]);
  const made = undo.move();
  return { controlPlane, nodes, kubectl, directory, [Symbol.asyncDispose]: () => made.disposeAsync() };
}

const userOf = (node: string): ApiUser => ({
  token: `lab-${node}`,
  name: `system:node:${node}`,
  group: "system:nodes",
});

/** Each with the administrator's rights: what they may do is not what is tested. */
function controllers({ kubeconfig, ca, signer }: ControlPlane): readonly (readonly string[])[] {
  return [
    [
      ...[tools.part("kube-controller-manager"), `--kubeconfig=${kubeconfig}`, "--leader-elect=false"],
      ...[`--service-account-private-key-file=${signer}`, `--root-ca-file=${ca}`],
    ],
    [tools.part("kube-scheduler"), `--kubeconfig=${kubeconfig}`, "--leader-elect=false"],
  ];
}
