import { BlockList, isIP } from "node:net";
import { type IpAddress, parseIpAddress } from "./ip-address.ts";

/** The proxy that a request goes through, as an URL with its user and password; `undefined` for none. */
export type ProxyFor = (url: string) => string | undefined;

/** As Go programs read them; where both spellings are set the capitals win. */
export interface ProxyEnvironment {
  readonly HTTP_PROXY?: string | undefined;
  readonly HTTPS_PROXY?: string | undefined;
  readonly NO_PROXY?: string | undefined;
  readonly http_proxy?: string | undefined;
  readonly https_proxy?: string | undefined;
  readonly no_proxy?: string | undefined;
}

export type ProxyRules =
  | { readonly kind: "rules"; readonly proxyFor: ProxyFor }
  | { readonly kind: "problem"; readonly problem: string };

/** What a request is for, as NO_PROXY's entries are compared with it. */
interface Target {
  readonly host: string;
  readonly address: IpAddress | undefined;
  readonly port: string;
}

type Exemption = (target: Target) => boolean;

/**
 * The rules of Go's httpproxy.FromEnvironment, but a proxy that can't be used is a problem here and not a direct request.
 * https://pkg.go.dev/golang.org/x/net/http/httpproxy
 */
export function proxyRules(env: ProxyEnvironment): ProxyRules {
  const http = proxyOf("HTTP_PROXY", env.HTTP_PROXY || env.http_proxy || "");
  const https = proxyOf("HTTPS_PROXY", env.HTTPS_PROXY || env.https_proxy || "");
  const broken = [http, https].find((proxy) => proxy.kind === "problem");
  if (broken !== undefined) {
    return broken;
  }
  const proxies: Readonly<Record<string, string | undefined>> = { "http:": urlOf(http), "https:": urlOf(https) };
  const exemptions = (env.NO_PROXY || env.no_proxy || "").split(",").flatMap(exemptionOf);
  return {
    kind: "rules",
    proxyFor(url) {
      const { protocol, hostname, port } = new URL(url);
      const host = hostname.replace(/^\[|\]$/g, "");
      const target = { host, address: parseIpAddress(host), port: port || (protocol === "https:" ? "443" : "80") };
      return isLocal(target) || exemptions.some((isExempt) => isExempt(target)) ? undefined : proxies[protocol];
    },
  };
}

type Proxy = { readonly kind: "proxy"; readonly url: string } | { readonly kind: "none" } | Problem;
type Problem = Extract<ProxyRules, { readonly kind: "problem" }>;

const urlOf = (proxy: Proxy) => (proxy.kind === "proxy" ? proxy.url : undefined);

/** A value is never part of a problem: it may hold a password. */
function proxyOf(variable: string, value: string): Proxy {
  if (value === "") {
    return { kind: "none" };
  }
  const problem = problemOfProxy(value);
  return problem === undefined
    ? { kind: "proxy", url: withScheme(value) }
    : { kind: "problem", problem: `${variable} ${problem}` };
}

/** Why a proxy's URL can't be used, as the end of a sentence without the URL itself. */
export function problemOfProxy(value: string): string | undefined {
  const url = URL.parse(withScheme(value));
  if (url === null || url.hostname === "") {
    return "is not a proxy's URL";
  }
  return url.protocol === "http:" || url.protocol === "https:"
    ? undefined
    : `names a ${url.protocol.slice(0, -1)} proxy: only http and https ones can be used`;
}

/** `proxy:3128` is an http proxy. */
const withScheme = (value: string) => (value.includes("://") ? value : `http://${value}`);

/** A proxy as logs name it: without user and password. */
export function proxyName(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

function isLocal({ host, address }: Target): boolean {
  return host === "localhost" || address === "::1" || (address?.startsWith("127.") ?? false);
}

/** One entry of NO_PROXY; none for what is malformed, as in Go. */
function exemptionOf(text: string): readonly Exemption[] {
  const entry = text.trim().toLowerCase();
  if (entry === "" || entry === "*") {
    return entry === "" ? [] : [() => true];
  }
  const subnet = subnetOf(entry);
  if (subnet !== undefined) {
    return [subnet];
  }
  const { host, port } = splitPort(entry);
  if (host === "") {
    return [];
  }
  const address = parseIpAddress(host);
  const isHost = address === undefined ? domainMatch(host) : (target: Target) => target.address === address;
  return [(target) => isHost(target) && (port === "" || port === target.port)];
}

/** `.example.com` and `*.example.com` are what is below, `example.com` itself too. */
function domainMatch(entry: string): Exemption {
  const host = entry.startsWith("*.") ? entry.slice(1) : entry;
  const suffix = host.startsWith(".") ? host : `.${host}`;
  return (target) => target.address === undefined && (target.host === host || target.host.endsWith(suffix));
}

function splitPort(entry: string): { readonly host: string; readonly port: string } {
  const [, bracketed, bare, port = ""] = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(entry) ?? [];
  const host = bracketed ?? bare;
  return host === undefined ? { host: entry, port: "" } : { host, port };
}

function subnetOf(entry: string): Exemption | undefined {
  const [, base = "", digits = ""] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
  const address = parseIpAddress(base);
  if (address === undefined) {
    return undefined;
  }
  // An IPv4 address mapped to an IPv6 one counts the bits of the longer.
  const bits = Number(digits) - (isIP(base) === 6 && isIP(address) === 4 ? 96 : 0);
  if (bits < 0 || bits > (isIP(address) === 4 ? 32 : 128)) {
    return undefined;
  }
  const subnet = new BlockList();
  const family = familyOf(address);
  subnet.addSubnet(address, bits, family);
  // A BlockList takes IPv4 addresses for a part of ::/0.
  return (target) =>
    target.address !== undefined && familyOf(target.address) === family && subnet.check(target.address, family);
}

const familyOf = (address: IpAddress) => (isIP(address) === 4 ? "ipv4" : "ipv6");
