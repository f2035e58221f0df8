import { expect, test } from "bun:test";
import { createAudit } from "../../../../src/agent/metadata/audit.ts";
import { aNodePod, someCredentials } from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

test("a credential's first hand-over to a pod is one line, without what is secret of it", () => {
  const log = createRecordingLogger();
  const audit = createAudit(log);
  const credentials = someCredentials();

  audit.toPod(aNodePod(), credentials);
  audit.toPod(aNodePod(), credentials);

  expect(log.lines).toEqual([
    {
      level: "info",
      message: "credentials handed to pod",
      fields: {
        "pod.name": "reader-1",
        "pod.namespace": "default",
        "pod.iam.role": "reader",
        "pod.iam.roleArn": "arn:aws:iam::123456789012:role/reader",
        "credentials.access.key": "ASIAREADER",
        "credentials.expiration": "2026-01-01T01:00:00Z",
      },
    },
  ]);
});

test("another pod, and the successor of the credentials, are lines of their own", () => {
  const log = createRecordingLogger();
  const audit = createAudit(log);
  const credentials = someCredentials();

  audit.toPod(aNodePod(), credentials);
  audit.toPod(aNodePod({ uid: "uid-2" }), credentials);
  audit.toPod(aNodePod(), someCredentials({ accessKeyId: "ASIANEXT" }));

  expect(log.lines.length).toBe(3);
});

test("who is known by its address alone is named by it, once for each key", () => {
  const log = createRecordingLogger();
  const audit = createAudit(log);
  const request = { address: anAddress("10.0.0.1"), role: "reader" };

  audit.toAddress(request, someCredentials());
  audit.toAddress(request, someCredentials());
  audit.toAddress({ ...request, address: anAddress("10.0.0.2") }, someCredentials());
  audit.toAddress(request, someCredentials({ accessKeyId: "ASIANEXT" }));

  expect(log.lines.length).toBe(3);
  expect(log.lines[0]?.fields).toEqual({
    "pod.ip": "10.0.0.1",
    "pod.iam.requestedRole": "reader",
    "credentials.access.key": "ASIAREADER",
    "credentials.expiration": "2026-01-01T01:00:00Z",
  });
});
