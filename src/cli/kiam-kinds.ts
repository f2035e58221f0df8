import { resolveRole } from "../domain/role-arn.ts";
import type { FlagKind } from "./flag-kind.ts";

/** Whether to redirect, and which interface pods' packets come in by. */
export type IptablesChoice =
  | { readonly kind: "off" }
  | { readonly kind: "on" }
  | { readonly kind: "on-interface"; readonly pattern: string };

/** As iptables takes it, with `!` in front for all but that one. The kernel's names have 15 characters at most. */
const interfaceForm = /^!?(?!-)(?=.{1,15}$)[A-Za-z0-9_.@-]*\+?$/;

/** `!` inverts, a `+` at the end stands for any continuation. */
export const interfacePattern: FlagKind<string> = {
  hint: "interface",
  form: 'an interface such as "eth0", "cali+" or "!eth0"',
  parse: (value) => (interfaceForm.test(value) ? value : undefined),
};

/** The Go release's switch, which may also name the interface: `true`, `false`, or an interface. */
export const iptables: FlagKind<IptablesChoice> = {
  hint: "interface",
  form: `true, false, or ${interfacePattern.form}`,
  parse(value) {
    if (value === "true" || value === "false") {
      return { kind: value === "true" ? "on" : "off" };
    }
    const pattern = interfacePattern.parse(value);
    return pattern === undefined ? undefined : { kind: "on-interface", pattern };
  },
  alone: { kind: "on" },
  negated: { kind: "off" },
};

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** DNS-1123, which the API server holds names to. */
const subdomainForm = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const labelForm = /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

export const serviceAccount: FlagKind<ServiceAccount> = {
  hint: "namespace/name",
  form: "namespace/name",
  parse(value) {
    const [namespace = "", name = "", ...rest] = value.split("/");
    return labelForm.test(namespace) && subdomainForm.test(name) && rest.length === 0 ? { namespace, name } : undefined;
  },
};

export const namespaceName: FlagKind<string> = {
  hint: "namespace",
  form: "the name of a namespace",
  parse: (value) => (labelForm.test(value) ? value : undefined),
};

export const nodeName: FlagKind<string> = {
  hint: "name",
  form: "the name of a node",
  parse: (value) => (subdomainForm.test(value) ? value : undefined),
};

/** Everything up to the role's own name may be the base, also a part of the path or of the name. */
const baseArnForm = /^arn:[a-z][a-z0-9-]*:iam::\d{12}:role\/[\x21-\x7e]{0,512}$/;

export const roleBaseArn: FlagKind<string> = {
  hint: "arn",
  form: 'the beginning of a role ARN such as "arn:aws:iam::123456789012:role/"',
  parse: (value) => (baseArnForm.test(value) ? value : undefined),
};

/** What IAM calls a role, with or without its path, or the whole ARN. */
export const roleNameOrArn: FlagKind<string> = {
  hint: "role",
  form: "the name or the ARN of a role",
  parse: (value) => (resolveRole(value, "arn:aws:iam::000000000000:role/") === undefined ? undefined : value),
};

/** https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#21-trust-domain */
export const trustDomain: FlagKind<string> = {
  hint: "domain",
  form: 'a SPIFFE trust domain such as "example.org"',
  parse: (value) => (/^[a-z0-9._-]{1,255}$/.test(value) ? value : undefined),
};

/** Whether there is such a region shows when its host resolves. */
export const region: FlagKind<string> = {
  hint: "region",
  form: 'a region such as "eu-west-1"',
  parse: (value) => (/^[a-z0-9]+(-[a-z0-9]+)+$/.test(value) ? value : undefined),
};
