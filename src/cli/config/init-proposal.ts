// The answers of `rackboot init` in the form of the file and of the store.

import { formatIpv4, formatNetwork } from '../../ground/address.ts';
import { loadYamlParser } from '../../ground/yaml-parser.ts';
import { INTERFACES_KEY, type Settings } from '../../machines/settings.ts';
import type { InterfaceProposal } from '../../region/networks/range-proposal.ts';
import type { SettingEdit } from '../../region/settings.ts';
import type { Answers } from './init-questions.ts';

/** The answers; `-` means none. */
export interface InitAnswers extends Answers {
  readonly name: string;
  /** The URL of the remote region; undefined if this rack has its own region. */
  readonly region?: string | undefined;
  readonly stateDir: string;
  readonly domain: string;
  /** The domain that another server on this host named in this network. */
  readonly formerDomain?: string | undefined;
  /** The network to serve; undefined if there is none yet. */
  readonly proposal: InterfaceProposal | undefined;
}

/** Renders the file of a rack whose region is remote and does not store the network. */
function renderRemoteConfig(answers: InitAnswers, region: string): string {
  const { name, stateDir, upstream, domain } = answers;
  const dns = { ...(domain === 'maas' ? {} : { domain }), ...(isGiven(upstream) ? { upstream } : {}) };
  const values = {
    name,
    state_dir: stateDir,
    ...(answers.proposal === undefined
      ? {}
      : { [INTERFACES_KEY]: [{ name: answers.proposal.name, ...buildNetwork(answers, answers.proposal) }] }),
    region: { mode: 'remote', url: region },
    ...(Object.keys(dns).length === 0 ? {} : { dns }),
  };
  return `${[
    '# Rackboot. Every key is explained in config/rackboot.yaml; check a change with `rackboot check --diff`.',
    '#',
    '# The region of this rack is remote and does not store the network, so this file does. Changes of region.mode and url need a restart.',
  ].join('\n')}\n${loadYamlParser().stringify(values)}`;
}

export function renderConfig(answers: InitAnswers): string {
  const { name, stateDir, region } = answers;
  if (region !== undefined) return renderRemoteConfig(answers, region);
  const file = renderFile({ name, stateDir });
  return answers.proposal === undefined ? `${file}${LISTEN_EVERYWHERE}` : file;
}

/** Without a network, the page would be on loopback only, where nobody could set one up. */
const LISTEN_EVERYWHERE = `# The page is on every address of this host, also before there is a network: name the addresses where it should be.
region:
  listen: ["0.0.0.0:5240"]
`;

/** The domain that another server of this host named in the network, unless a person named another. */
export const findFormerDomain = (
  { mode }: Answers,
  domain: string,
  proposal: { readonly formerDomain?: string | undefined } | undefined,
): string | undefined => (mode === 'proxy' || domain !== 'maas' ? undefined : proposal?.formerDomain);

/** Explains what it means to keep a former domain. @param name of the network */
export function domainLines({ formerDomain, proposal }: InitAnswers, name = proposal?.name): readonly string[] {
  if (formerDomain === undefined || name === undefined) return [];
  const remedy = `rackboot config unset ${INTERFACES_KEY}.${name}.domain`;
  return [`Domain  ${formerDomain}, as before: this rack answers for every name below it; to leave that: ${remedy}`];
}

/** Renders the configuration file of a rack with its own region. */
export function renderFile({ name, stateDir }: { readonly name: string; readonly stateDir: string }): string {
  return `${[
    '# Rackboot. Every key is explained in config/rackboot.yaml; check a change with `rackboot check --diff`.',
    '#',
    '# The store holds the networks, DNS and boot settings: `rackboot config show` lists them, `rackboot config set` changes them.',
    "# A key in this file wins over the store and is read-only there; `rackboot config export` prints the store's keys for this file.",
    `name: ${JSON.stringify(name)}`,
    `state_dir: ${JSON.stringify(stateDir)}`,
    "# DHCP, TFTP, DNS, HTTP, the API and the page listen on this rack's address in every network of the store.",
  ].join('\n')}\n`;
}

/** Builds the settings to store. The caller checks them first. @param name of the network */
export function buildSettings(answers: InitAnswers, name = answers.proposal?.name): readonly SettingEdit[] {
  const { proposal, upstream, domain } = answers;
  return [
    ...(proposal === undefined ? [] : [{ key: `${INTERFACES_KEY}.${name}`, value: buildNetwork(answers, proposal) }]),
    ...(domain === 'maas' ? [] : [{ key: 'dns.domain', value: domain }]),
    ...(isGiven(upstream) ? [{ key: 'dns.upstream', value: upstream }] : []),
  ];
}

const isGiven = (value: string | undefined): value is string => value !== undefined && value !== '-' && value !== '';

/** The proposed network without its name. */
function buildNetwork(
  { mode, router, low, high, staticLow, staticHigh, formerDomain }: InitAnswers,
  proposal: InterfaceProposal,
): Settings {
  const serverFields = { router_ip: router, ip_range_low: low, ip_range_high: high };
  const staticFields = { static_ip_range_low: staticLow, static_ip_range_high: staticHigh };
  const isServer = !isGiven(mode) || mode === 'server';
  return {
    interface: proposal.name,
    management: 2,
    ip: formatIpv4(proposal.address),
    network: formatNetwork(proposal.network),
    ...(isServer ? {} : { mode }),
    ...(formerDomain === undefined ? {} : { domain: formerDomain }),
    ...Object.fromEntries(Object.entries({ ...serverFields, ...staticFields }).filter(([, value]) => isGiven(value))),
  };
}
