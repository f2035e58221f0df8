/**
 * The reference for the agent's answers: a bare `node:http` server under Bun that sends the same headers and bytes for every
 * request, which is all that any server on this stack could save.
 * argv: host, port, path of a file with the body.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [, , host = "127.0.0.1", port = "0", bodyFile = ""] = process.argv;
const body = readFileSync(bodyFile, "utf8");
const headers = [
  ...["Content-Type", "application/json"],
  ...["Content-Length", String(Buffer.byteLength(body))],
  ...["Server", "kiam"],
];

createServer((_request, response) => {
  response.writeHead(200, headers);
  response.end(body);
}).listen(Number(port), host, () => console.log("listening"));
