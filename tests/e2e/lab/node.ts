import { randomBytes } from "node:crypto";
import type { CommandResult } from "../../../src/runtime/command.ts";
import type { KiamOptions, KiamProcess } from "./kiam.ts";
import { startKiam } from "./kiam.ts";
import type { KubernetesApi, NewPod } from "./kubernetes-api.ts";
import { type Metadata, metadataAddress, startMetadata } from "./metadata.ts";
import { createNetns, type Netns } from "./netns.ts";
import type { Identity } from "./pki.ts";
import { createPod, type LabPod, type NewLabPod } from "./pod.ts";

/** A pod of the API server with the namespace that its programs run in. */
interface DeployedPod extends LabPod {
  readonly uid: string;
}

interface NewDeployedPod
  extends Omit<NewPod, "nodeName">,
    Pick<NewLabPod, "address" | "address6" | "mayReadCanary">,
    Partial<Pick<NewLabPod, "veth">> {
  /** The annotation `iam.amazonaws.com/role`. */
  readonly role?: string;
}

/** A node of the lab: a network namespace with pods behind it and the fake metadata service in front. */
export interface LabNode extends AsyncDisposable {
  readonly name: string;
  readonly address: string;
  /** Its IPv6 address: agents listen there where `--host` names it. */
  readonly address6: string;
  /** The way in: `node.netns.must(["iptables", …])`, `node.netns.fetch(…)`, `node.netns.start(…)`. */
  readonly netns: Netns;
  readonly metadata: Metadata;
  /** Runs a program on the node, as the kubelet would. */
  run(argv: readonly string[]): Promise<CommandResult>;
  /** Makes a pod's namespace only; the API server knows nothing of it. Disposed with the node, or before. */
  addPod(pod: NewLabPod): Promise<LabPod>;
  /** Makes the pod in the API server, scheduled here, makes its namespace, then says that it runs. Disposing deletes both. */
  deployPod(pod: NewDeployedPod): Promise<DeployedPod>;
  /** Starts the compiled `kiam agent` with the redirect, proving the node by its certificate unless told otherwise. */
  startAgent(options?: KiamOptions): Promise<KiamProcess>;
}

export interface NodePlace {
  /** Of the control plane; the node's default route. */
  readonly control: Netns;
  readonly controlAddress: string;
  /** The bridge in the control namespace. */
  readonly bridge: string;
  readonly netnsName: string;
  readonly address: string;
  readonly address6: string;
  readonly index: number;
  readonly directory: string;
  readonly home: string;
  readonly api: KubernetesApi;
  /** The certificate that proves this node. */
  readonly identity: Identity;
  /** host:port of the servers. */
  readonly serverAddress: string;
}

const agentPort = 3100;

export async function createNode(place: NodePlace, name: string): Promise<LabNode> {
  const { control, controlAddress, address, address6, directory, home, api } = place;
  await using undo = new AsyncDisposableStack();
  const netns = undo.use(await createNetns(place.netnsName, directory));
  const port = `node${place.index}`;
  await netns.must(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", control.name]);
  await control.must(["ip", "link", "set", port, "master", place.bridge, "up"]);
  await netns.must(["ip", "address", "add", `${address}/16`, "dev", "eth0"]);
  await netns.must(["ip", "address", "add", `${address6}/64`, "dev", "eth0", "nodad"]);
  await netns.must(["ip", "link", "set", "eth0", "up"]);
  await netns.must(["ip", "route", "add", "default", "via", controlAddress]);
  await netns.must(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
  const metadata = undo.use(await startMetadata(netns, address, directory));
  await api.request("POST", "/api/v1/nodes", { metadata: { name } });
  const addresses = [{ type: "InternalIP", address }];
  await api.request("PATCH", `/api/v1/nodes/${name}/status`, { status: { addresses } }, "application/merge-patch+json");
  undo.defer(async () => {
    await api.request("DELETE", `/api/v1/nodes/${name}`);
  });
  const guests = undo.use(new AsyncDisposableStack());
  const made = undo.move();

  const addPod = async (pod: NewLabPod) =>
    guests.use(await createPod({ node: netns, control, nodeAddress: address, directory, home }, pod));

  return {
    name,
    address,
    address6,
    netns,
    metadata,
    run: (argv) => netns.run(argv),
    addPod,
    async deployPod({ address: podAddress, address6: podAddress6, veth, mayReadCanary, role, ...pod }) {
      const annotations = { ...(role === undefined ? {} : { "iam.amazonaws.com/role": role }), ...pod.annotations };
      const { uid } = await api.createPod({ ...pod, annotations, nodeName: name });
      const guest = await addPod({
        name: `${pod.namespace}-${pod.name}`,
        address: podAddress,
        veth: veth ?? `cali${randomBytes(5).toString("hex")}`,
        ...(podAddress6 === undefined ? {} : { address6: podAddress6 }),
        ...(mayReadCanary === undefined ? {} : { mayReadCanary }),
      });
      const addresses = podAddress6 === undefined ? [podAddress] : [podAddress, podAddress6];
      await api.runPod(pod.namespace, pod.name, addresses, address);
      return {
        ...guest,
        uid,
        async [Symbol.asyncDispose]() {
          // Through `request`: a test may have deleted it already.
          await api.request("DELETE", `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`, {
            gracePeriodSeconds: 0,
          });
          await guest[Symbol.asyncDispose]();
        },
      };
    },
    async startAgent(options = {}) {
      const defaults = {
        iptables: "cali+",
        host: address,
        port: String(agentPort),
        "server-address": place.serverAddress,
        "node-name": name,
        "metadata-endpoint": `http://${metadataAddress}`,
      };
      const environment = { HOME: home };
      const { identity } = place;
      return guests.use(
        await startKiam({ command: "agent", netns, address, defaults, environment, identity, options }),
      );
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}
