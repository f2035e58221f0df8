// Asks an URL over and over, each time on a connection of its own, and prints each change of the answer's status with the
// time that it came: `change 1 403 <milliseconds since the Unix epoch>`. argv: host, port, path.
import { request } from "node:http";

const [, , host, port, path] = process.argv;

function once() {
  return new Promise((resolve) => {
    const sent = request({ host, port: Number(port), path, agent: false, timeout: 2000 }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode));
    });
    sent.once("error", () => resolve(0));
    sent.once("timeout", () => sent.destroy());
    sent.end();
  });
}

let last = 0;
let changes = 0;
for (;;) {
  const status = await once();
  if (status !== last && status !== 0) {
    console.log(`change ${changes} ${status} ${performance.timeOrigin + performance.now()}`);
    last = status;
    changes += 1;
  }
  await Bun.sleep(1);
}
