// MAAS's names of configuration values (`get_config`, `set_config`), mapped to Rackboot's keys.

/** Rackboot's key for one of MAAS's names. */
export interface ConfigName {
  readonly key: string;
  /** Its meaning, for people. */
  readonly doc: string;
  /** True for a list, which MAAS writes as words separated by spaces. */
  readonly isList?: boolean;
}

/** The configuration names of MAAS that Rackboot supports. */
export const CONFIG_NAMES: Readonly<Record<string, ConfigName>> = {
  commissioning_distro_series: { key: 'boot.release', doc: 'the release of the ephemeral environment' },
  dns_trusted_acl: { key: 'dns.allow_recursion', doc: 'additional networks that may use recursion', isList: true },
  dnssec_validation: { key: 'dns.dnssec_validation', doc: 'must be `no`; there is no validator' },
  enlistment_domain: { key: 'dns.domain', doc: 'the domain of machines' },
  kernel_opts: { key: 'boot.kernel_params', doc: 'kernel parameters of every machine' },
  main_archive: { key: 'preseeds.ubuntu_mirror', doc: "Ubuntu's mirror for amd64 and i386" },
  maas_name: { key: 'name', doc: 'the name of the rack' },
  ports_archive: { key: 'preseeds.ubuntu_ports_mirror', doc: "Ubuntu's mirror for every other architecture" },
  upstream_dns: { key: 'dns.upstream', doc: 'upstream DNS servers, separated by spaces', isList: true },
};
