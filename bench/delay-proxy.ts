/**
 * Stands before moto and passes each request on after a while, as far away as the real STS. Says `up N` whenever more
 * requests than ever are under way at once.
 * argv: host, port, URL of moto, milliseconds.
 */
const [, , hostname = "127.0.0.1", port = "0", target = "", delayMs = "80"] = process.argv;
let up = 0;
let mostUp = 0;

Bun.serve({
  hostname,
  port: Number(port),
  async fetch(request) {
    up += 1;
    if (up > mostUp) {
      mostUp = up;
      console.log(`up ${mostUp}`);
    }
    await Bun.sleep(Number(delayMs));
    const { pathname } = new URL(request.url);
    const answer = await fetch(`${target}${pathname}`, {
      method: request.method,
      headers: request.headers,
      body: await request.text(),
    });
    up -= 1;
    return answer;
  },
});
console.log("listening");
