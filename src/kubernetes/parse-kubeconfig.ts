import { problemOfProxy } from "../domain/proxy-rules.ts";
import { at, listAt, textAt } from "./raw-json.ts";
import { fileSource, pemSource, type TextSource } from "./text-source.ts";

/** What a kubeconfig's current context says of its API server and user. Texts are empty where they are absent. */
export interface KubeconfigContext {
  /** Without a trailing slash. */
  readonly server: string;
  readonly namespace: string;
  readonly proxyUrl: string;
  readonly serverName: string;
  readonly isTlsUnverified: boolean;
  readonly ca: TextSource;
  readonly cert: TextSource;
  readonly key: TextSource;
  readonly token: TextSource;
  readonly exec?: ExecCommand;
}

/** A credential plugin. https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins */
export interface ExecCommand {
  readonly apiVersion: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What the plugin is told of the cluster; absent unless it asked to be. */
  readonly cluster?: unknown;
}

/**
 * Reads a kubeconfig. Throws with one line for what is missing, malformed, or not supported: a login that was left out
 * would be a request as nobody.
 * @param directory where the kubeconfig is, which relative paths in it start from
 */
export function parseKubeconfig(text: string, directory: string): KubeconfigContext {
  const config = Bun.YAML.parse(text);
  const contextName = textAt(config, "current-context");
  if (contextName === "") {
    throw new Error("it has no current-context");
  }
  const context = named(config, "contexts", "context", contextName);
  const cluster = named(config, "clusters", "cluster", textAt(context, "cluster"));
  const userName = textAt(context, "user");
  const user = userName === "" ? {} : named(config, "users", "user", userName);
  refuseUnsupported(user, userName);
  const ca = pemSource(cluster, "certificate-authority", directory);
  const isTlsUnverified = at(cluster, "insecure-skip-tls-verify") === true;
  if (isTlsUnverified && ca.kind !== "none") {
    throw new Error("a certificate authority and insecure-skip-tls-verify contradict each other");
  }
  const exec = execOf(user, cluster);
  return {
    server: serverOf(cluster),
    namespace: textAt(context, "namespace"),
    proxyUrl: proxyOf(cluster),
    serverName: textAt(cluster, "tls-server-name"),
    isTlsUnverified,
    ca,
    cert: pemSource(user, "client-certificate", directory),
    key: pemSource(user, "client-key", directory),
    token: tokenOf(user, directory),
    ...(exec === undefined ? {} : { exec }),
  };
}

function named(config: unknown, list: string, field: string, name: string): unknown {
  const entry = listAt(config, list).find((each) => textAt(each, "name") === name);
  const found = at(entry, field);
  if (found === undefined || found === null) {
    throw new Error(`it has no ${field} named "${name}"`);
  }
  return found;
}

function serverOf(cluster: unknown): string {
  const text = textAt(cluster, "server");
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new Error(`"${text}" is not a server's URL`);
  }
  return text.replace(/\/+$/, "");
}

/** With its scheme, unlike in the environment, as client-go has it. */
function proxyOf(cluster: unknown): string {
  const text = textAt(cluster, "proxy-url");
  if (text !== "" && !text.includes("://")) {
    throw new Error("its proxy-url is not a proxy's URL");
  }
  const problem = text === "" ? undefined : problemOfProxy(text);
  if (problem !== undefined) {
    throw new Error(`its proxy-url ${problem}`);
  }
  return text;
}

/** A token file goes before a token, as in client-go. */
function tokenOf(user: unknown, directory: string): TextSource {
  const file = fileSource(user, "tokenFile", directory);
  const token = textAt(user, "token");
  return file.kind === "none" && token !== "" ? { kind: "inline", text: token } : file;
}

function refuseUnsupported(user: unknown, userName: string): void {
  for (const field of ["auth-provider", "username", "as", "as-groups", "as-uid", "as-user-extra"]) {
    const value = at(user, field);
    if (value !== undefined && value !== null && value !== "") {
      throw new Error(`user "${userName}" has ${field}, which is not supported`);
    }
  }
  const token = at(user, "token");
  if (token !== undefined && token !== null && typeof token !== "string") {
    throw new Error(`user "${userName}" has a token that is no text: put it in quotes`);
  }
}

function execOf(user: unknown, cluster: unknown): ExecCommand | undefined {
  const exec = at(user, "exec");
  if (exec === undefined || exec === null) {
    return undefined;
  }
  const command = textAt(exec, "command");
  const apiVersion = textAt(exec, "apiVersion");
  if (command === "" || !apiVersion.startsWith("client.authentication.k8s.io/")) {
    throw new Error("its exec plugin has no command, or no client.authentication.k8s.io apiVersion");
  }
  if (textAt(exec, "interactiveMode") === "Always") {
    throw new Error(`its exec plugin ${command} needs a terminal (interactiveMode: Always)`);
  }
  return {
    apiVersion,
    argv: [command, ...listAt(exec, "args").map(String)],
    env: Object.fromEntries(listAt(exec, "env").map((each) => [textAt(each, "name"), textAt(each, "value")])),
    ...(at(exec, "provideClusterInfo") === true ? { cluster } : {}),
  };
}
