import type { ProxyRequest } from "../../fakes/proxy.ts";
import type { Lab } from "./lab.ts";
import { tools } from "./tools.ts";

/** A proxy in the lab's control namespace, and STS over TLS under AWS's own names behind it. */
export interface Egress extends AsyncDisposable {
  /** `http://address:port`, as variables name it. */
  readonly proxy: string;
  /** The path of the authority's certificate that this STS is to be trusted by. */
  readonly ca: string;
  /** What the proxy was asked since the start or the last {@link forget}: `CONNECT host:port`, `POST http://…`. */
  proxied(): readonly string[];
  /** What each of them showed as `Proxy-Authorization`. */
  authorizations(): readonly string[];
  /** The hosts that STS was asked as, over TLS. */
  askedAsSts(): readonly string[];
  forget(): void;
}

const address = "10.250.0.1";
const proxyPort = 3128;

/** @param hosts AWS's names that STS answers to */
export async function startEgress(lab: Lab, hosts: readonly string[]): Promise<Egress> {
  const names = hosts.map((host) => `DNS:${host}`);
  const { cert, key, ca } = await lab.authority.issue({ commonName: "sts", names, usage: "serverAuth" });
  const program = new URL("./fake-egress.ts", import.meta.url).pathname;
  const configuration = { address, proxyPort, cert, key, stsUrl: lab.sts.endpoint };
  const started = lab.control.start("egress", [tools.bun(), program, JSON.stringify(configuration)], {
    disposeSignal: "SIGKILL",
  });
  await started.waitForLog(/"ready"/);
  let forgotten = 0;
  const lines = (): readonly Line[] =>
    started
      .output()
      .slice(forgotten)
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const requests = () => lines().flatMap(({ proxy }) => (proxy === undefined ? [] : [proxy]));
  return {
    proxy: `http://${address}:${proxyPort}`,
    ca,
    proxied: () => requests().map(({ method, target }) => `${method} ${target}`),
    authorizations: () => requests().map(({ authorization }) => authorization),
    askedAsSts: () => lines().flatMap(({ sts }) => (sts === undefined ? [] : [sts])),
    forget() {
      forgotten = started.output().length;
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

interface Line {
  readonly proxy?: ProxyRequest;
  readonly sts?: string;
}
