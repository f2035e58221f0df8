/**
 * Stands before moto and passes each request on after a while, as far away as the real STS.
 * argv: host, port, URL of moto, milliseconds.
 */
const [, , hostname = "127.0.0.1", port = "0", target = "", delayMs = "80"] = process.argv;

Bun.serve({
  hostname,
  port: Number(port),
  async fetch(request) {
    await Bun.sleep(Number(delayMs));
    const { pathname } = new URL(request.url);
    return fetch(`${target}${pathname}`, {
      method: request.method,
      headers: request.headers,
      body: await request.text(),
    });
  },
});
console.log("listening");
