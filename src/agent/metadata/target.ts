/** What a request's target asks for. */
export type Target =
  | { readonly kind: "ping" }
  | { readonly kind: "health"; readonly isDeep: boolean }
  | { readonly kind: "token"; readonly isLatest: boolean }
  | { readonly kind: "role-name"; readonly form: CredentialsForm }
  /** `role` is what the path says, decoded once. It is only ever compared. */
  | { readonly kind: "credentials"; readonly form: CredentialsForm; readonly role: string }
  | { readonly kind: "instance-profile" }
  | { readonly kind: "other" }
  | { readonly kind: "malformed"; readonly problem: string };

/** What credentials come with: in the `extended` form with the account's id, which newer SDKs ask for first. */
export type CredentialsForm = "plain" | "extended";

/** `latest`, `1.0`, `2021-07-15`. */
const versioned = /^\/[A-Za-z0-9][A-Za-z0-9.-]*(\/.*)$/s;

const rolePaths: readonly (readonly [CredentialsForm, string])[] = [
  ["plain", "/meta-data/iam/security-credentials"],
  ["extended", "/meta-data/iam/security-credentials-extended"],
];

const profilePath = "/meta-data/iam/info";

const control = /[\0-\x20\x7f]/;

/**
 * Reads a request target as it came: nothing is normalised and every path but a role's is compared byte by byte, so what no
 * rule names is nothing. The query is no part of the path.
 * https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 */
export function parseTarget(raw: string): Target {
  if (!raw.startsWith("/")) {
    return { kind: "malformed", problem: "the request target must be a path" };
  }
  if (raw.includes("#") || control.test(raw)) {
    return { kind: "malformed", problem: "the request target holds a fragment or a control character" };
  }
  const question = raw.indexOf("?");
  const path = question === -1 ? raw : raw.slice(0, question);
  return parseVersioned(path) ?? parsePlain(path, question === -1 ? "" : raw.slice(question + 1));
}

function parsePlain(path: string, query: string): Target {
  switch (path) {
    case "/ping":
      return { kind: "ping" };
    case "/health":
      return { kind: "health", isDeep: new URLSearchParams(query).has("deep") };
    default:
      return { kind: "other" };
  }
}

function parseVersioned(path: string): Target | undefined {
  const below = versioned.exec(path)?.[1];
  if (below === undefined) {
    return undefined;
  }
  for (const [form, rolePath] of rolePaths) {
    if (below === rolePath || below === `${rolePath}/`) {
      return { kind: "role-name", form };
    }
    if (below.startsWith(`${rolePath}/`)) {
      return parseRole(form, below.slice(rolePath.length + 1));
    }
  }
  if (below === profilePath || below === `${profilePath}/`) {
    return { kind: "instance-profile" };
  }
  return below === "/api/token" ? { kind: "token", isLatest: path === "/latest/api/token" } : undefined;
}

function parseRole(form: CredentialsForm, encoded: string): Target {
  try {
    return { kind: "credentials", form, role: encoded.includes("%") ? decodeURIComponent(encoded) : encoded };
  } catch {
    return { kind: "malformed", problem: "the role's percent-encoding is broken" };
  }
}

/** The `ip` of a target's query, for development; `undefined` where there is none. */
export function queriedAddress(raw: string): string | undefined {
  const question = raw.indexOf("?");
  return question === -1 ? undefined : (new URLSearchParams(raw.slice(question)).get("ip") ?? undefined);
}
