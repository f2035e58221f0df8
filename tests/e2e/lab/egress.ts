import type { ProxyRequest } from "../../fakes/proxy.ts";
import type { Lab } from "./lab.ts";
import { tools } from "./tools.ts";

/** A proxy in the lab's control namespace, and STS over TLS under AWS's own names behind it. */
export interface Egress extends AsyncDisposable {
  /** `http://address:port`, as variables name it. */
  readonly proxy: string;
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

/** @param certificate of AWS's names */
export async function startEgress(lab: Lab, certificate: { cert: string; key: string }): Promise<Egress> {
  const program = new URL("./fake-egress.ts", import.meta.url).pathname;
  const configuration = { address, proxyPort, ...certificate, stsUrl: lab.sts.endpoint };
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
