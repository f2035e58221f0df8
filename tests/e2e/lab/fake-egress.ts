/**
 * The way out of a lab: a proxy, and behind it whatever of AWS the lab has, on one address. Configured by JSON in argv, it writes a line of
 * JSON for each request: `{"proxy": …}` for what the proxy was asked, `{"sts": host}` for what came to STS over TLS.
 */
import { readFileSync } from "node:fs";
import { type ProxyAnswer, startFakeProxy } from "../../fakes/proxy.ts";

interface Configuration {
  readonly address: string;
  readonly proxyPort: number;
  /** Paths of what STS shows to whoever comes over TLS. */
  readonly cert: string;
  readonly key: string;
  /** Who answers for it. */
  readonly stsUrl: string;
}

const { address, proxyPort, cert, key, stsUrl }: Configuration = JSON.parse(process.argv[2] ?? "");
const note = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

Bun.serve({
  hostname: address,
  port: 443,
  tls: { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") },
  async fetch(request) {
    note({ sts: request.headers.get("host") });
    const headers = new Headers(request.headers);
    headers.delete("host");
    const body = await request.bytes();
    return fetch(stsUrl, { method: request.method, headers, body, proxy: false });
  },
});

/** Names of AWS lead to this address, all else to where it says. */
function answer(method: string, target: string): ProxyAnswer {
  const { hostname, port } = new URL(method === "CONNECT" ? `https://${target}` : target);
  const isAddress = /^[\d.]+$/.test(hostname);
  return { kind: "to", host: isAddress ? hostname : address, port: Number(port || (method === "CONNECT" ? 443 : 80)) };
}

await startFakeProxy(({ method, target }) => answer(method, target), {
  host: address,
  port: proxyPort,
  onRequest: (request) => note({ proxy: request }),
});
note({ ready: true });
