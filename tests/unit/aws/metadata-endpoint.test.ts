import { expect, test } from "bun:test";
import { type MetadataEnvironment, metadataEndpoint } from "../../../src/aws/metadata-endpoint.ts";

test.each<[MetadataEnvironment, string | undefined]>([
  [{}, "http://169.254.169.254"],
  [{ AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv4" }, "http://169.254.169.254"],
  [{ AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv6" }, "http://[fd00:ec2::254]"],
  [{ AWS_EC2_METADATA_SERVICE_ENDPOINT: "", AWS_EC2_METADATA_DISABLED: "" }, "http://169.254.169.254"],
  [
    { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:81", AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv6" },
    "http://127.0.0.1:81",
  ],
  [{ AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:81", AWS_EC2_METADATA_DISABLED: "True" }, undefined],
])("%j: %p", (env, endpoint) => {
  expect(metadataEndpoint(env)).toBe(endpoint);
});
