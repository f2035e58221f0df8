/**
 * Runs in a namespace of the lab: each line of standard input names a Unix socket to listen on and the TCP address that
 * its connections go on to. So the test, which stays in its own namespace, reaches what listens inside.
 */
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const [socket = "", host = "", port = ""] = line.split(" ");
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(socket, () => process.stdout.write(`${socket}\n`));
}
process.exit(0);
