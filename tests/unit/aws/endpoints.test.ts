import { describe, expect, test } from "bun:test";
import { chooseEndpoint, type EndpointQuestion } from "../../../src/aws/endpoints.ts";

function choose(question: Partial<EndpointQuestion>): string {
  const choice = chooseEndpoint({ region: "", url: "", env: {}, ...question });
  return choice.kind === "problem"
    ? `problem: ${choice.problem}`
    : `${choice.endpoint.url} ${choice.endpoint.signingRegion}`;
}

describe("with --region the region's own endpoint is asked", () => {
  test.each([
    ["us-east-1", "https://sts.us-east-1.amazonaws.com"],
    ["eu-west-1", "https://sts.eu-west-1.amazonaws.com"],
    ["ap-southeast-7", "https://sts.ap-southeast-7.amazonaws.com"],
    ["cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"],
    ["us-gov-east-1", "https://sts.us-gov-east-1.amazonaws.com"],
    ["us-iso-east-1", "https://sts.us-iso-east-1.c2s.ic.gov"],
    ["us-isob-east-1", "https://sts.us-isob-east-1.sc2s.sgov.gov"],
    ["us-isof-south-1", "https://sts.us-isof-south-1.csp.hci.ic.gov"],
    ["eu-isoe-west-1", "https://sts.eu-isoe-west-1.cloud.adc-e.uk"],
    ["eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu"],
  ])("%s", (region, url) => {
    expect(choose({ region })).toBe(`${url} ${region}`);
  });

  test("whatever the environment says", () => {
    const env = { AWS_REGION: "us-west-2", AWS_STS_REGIONAL_ENDPOINTS: "legacy" };
    expect(choose({ region: "eu-west-1", env })).toBe("https://sts.eu-west-1.amazonaws.com eu-west-1");
  });
});

describe("names with fips", () => {
  test.each([
    ["us-east-1-fips", "https://sts-fips.us-east-1.amazonaws.com us-east-1"],
    ["us-west-2-fips", "https://sts-fips.us-west-2.amazonaws.com us-west-2"],
    ["fips-us-east-2", "https://sts-fips.us-east-2.amazonaws.com us-east-2"],
    ["us-gov-west-1-fips", "https://sts.us-gov-west-1.amazonaws.com us-gov-west-1"],
    ["eu-west-1-fips", "problem: --region 'eu-west-1-fips': STS has no FIPS endpoint for eu-west-1"],
    ["cn-north-1-fips", "problem: --region 'cn-north-1-fips': STS has no FIPS endpoint for cn-north-1"],
    ["us-gov-west-2-fips", "problem: --region 'us-gov-west-2-fips': STS has no FIPS endpoint for us-gov-west-2"],
  ])("%s", (region, outcome) => {
    expect(choose({ region })).toBe(outcome);
  });
});

describe("without --region", () => {
  const global = "https://sts.amazonaws.com us-east-1";
  test.each([
    [undefined, undefined, global],
    ["", "", global],
    ["eu-west-1", undefined, global],
    ["eu-west-1", "legacy", global],
    ["eu-west-1", "Regional", "https://sts.eu-west-1.amazonaws.com eu-west-1"],
    ["aws-global", "regional", global],
    ["eu-south-1", undefined, "https://sts.eu-south-1.amazonaws.com eu-south-1"],
    ["cn-northwest-1", undefined, "https://sts.cn-northwest-1.amazonaws.com.cn cn-northwest-1"],
    ["us-gov-west-1", "legacy", "https://sts.us-gov-west-1.amazonaws.com us-gov-west-1"],
    [undefined, "regional", global],
    ["eu-west-1", "nearby", "problem: AWS_STS_REGIONAL_ENDPOINTS is 'nearby', neither legacy nor regional"],
    ["not a region", undefined, "problem: AWS_REGION 'not a region' is not a region"],
  ])("AWS_REGION %p, AWS_STS_REGIONAL_ENDPOINTS %p", (AWS_REGION, AWS_STS_REGIONAL_ENDPOINTS, outcome) => {
    expect(choose({ env: { AWS_REGION, AWS_STS_REGIONAL_ENDPOINTS } })).toBe(outcome);
  });
});

describe("with --sts-endpoint it is asked and nothing else", () => {
  const vpce = "https://vpce-0a1b.sts.eu-west-1.vpce.amazonaws.com";
  test.each([
    ["signs for --region", { url: vpce, region: "eu-west-2" }, `${vpce} eu-west-2`],
    ["signs for the region in the host's name", { url: vpce, env: { AWS_REGION: "us-west-2" } }, `${vpce} eu-west-1`],
    [
      "signs for AWS_REGION",
      { url: "http://[::1]:5000", env: { AWS_REGION: "us-west-2" } },
      "http://[::1]:5000 us-west-2",
    ],
    ["signs for us-east-1", { url: "https://sts.amazonaws.com" }, "https://sts.amazonaws.com us-east-1"],
  ])("%s", (_, question, outcome) => {
    expect(choose(question)).toBe(outcome);
  });

  test.each(["sts.eu-west-1.amazonaws.com", "ftp://sts", "https://"])("%p is not a URL for it", (url) => {
    expect(choose({ url })).toBe(`problem: --sts-endpoint '${url}' is not an http or https URL`);
  });
});

test.each(["eu-west-1/../x", "eu-west-1.evil.example", "EU-WEST-1", "euwest", "-", "a@b-c"])(
  "%p does not become part of a host's name",
  (region) => {
    expect(choose({ region })).toBe(`problem: --region '${region}' is not a region`);
  },
);
