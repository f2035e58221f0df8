import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diesWithTest, must, type RunOptions } from "../lab/command.ts";
import { type Metadata, startMetadata } from "../lab/metadata.ts";
import { createNetns, type Netns } from "../lab/netns.ts";
import { startProgram } from "../lab/process.ts";
import { tools } from "../lab/tools.ts";
import { createCgroups } from "./cgroups.ts";
import { startMachine } from "./machine.ts";

/** A machine of the cluster: containerd, runc and the CNI plugins in namespaces of their own; kubelet and kube-proxy once it has joined. */
export interface ClusterNode extends AsyncDisposable {
  readonly name: string;
  readonly address: string;
  /** The instance metadata service that its pods must never reach. */
  readonly metadata: Metadata;
  /** Unpacks an image's archive, so that pods can use it without a registry. */
  importImage(archive: string): Promise<void>;
  /** Starts kubelet and kube-proxy. @param kubeconfigs paths, of the node's user and of the administrator */
  join(kubeconfigs: { readonly kubelet: string; readonly proxy: string }): Promise<void>;
  /** Runs a program on the machine; gives its standard output. */
  must(argv: readonly string[], options?: RunOptions): Promise<string>;
}

export interface NodePlace {
  /** Where the bridge is, and the API server. */
  readonly control: Netns;
  readonly controlAddress: string;
  readonly bridge: string;
  /** Unique on the real machine. */
  readonly prefix: string;
  /** Of the cluster's files. */
  readonly directory: string;
  /** From 1. */
  readonly index: number;
}

interface Addresses {
  readonly node: string;
  /** The range of its pods. */
  readonly pods: string;
}

/** Takes about a second. Disposing it ends every process in it and leaves no mount, link or cgroup. */
export async function createClusterNode(place: NodePlace, name: string): Promise<ClusterNode> {
  await using undo = new AsyncDisposableStack();
  const directory = join(place.directory, name);
  const addresses: Addresses = { node: `10.250.2.${place.index}`, pods: `10.244.${place.index}.0/24` };
  const netns = undo.use(await createNetns(`${place.prefix}-${name}`, place.directory));
  await wire(netns, place, addresses);
  const metadata = undo.use(await startMetadata(netns, addresses.node, place.directory));
  await configure(directory, { DIRECTORY: directory, NODE: name, PODS: addresses.pods });
  const cgroups = undo.use(await createCgroups(netns.name));
  const { enter, ...machine } = await startMachine({
    ...{ name, directory, netns: netns.name },
    cgroups: cgroups.directories,
  });
  undo.use(machine);
  const parts = undo.use(new AsyncDisposableStack());
  const made = undo.move();
  const onMachine = (argv: readonly string[], options?: RunOptions) => must([...enter, ...argv], options);

  return {
    name,
    address: addresses.node,
    metadata,
    must: onMachine,
    async importImage(archive) {
      await onMachine(["ctr", "--namespace=k8s.io", "images", "import", archive]);
    },
    async join({ kubelet, proxy }) {
      await copyFile(kubelet, join(directory, "kubelet.kubeconfig"));
      await copyFile(proxy, join(directory, "kube-proxy.kubeconfig"));
      for (const argv of partsOf({ directory, name, address: addresses.node })) {
        parts.use(startProgram(`${argv[0]} of ${name}`, argvOn(enter, argv), killed));
      }
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** nsenter stays outside, and its child goes with it. */
const argvOn = (enter: readonly string[], argv: readonly string[]) => [
  ...[...diesWithTest, ...enter],
  ...[...diesWithTest, ...argv],
];

const killed = { disposeSignal: "SIGKILL" } as const;

function partsOf({ directory, name, address }: { directory: string; name: string; address: string }) {
  const file = (path: string) => join(directory, path);
  return [
    [
      ...[tools.part("kubelet"), `--config=${file("kubelet.yaml")}`, `--kubeconfig=${file("kubelet.kubeconfig")}`],
      ...[`--cert-dir=${file("kubelet-pki")}`, `--hostname-override=${name}`, `--node-ip=${address}`],
    ],
    [tools.part("kube-proxy"), `--config=${file("kube-proxy.yaml")}`],
  ];
}

/** Plugs the machine into the bridge; whoever is on it finds the machine's pods behind it. */
async function wire(netns: Netns, { control, controlAddress, bridge, index }: NodePlace, { node, pods }: Addresses) {
  const port = `node${index}`;
  await netns.must(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", control.name]);
  await control.must(["ip", "link", "set", port, "master", bridge, "up"]);
  await netns.must(["ip", "address", "add", `${node}/16`, "dev", "eth0"]);
  await netns.must(["ip", "link", "set", "eth0", "up"]);
  await netns.must(["ip", "route", "add", "default", "via", controlAddress]);
  await control.must(["ip", "route", "add", pods, "via", node]);
  await netns.must(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1"]);
}

const templates = ["containerd.toml", "kubelet.yaml", "kube-proxy.yaml", "cni/10-lab.conflist"] as const;

async function configure(directory: string, values: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(directory, "cni"), { recursive: true });
  for (const template of templates) {
    const text = await readFile(new URL(`./node/${template}`, import.meta.url), "utf8");
    await writeFile(
      join(directory, template),
      text.replaceAll(/@([A-Z]+)@/g, (_, key: string) => values[key] ?? key),
    );
  }
  // Pods that use no cluster DNS find no resolver.
  await writeFile(join(directory, "resolv.conf"), "nameserver 127.0.0.1\n");
}
