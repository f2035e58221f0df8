// Asks an URL over and over, a millisecond apart, until it answers 200, and prints when that was: milliseconds since the
// Unix epoch. The node's own metadata service, which calls itself EC2ws and answers as long as nothing is redirected, does not
// count. Gives up after ten seconds. argv: host, port, path.
import { request } from "node:http";

const [, , host, port, path] = process.argv;
const giveUpMs = performance.now() + 10_000;

function once() {
  return new Promise((resolve) => {
    const sent = request({ host, port: Number(port), path, agent: false, timeout: 1000 }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200 && response.headers.server !== "EC2ws"));
    });
    sent.once("error", () => resolve(false));
    sent.once("timeout", () => sent.destroy());
    sent.end();
  });
}

console.log("ready");
while (!(await once())) {
  if (performance.now() > giveUpMs) {
    process.exit(1);
  }
  await Bun.sleep(1);
}
console.log(`answered ${performance.timeOrigin + performance.now()}`);
