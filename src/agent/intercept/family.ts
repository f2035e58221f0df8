/** What the two versions of IP do differently here: nothing else in this folder names an address or a program. */
export interface Family {
  readonly name: "IPv4" | "IPv6";
  /** Where SDKs look for the metadata service. */
  readonly metadataAddress: string;
  /** The same as iptables prints it, with the length of its prefix. */
  readonly metadataNetwork: string;
  /** Its programs are called `<program>-nft`, `<program>-legacy-restore` and so on. */
  readonly program: "iptables" | "ip6tables";
  /** Lists the legacy tables that the kernel has loaded, one a line. Reading it loads none, as listing a table would. */
  readonly legacyTablesFile: string;
}

export const ipv4: Family = {
  name: "IPv4",
  metadataAddress: "169.254.169.254",
  metadataNetwork: "169.254.169.254/32",
  program: "iptables",
  legacyTablesFile: "/proc/net/ip_tables_names",
};

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html */
export const ipv6: Family = {
  name: "IPv6",
  metadataAddress: "fd00:ec2::254",
  metadataNetwork: "fd00:ec2::254/128",
  program: "ip6tables",
  legacyTablesFile: "/proc/net/ip6_tables_names",
};
