import { type InterfacePattern, parseInterfacePattern } from "../../../../src/agent/intercept/interface.ts";
import { type IpAddress, parseIpAddress } from "../../../../src/domain/ip-address.ts";

/** A pattern that is known to be one. */
export function pattern(text: string): InterfacePattern {
  const parsed = parseInterfacePattern(text);
  if (parsed === undefined) {
    throw new Error(`${text} is no interface`);
  }
  return parsed;
}

/** An address that is known to be one. */
export function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) {
    throw new Error(`${text} is no address`);
  }
  return parsed;
}
