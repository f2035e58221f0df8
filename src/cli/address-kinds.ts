import { isIP } from "node:net";
import { type IpAddress, parseIpAddress } from "../domain/ip-address.ts";
import { type FlagKind, wholeNumber } from "./flag-kind.ts";

/** The host without the brackets that an IPv6 address wears in text. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const hostPortForm = /^(?:\[([^[\]]+)\]|([^:[\]]*)):(\d{1,5})$/;
const hostNameForm = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})$/;

/** Where somebody else listens: the host is a name or an address. */
export const remoteAddress: FlagKind<HostPort> = {
  hint: "host:port",
  form: "host:port",
  parse(value) {
    const address = parseHostPort(value, 1);
    return address === undefined || address.host === "" ? undefined : address;
  },
};

/** Where to listen: an empty host (`:9610`) stands for all addresses, port 0 for any free port. */
export const listenAddress: FlagKind<HostPort> = {
  hint: "host:port",
  form: "host:port, or :port for all addresses",
  parse: (value) => parseHostPort(value, 0),
};

function parseHostPort(text: string, leastPort: number): HostPort | undefined {
  const [, bracketed, bare = "", digits = ""] = hostPortForm.exec(text) ?? [];
  const port = wholeNumber(digits, leastPort, 65_535);
  const isHost = bracketed === undefined ? bare === "" || hostNameForm.test(bare) : isIP(bracketed) === 6;
  return port === undefined || !isHost ? undefined : { host: bracketed ?? bare, port };
}

/** The node's own addresses: an IPv4 one, an IPv6 one, or both in either order. Never empty. */
export const hostAddresses: FlagKind<readonly IpAddress[]> = {
  hint: "address[,address]",
  form: "an IP address, or an IPv4 and an IPv6 one with a comma between",
  parse(value) {
    const parts = value.split(",");
    const addresses = parts.map(parseIpAddress).filter((address) => address !== undefined);
    const families = new Set(addresses.map(isIP));
    return families.size === parts.length ? addresses : undefined;
  },
};

/** An endpoint's base, without a slash at the end. */
export const httpUrl: FlagKind<string> = {
  hint: "url",
  form: "an http:// or https:// URL without user, query or fragment",
  parse(value) {
    const url = /^https?:\/\//.test(value) ? URL.parse(value) : null;
    if (url === null || /[?#]/.test(value) || url.username !== "" || url.password !== "") {
      return undefined;
    }
    return url.href.replace(/\/+$/, "");
  },
};

/** The metadata service has no other: no certificate is checked there. */
export const plainHttpUrl: FlagKind<string> = {
  hint: "url",
  form: "an http:// URL without user, query or fragment",
  parse: (value) => (value.startsWith("http://") ? httpUrl.parse(value) : undefined),
};
