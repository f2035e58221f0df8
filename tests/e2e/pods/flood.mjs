// Asks the metadata service for one path after another, each another, over the connections in argv, for the seconds in argv, as fast
// as it is answered; prints how often each status came, as JSON.
import { connect } from "node:net";

const [connections, seconds] = process.argv.slice(2).map(Number);
const untilMs = performance.now() + seconds * 1000;
const statuses = {};
let asked = 0;

function flood() {
  const { promise, resolve } = Promise.withResolvers();
  const socket = connect(80, "169.254.169.254");
  let rest = "";
  const ask = () => {
    asked += 1;
    socket.write(`GET /latest/meta-data/flood/${asked} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n`);
  };
  socket.on("connect", ask);
  socket.on("data", (part) => {
    rest += part.toString("latin1");
    const end = rest.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(rest)?.[1]);
    if (end === -1 || rest.length < end + 4 + length) {
      return;
    }
    const status = rest.slice(9, 12);
    statuses[status] = (statuses[status] ?? 0) + 1;
    rest = rest.slice(end + 4 + length);
    if (performance.now() < untilMs) {
      ask();
    } else {
      socket.end();
    }
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", resolve);
  return promise;
}

await Promise.all(Array.from({ length: connections }, flood));
process.stdout.write(JSON.stringify(statuses));
