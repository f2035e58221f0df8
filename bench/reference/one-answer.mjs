// Sends one request to the metadata service and prints its status and when the answer was there: milliseconds since the
// Unix epoch. argv: path.
import { request } from "node:http";

const [, , path] = process.argv;

const sent = request({ host: "169.254.169.254", path, agent: false }, (response) => {
  response.resume();
  response.once("end", () =>
    console.log(`answer ${response.statusCode} ${performance.timeOrigin + performance.now()}`),
  );
});
sent.end();
sent.once("finish", () => console.log("asking"));
