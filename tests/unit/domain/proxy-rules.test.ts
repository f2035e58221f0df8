import { describe, expect, test } from "bun:test";
import { type ProxyEnvironment, problemOfProxy, proxyName, proxyRules } from "../../../src/domain/proxy-rules.ts";
import go from "../../fixtures/go-proxy/no-proxy.json";

/** Where a request goes through, or the problem. */
function proxyOf(env: ProxyEnvironment, url: string): string {
  const rules = proxyRules(env);
  return rules.kind === "problem" ? `problem: ${rules.problem}` : (rules.proxyFor(url) ?? "directly");
}

const https = "https://sts.eu-west-1.amazonaws.com";
const http = "http://sts.internal:8080/";

describe("which variable counts", () => {
  test.each<[string, ProxyEnvironment, string, string]>([
    ["none for nothing set", {}, https, "directly"],
    ["HTTPS_PROXY for https", { HTTPS_PROXY: "http://a:1", HTTP_PROXY: "http://b:2" }, https, "http://a:1"],
    ["HTTP_PROXY for http", { HTTPS_PROXY: "http://a:1", HTTP_PROXY: "http://b:2" }, http, "http://b:2"],
    ["HTTP_PROXY not for https", { HTTP_PROXY: "http://b:2" }, https, "directly"],
    ["small letters too", { https_proxy: "http://a:1" }, https, "http://a:1"],
    ["capitals before small letters", { https_proxy: "http://a:1", HTTPS_PROXY: "http://b:2" }, https, "http://b:2"],
    ["small letters where capitals are empty", { https_proxy: "http://a:1", HTTPS_PROXY: "" }, https, "http://a:1"],
    ["no_proxy", { https_proxy: "http://a:1", no_proxy: "amazonaws.com" }, https, "directly"],
    ["NO_PROXY before no_proxy", { https_proxy: "http://a:1", no_proxy: "*", NO_PROXY: "a" }, https, "http://a:1"],
    ["a proxy without a scheme", { HTTPS_PROXY: "proxy.corp:3128" }, https, "http://proxy.corp:3128"],
    ["a name alone", { HTTPS_PROXY: "proxy" }, https, "http://proxy"],
    ["an https proxy", { HTTPS_PROXY: "https://proxy:3129" }, https, "https://proxy:3129"],
    ["user and password", { HTTPS_PROXY: "http://us%20er:p%40ss@p:1" }, https, "http://us%20er:p%40ss@p:1"],
  ])("%s", (_, env, url, outcome) => {
    expect(proxyOf(env, url)).toBe(outcome);
  });

  test("ALL_PROXY is none of Go's", () => {
    const env: object = { ALL_PROXY: "http://a:1", all_proxy: "http://a:1" };
    expect(proxyOf(env, https)).toBe("directly");
  });
});

describe("what can't be used is told by its variable, and not its value", () => {
  test.each([
    [
      { HTTPS_PROXY: "socks5://user:hunter2@p:1080" },
      "HTTPS_PROXY names a socks5 proxy: only http and https ones can be used",
    ],
    [{ http_proxy: "ftp://p" }, "HTTP_PROXY names a ftp proxy: only http and https ones can be used"],
    [{ HTTPS_PROXY: "http://user:hunter2@:x" }, "HTTPS_PROXY is not a proxy's URL"],
    [{ HTTP_PROXY: "http://" }, "HTTP_PROXY is not a proxy's URL"],
    [{ HTTP_PROXY: "p:99999" }, "HTTP_PROXY is not a proxy's URL"],
  ])("%p", (env, problem) => {
    expect(proxyOf(env, https)).toBe(`problem: ${problem}`);
  });

  test("and one from elsewhere in the same words", () => {
    expect([problemOfProxy("http://p:1"), problemOfProxy("socks5h://p:1")]).toEqual([
      undefined,
      "names a socks5h proxy: only http and https ones can be used",
    ]);
  });
});

describe("NO_PROXY exempts what it does for Go programs", () => {
  test.each(Object.entries(go.direct))("%p", (NO_PROXY, direct) => {
    const rules = proxyRules({ HTTP_PROXY: "http://plain:1", HTTPS_PROXY: "http://secure:2", NO_PROXY });

    const asked = go.targets.map((url) => (rules.kind === "rules" && rules.proxyFor(url) === undefined ? "1" : "0"));

    expect(asked.join("")).toBe(direct);
  });
});

test("a proxy's name has no password", () => {
  expect(proxyName("http://user:hunter2@proxy.corp:3128/")).toBe("http://proxy.corp:3128");
});
