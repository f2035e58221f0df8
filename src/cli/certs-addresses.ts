/** The Service's, where nobody says otherwise. */
const defaultName = "kiam-server";

/** What `kiam health` asks for, inside of the server's pod. */
const loopback: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/** The names and addresses that a server's certificate is for: a Service's name stands for all forms that the cluster's DNS knows. */
export function serverAddresses(names: readonly string[], namespace: string): readonly string[] {
  const asked = names.length === 0 ? [defaultName] : names;
  const known = asked.flatMap((name) => (/^[a-z0-9-]+$/i.test(name) ? serviceNames(name, namespace) : [name]));
  return [...new Set([...known, ...loopback])];
}

function serviceNames(name: string, namespace: string): readonly string[] {
  return [name, `${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`];
}
