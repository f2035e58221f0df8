// Sends the HTTP request that standard input describes and prints the answer as JSON: what a pod does with curl, with
// the path sent as written.
import { request } from "node:http";

const { url, method = "GET", headers = {}, body, timeoutMs = 5000 } = JSON.parse(await Bun.stdin.text());
const [, authority, path] = /^http:\/\/([^/]+)(.*)$/s.exec(url);
const [, host, , port] = /^(\[[^\]]+\]|[^:]+)(:(\d+))?$/.exec(authority);

const startedMs = performance.now();
const { promise, resolve, reject } = Promise.withResolvers();
const sent = request(
  {
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port ?? 80),
    path: path || "/",
    method,
    headers: { Host: authority, ...headers },
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
  },
  resolve,
);
sent.on("error", reject);
sent.end(body);
try {
  const response = await promise;
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) {
    text += chunk;
  }
  const tookMs = performance.now() - startedMs;
  process.stdout.write(JSON.stringify({ status: response.statusCode, headers: response.headers, body: text, tookMs }));
} catch (error) {
  process.stderr.write(`${error.code ?? ""} ${error.message}`);
  process.exitCode = 1;
}
