// MAAS's names of configuration values (`get_config`, `set_config`), each with our key behind it.

/** How one of MAAS's names is a key of ours. */
export interface ConfigName {
  readonly key: string;
  /** What it is, for people. */
  readonly doc: string;
  /** MAAS writes lists as words with spaces between. */
  readonly isList?: boolean;
}

/** MAAS's configuration names that there is something behind. */
export const CONFIG_NAMES: Readonly<Record<string, ConfigName>> = {
  commissioning_distro_series: { key: 'boot.release', doc: 'the release of the ephemeral environment' },
  dns_trusted_acl: { key: 'dns.allow_recursion', doc: 'further networks that may ask our DNS', isList: true },
  dnssec_validation: { key: 'dns.dnssec_validation', doc: 'only `no`: there is no validator' },
  enlistment_domain: { key: 'dns.domain', doc: 'the domain of machines' },
  kernel_opts: { key: 'boot.kernel_params', doc: 'kernel parameters of every machine' },
  maas_name: { key: 'name', doc: 'the name of the rack' },
  upstream_dns: { key: 'dns.upstream', doc: 'upstream DNS servers, separated by spaces', isList: true },
};
