import { expect, test } from "bun:test";
import { placeOf, readAtMost } from "../../../src/runtime/plain-http.ts";

test.each([
  ["http://169.254.169.254", { host: "169.254.169.254", port: 80, basePath: "" }],
  ["http://169.254.169.254/", { host: "169.254.169.254", port: 80, basePath: "" }],
  ["http://[fd00:ec2::254]:8080", { host: "fd00:ec2::254", port: 8080, basePath: "" }],
  ["http://proxy.example/imds//", { host: "proxy.example", port: 80, basePath: "/imds" }],
])("%s is taken apart", (url, expected) => {
  const place = placeOf(url);

  expect(place).toEqual(expected);
});

test.each(["https://169.254.169.254", "169.254.169.254", ""])("%p is no URL of plain HTTP", (url) => {
  expect(() => placeOf(url)).toThrow();
});

async function* chunks(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) {
    yield Buffer.from(text);
  }
}

test("a body is read whole up to its limit, and left beyond it", async () => {
  const bodies = [await readAtMost(4, chunks("ab", "cd")), await readAtMost(3, chunks("ab", "cd", "ef"))];

  expect(bodies.map((body) => body?.toString())).toEqual(["abcd", undefined]);
});
