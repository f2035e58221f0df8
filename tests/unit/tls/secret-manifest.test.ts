import { expect, test } from "bun:test";
import { parseAllDocuments } from "yaml";
import { manifestList, secretManifest } from "../../../src/tls/secret-manifest.ts";

test("a Secret is what YAML reads back, also in a namespace called 123", () => {
  const text = secretManifest({
    name: "kiam-server-tls",
    namespace: "123",
    files: { "ca.pem": "-----BEGIN\nä\n", "server.pem": "" },
  });

  expect(parseAllDocuments(text).map((document) => document.toJS())).toEqual([
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "kiam-server-tls", namespace: "123" },
      type: "Opaque",
      data: { "ca.pem": Buffer.from("-----BEGIN\nä\n").toString("base64"), "server.pem": "" },
    },
  ]);
});

test("several Secrets are several documents", () => {
  const [a, b] = ["a", "b"].map((name) => secretManifest({ name, namespace: "kiam", files: { f: "x" } }));

  const documents = parseAllDocuments(manifestList([a ?? "", b ?? ""]));

  expect(documents.map((document) => document.toJS().metadata.name)).toEqual(["a", "b"]);
});
