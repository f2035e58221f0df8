/** The variables by which AWS's SDKs find the metadata service. */
export interface MetadataEnvironment {
  readonly AWS_EC2_METADATA_DISABLED?: string | undefined;
  readonly AWS_EC2_METADATA_SERVICE_ENDPOINT?: string | undefined;
  readonly AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?: string | undefined;
}

/**
 * Where this instance's metadata service is, and `undefined` where it is not to be asked.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
 */
export function metadataEndpoint(env: MetadataEnvironment): string | undefined {
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === "true") {
    return undefined;
  }
  const isIpv6 = env.AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?.toLowerCase() === "ipv6";
  return env.AWS_EC2_METADATA_SERVICE_ENDPOINT || (isIpv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
}
