// Sends one request to the metadata service and prints its status and when the answer was there: milliseconds since the
// Unix epoch. Asks for /ping before, so that what is measured is not this program's own first request. argv: path.
import { request } from "node:http";

const [, , path] = process.argv;

const get = (target, onSent) =>
  new Promise((resolve, reject) => {
    const sent = request({ host: "169.254.169.254", path: target, agent: false }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode));
    });
    sent.once("error", reject);
    sent.once("finish", onSent);
    sent.end();
  });

await get("/ping", () => undefined);
const status = await get(path, () => console.log("asking"));
console.log(`answer ${status} ${performance.timeOrigin + performance.now()}`);
