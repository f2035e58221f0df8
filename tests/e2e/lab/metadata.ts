import { isIPv6 } from "node:net";
import { join } from "node:path";
import { createNetns, type Netns } from "./netns.ts";
import { tools } from "./tools.ts";

export const metadataAddress = "169.254.169.254";
export const metadataAddress6 = "fd00:ec2::254";

/** Where a path alone leads from an address: to the metadata service by the same version of IP. */
export function metadataUrl(from: string, path: string): string {
  return `http://${isIPv6(from) ? `[${metadataAddress6}]` : metadataAddress}${path}`;
}

/** A request that reached the real metadata service's place. */
interface MetadataRequest {
  /** The address it came from. */
  readonly client: string;
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The fake instance metadata service behind a node, in a namespace of its own: what arrives there has left the node.
 * It hands out the canary's credentials, by IMDSv1 and v2, at both of its addresses.
 */
export interface Metadata extends AsyncDisposable {
  /** Every request since the start or the last {@link forget}. */
  requests(): Promise<readonly MetadataRequest[]>;
  forget(): Promise<void>;
  /** `required` refuses requests without a token (IMDSv1), as HttpTokens does. */
  setTokens(tokens: "optional" | "required"): Promise<void>;
  /** TCP packets that have arrived for port 80, those of requests that it never saw whole too. */
  packets(): Promise<number>;
}

/** @param nodeAddress what the node's own requests come from */
export async function startMetadata(node: Netns, nodeAddress: string, directory: string): Promise<Metadata> {
  await using undo = new AsyncDisposableStack();
  const netns = undo.use(await createNetns(`${node.name}-imds`, directory));
  await netns.must(["ip", "link", "add", "imds", "type", "veth", "peer", "name", "imds0", "netns", node.name]);
  await netns.must(["ip", "address", "add", `${metadataAddress}/32`, "dev", "imds"]);
  await netns.must(["ip", "link", "set", "imds", "up"]);
  await node.must(["ip", "link", "set", "imds0", "up"]);
  // It finds pods' addresses and the node's on the link; the node answers for the pods.
  await netns.must(["ip", "route", "add", "default", "dev", "imds"]);
  await node.must(["sysctl", "-qw", "net.ipv4.conf.imds0.proxy_arp=1", "net.ipv4.neigh.imds0.proxy_delay=0"]);
  await node.must(["ip", "route", "add", `${metadataAddress}/32`, "dev", "imds0", "src", nodeAddress]);
  await wireIpv6(node, netns);
  const counter = ["INPUT", "-p", "tcp", "--dport", "80"];
  await Promise.all(["iptables", "ip6tables"].map((program) => netns.must([program, "-A", ...counter])));

  const socket = join(directory, `${netns.name}.sock`);
  const program = new URL("./fake-metadata.ts", import.meta.url).pathname;
  const fake = undo.use(netns.start("metadata", [tools.bun(), program, socket, metadataAddress, metadataAddress6]));
  await fake.waitForLog(/listening/);
  const made = undo.move();
  const ask = (method: string, path: string) =>
    fetch(`http://metadata${path}`, { method, unix: socket, keepalive: false });

  return {
    requests: async () => JSON.parse(await (await ask("GET", "/requests")).text()),
    async forget() {
      await ask("DELETE", "/requests");
    },
    async setTokens(tokens) {
      await ask("PUT", `/tokens/${tokens}`);
    },
    async packets() {
      const counts = ["iptables", "ip6tables"].map(async (program) => {
        const rules = await netns.must([program, "-nvxL", "INPUT"]);
        return Number(/^\s*(\d+).*dpt:80/m.exec(rules)?.[1]);
      });
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** Each finds the other by link-local addresses, as by IPv6 one does. */
async function wireIpv6(node: Netns, netns: Netns): Promise<void> {
  const [nodeEnd, ownEnd] = ["fe80::1", "fe80::2"];
  await netns.must(["ip", "-6", "address", "add", `${metadataAddress6}/128`, "dev", "imds", "nodad"]);
  await netns.must(["ip", "address", "add", `${ownEnd}/64`, "dev", "imds", "nodad"]);
  await node.must(["ip", "address", "add", `${nodeEnd}/64`, "dev", "imds0", "nodad"]);
  await netns.must(["ip", "-6", "route", "add", "default", "via", nodeEnd, "dev", "imds"]);
  await node.must(["ip", "route", "add", `${metadataAddress6}/128`, "via", ownEnd, "dev", "imds0"]);
}
