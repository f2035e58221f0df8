import { type IpAddress, parseIpAddress } from "../../domain/ip-address.ts";

/** Where a connection came in. */
export interface LocalEnd {
  readonly address: IpAddress | undefined;
  readonly port: number;
}

const serviceNames: readonly string[] = [
  "169.254.169.254",
  "[fd00:ec2::254]",
  "instance-data",
  "instance-data.ec2.internal",
];

/** The metadata service is asked at this port; the redirect changes it unseen. */
const servicePort = "80";

const nameAndPort = /^([^:[\]]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/;

/**
 * Whether a Host header names the metadata service, or the address that the connection was made to, on port 80 or this
 * listener's. Anything else is refused: a web page whose own name resolves to the metadata service's address (DNS rebinding)
 * sends that name. `undefined` is a request without the header.
 */
export function isOwnHost(header: string | undefined, local: LocalEnd): boolean {
  if (header === undefined || header === "169.254.169.254") {
    return true;
  }
  const [, name = "", port = servicePort] = nameAndPort.exec(header.toLowerCase()) ?? [];
  return (port === servicePort || port === String(local.port)) && (serviceNames.includes(name) || isLocal(name, local));
}

function isLocal(name: string, { address }: LocalEnd): boolean {
  if (name === "localhost") {
    return address !== undefined && isLoopback(address);
  }
  const named = parseIpAddress(name.replace(/^\[|\]$/g, ""));
  return named !== undefined && named === address;
}

export function isLoopback(address: IpAddress): boolean {
  return address.startsWith("127.") || address === "::1";
}
