import { isIPv6 } from "node:net";
import type { CommandResult } from "../../../src/runtime/command.ts";
import { refuseCanary } from "./canary.ts";
import type { RunOptions } from "./command.ts";
import { metadataUrl } from "./metadata.ts";
import { createNetns, type Netns } from "./netns.ts";
import type { LabProcess } from "./process.ts";
import { tools } from "./tools.ts";

export interface NewLabPod {
  /** Unique on the node while it lives. */
  readonly name: string;
  /** Free: no living pod's of the lab. IPv4, or IPv6 for a pod that has no other. */
  readonly address: string;
  /** Its IPv6 address, besides. */
  readonly address6?: string;
  /** The host end's name, as a CNI would call it: `cali1234`. 15 characters at most. */
  readonly veth: string;
  /** For positive controls: lets the canary into the pod. Everywhere else it fails the test. */
  readonly mayReadCanary?: boolean;
}

interface PodRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** 5 s unless told. */
  readonly timeoutMs?: number;
}

interface PodResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From the request to the end of the answer, without the program's own start. */
  readonly tookMs: number;
}

/**
 * A pod's network namespace on a node, behind a veth, wired as Calico wires one. Disposing it frees its address.
 * Whatever a program in it says is searched for the canary, which throws a CanaryLeak.
 */
export interface LabPod extends AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly veth: string;
  readonly netns: string;
  /** Runs a program as the pod would: an empty home, no AWS_ variables, nothing in the environment but PATH and `env`. */
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Starts a program that goes on running; the pod ends it. */
  start(name: string, argv: readonly string[], env?: Readonly<Record<string, string>>): LabProcess;
  /**
   * Sends one HTTP request and gives the answer; throws where there is none. A path alone goes to 169.254.169.254, from a pod
   * with IPv6 only to fd00:ec2::254. The path is sent as written, not normalised.
   */
  http(url: string, request?: PodRequest): Promise<PodResponse>;
}

export interface PodPlace {
  readonly node: Netns;
  readonly control: Netns;
  readonly nodeAddress: string;
  readonly directory: string;
  /** An empty directory. */
  readonly home: string;
}

/** Calico's gateway: an address that nobody has and the node's end of the veth answers for. */
const gateway = "169.254.1.1";

/** By IPv6, where nobody answers for others by default: the node's end itself. */
const gateway6 = "fe80::1";

export async function createPod(
  place: PodPlace,
  { name, address, address6, veth, mayReadCanary = false }: NewLabPod,
): Promise<LabPod> {
  const { node } = place;
  await using undo = new AsyncDisposableStack();
  const netns = undo.use(await createNetns(`${node.name}-${name}`, place.directory));
  await netns.must(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", veth, "netns", node.name]);
  // Gone at once, and with it the route: the kernel takes its time with a namespace's own links.
  undo.defer(async () => {
    await node.run(["ip", "link", "del", veth]);
  });
  await node.must(["ip", "link", "set", veth, "up"]);
  await netns.must(["ip", "link", "set", "eth0", "up"]);
  for (const each of address6 === undefined ? [address] : [address, address6]) {
    const ends = { pod: netns, veth, address: each };
    await (isIPv6(each) ? giveIpv6(place, ends) : giveIpv4(place, ends, undo));
  }
  const processes = undo.use(new AsyncDisposableStack());
  const made = undo.move();

  const check = (answer: string) => {
    if (!mayReadCanary) {
      refuseCanary(name, answer);
    }
  };
  const environment = { HOME: place.home, LANG: "C.UTF-8" };
  const run: LabPod["run"] = async (argv, options = {}) => {
    const result = await netns.run(argv, { ...options, env: { ...environment, ...options.env } });
    check(result.stdout + result.stderr);
    return result;
  };

  return {
    name,
    address,
    veth,
    netns: netns.name,
    run,
    start: (label, argv, env = {}) =>
      processes.use(netns.start(label, argv, { env: { ...environment, ...env }, disposeSignal: "SIGKILL" })),
    async http(url, request = {}) {
      const full = url.startsWith("/") ? metadataUrl(address, url) : url;
      const program = new URL("../pods/http.mjs", import.meta.url).pathname;
      const { exitCode, stdout, stderr } = await run([tools.bun(), program], {
        stdin: JSON.stringify({ url: full, ...request }),
      });
      if (exitCode !== 0) {
        throw new Error(`${request.method ?? "GET"} ${full} from pod ${name}: ${stderr}`);
      }
      return JSON.parse(stdout);
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** A pod's ends of its veth, and an address that the pod is to have. */
interface PodEnds {
  readonly pod: Netns;
  readonly veth: string;
  readonly address: string;
}

async function giveIpv4(
  { node, control, nodeAddress }: PodPlace,
  { pod, veth, address }: PodEnds,
  undo: AsyncDisposableStack,
): Promise<void> {
  await node.must(["sysctl", "-qw", `net.ipv4.conf.${veth}.proxy_arp=1`, `net.ipv4.neigh.${veth}.proxy_delay=0`]);
  await node.must(["ip", "route", "add", `${address}/32`, "dev", veth, "scope", "link"]);
  await pod.must(["ip", "address", "add", `${address}/32`, "dev", "eth0"]);
  await pod.must(["ip", "route", "add", gateway, "dev", "eth0", "scope", "link"]);
  await pod.must(["ip", "route", "add", "default", "via", gateway, "dev", "eth0"]);
  await control.must(["ip", "route", "add", `${address}/32`, "via", nodeAddress]);
  undo.defer(async () => {
    await control.run(["ip", "route", "del", `${address}/32`]);
  });
}

/** To the node and what is behind it, not to other nodes. */
async function giveIpv6({ node }: PodPlace, { pod, veth, address }: PodEnds): Promise<void> {
  await node.must(["ip", "address", "add", `${gateway6}/64`, "dev", veth, "nodad"]);
  await node.must(["ip", "route", "add", `${address}/128`, "dev", veth]);
  await pod.must(["ip", "address", "add", `${address}/128`, "dev", "eth0", "nodad"]);
  await pod.must(["ip", "-6", "route", "add", "default", "via", gateway6, "dev", "eth0"]);
}
