/** Where STS is asked, and for which region requests are signed. */
export interface StsEndpoint {
  readonly url: string;
  readonly signingRegion: string;
}

export type EndpointChoice =
  | { readonly kind: "endpoint"; readonly endpoint: StsEndpoint }
  | { readonly kind: "problem"; readonly problem: string };

export interface EndpointQuestion {
  /** `--region`; empty where it is not given. */
  readonly region: string;
  /** `--sts-endpoint`; empty where it is not given. */
  readonly url: string;
  readonly env: { readonly AWS_REGION?: string | undefined; readonly AWS_STS_REGIONAL_ENDPOINTS?: string | undefined };
}

const globalEndpoint: StsEndpoint = { url: "https://sts.amazonaws.com", signingRegion: "us-east-1" };

/**
 * The regions for which the Go SDK of the Go release asks the global endpoint.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html
 */
const legacyGlobalRegions: ReadonlySet<string> = new Set([
  "ap-northeast-1",
  "ap-south-1",
  "ap-southeast-1",
  "ap-southeast-2",
  "aws-global",
  "ca-central-1",
  "eu-central-1",
  "eu-north-1",
  "eu-west-1",
  "eu-west-2",
  "eu-west-3",
  "sa-east-1",
  "us-east-1",
  "us-east-2",
  "us-west-1",
  "us-west-2",
]);

/** The domain of each partition by how its regions' names begin; the commercial one takes the rest. */
const partitionDomains: readonly (readonly [prefix: string, domain: string])[] = [
  ["cn-", "amazonaws.com.cn"],
  ["us-iso-", "c2s.ic.gov"],
  ["us-isob-", "sc2s.sgov.gov"],
  ["us-isof-", "csp.hci.ic.gov"],
  ["eu-isoe-", "cloud.adc-e.uk"],
  ["eusc-", "amazonaws.eu"],
];

const regionForm = /^[a-z][a-z0-9]*(-[a-z0-9]+)+$/;
const fipsForm = /^fips-|-fips$/;

/** Hosts of STS that name their region, private link's among them: `vpce-….sts.eu-west-1.vpce.amazonaws.com`. */
const regionInHost = /(?:^|\.)sts(?:-fips)?\.([a-z]+(?:-[a-z0-9]+)+)\./;

/** SPEC 5, "Endpoint": the flags first, then what the Go SDK makes of the environment. */
export function chooseEndpoint({ region, url, env }: EndpointQuestion): EndpointChoice {
  if (url !== "") {
    return explicitEndpoint(url, region, env.AWS_REGION ?? "");
  }
  if (region !== "") {
    return regionalEndpoint(region, "--region");
  }
  const mode = (env.AWS_STS_REGIONAL_ENDPOINTS || "legacy").toLowerCase();
  if (mode !== "legacy" && mode !== "regional") {
    return problem(`AWS_STS_REGIONAL_ENDPOINTS is '${mode}', neither legacy nor regional`);
  }
  const ambient = env.AWS_REGION ?? "";
  const isGlobal =
    ambient === "" || ambient === "aws-global" || (mode === "legacy" && legacyGlobalRegions.has(ambient));
  return isGlobal ? { kind: "endpoint", endpoint: globalEndpoint } : regionalEndpoint(ambient, "AWS_REGION");
}

function explicitEndpoint(url: string, region: string, ambientRegion: string): EndpointChoice {
  const parsed = URL.parse(url);
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) {
    return problem(`--sts-endpoint '${url}' is not an http or https URL`);
  }
  const signingRegion =
    region || regionInHost.exec(parsed.hostname)?.[1] || ambientRegion || globalEndpoint.signingRegion;
  return { kind: "endpoint", endpoint: { url, signingRegion } };
}

function regionalEndpoint(region: string, source: string): EndpointChoice {
  if (!regionForm.test(region)) {
    return problem(`${source} '${region}' is not a region`);
  }
  if (region.includes("fips")) {
    return fipsEndpoint(region, source);
  }
  const domain = partitionDomains.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "amazonaws.com";
  return { kind: "endpoint", endpoint: { url: `https://sts.${region}.${domain}`, signingRegion: region } };
}

/** GovCloud's ordinary hosts are its FIPS ones; elsewhere than in the United States there are none. */
function fipsEndpoint(named: string, source: string): EndpointChoice {
  const region = named.replace(fipsForm, "");
  const host = /^us-gov-(east|west)-1$/.test(region) ? "sts" : "sts-fips";
  if (!/^us-(east|west)-[12]$|^us-gov-(east|west)-1$/.test(region)) {
    return problem(`${source} '${named}': STS has no FIPS endpoint for ${region}`);
  }
  return { kind: "endpoint", endpoint: { url: `https://${host}.${region}.amazonaws.com`, signingRegion: region } };
}

function problem(text: string): EndpointChoice {
  return { kind: "problem", problem: text };
}
