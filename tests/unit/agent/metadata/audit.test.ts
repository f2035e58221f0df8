import { expect, test } from "bun:test";
import { createAudit } from "../../../../src/agent/metadata/audit.ts";
import { aNodePod, someCredentials } from "../../../fakes/node-pods.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

test("a credential's first hand-over to a pod is one line, without what is secret of it", () => {
  const log = createRecordingLogger();
  const audit = createAudit(log);
  const credentials = someCredentials();

  audit(aNodePod(), credentials);
  audit(aNodePod(), credentials);

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

  audit(aNodePod(), credentials);
  audit(aNodePod({ uid: "uid-2" }), credentials);
  audit(aNodePod(), someCredentials({ accessKeyId: "ASIANEXT" }));

  expect(log.lines.length).toBe(3);
});
