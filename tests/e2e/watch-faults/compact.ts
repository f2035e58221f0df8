import type { Lab } from "../lab/lab.ts";

/** etcd's gateway for JSON: https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/ */
const etcdUrl = "http://127.0.0.1:2379/v3/kv";

/** Makes etcd forget all that was before this moment: whoever asks for it gets a 410. */
export async function compactEtcd({ control }: Pick<Lab, "control">): Promise<void> {
  const post = async (path: string, body: unknown) => {
    const response = await control.fetch(`${etcdUrl}/${path}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) {
      throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`);
    }
    return (await response.json()) as { readonly header: { readonly revision: string } };
  };
  const { header } = await post("range", { key: btoa("/nothing") });
  await post("compaction", { revision: header.revision, physical: true });
}
