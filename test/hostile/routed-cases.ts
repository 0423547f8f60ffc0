// The attacks of cases.ts again, from behind a router: 64 addresses of one network that the rack does not serve. The refusals to these
// hosts must not harm the bystanders, either. They run in the long suite.

import { type Bites, grown, type HostileCase } from './case.ts';

/** The differences there. */
interface Routed {
  /** The sign that these hosts are refused; left out: they are served. */
  readonly refused?: Bites;
}

const BY_TFTP: Routed = {
  refused: grown(2000, 'rackboot_tftp_refusals_total', { reason: 'network' }),
};
const BY_DNS: Routed = {
  refused: grown(3000, 'rackboot_dns_refusals_total', { reason: 'stranger' }),
};
const BY_THE_REGION: Routed = {
  refused: grown(100, 'rackboot_region_api_answers_total', { class: '4xx' }),
};

/** By the attack; `attacker` has all others. */
const ROUTED: Readonly<Record<string, Routed>> = {
  'tftp-hold': BY_TFTP,
  'tftp-netascii': BY_TFTP,
  'dns-silent-zones': BY_DNS,
  'dns-random-names': BY_DNS,
  'dns-alongside': BY_DNS,
  'dns-tcp-idle': {},
  'boot-idle': {},
  'boot-slow-headers': {},
  'boot-slow-posts': {},
  'boot-pipelining': {},
  'boot-slow-readers': {},
  'metrics-idle': {},
  'amend-others': BY_THE_REGION,
  'api-connections': {},
  'api-slow-posts': {},
  'tls-slow-hello': {},
  'api-pipelining': {},
  'api-followers': {},
  'api-passwords': {},
  'api-sessions': {},
  'api-ordinary': {},
  'link-guesses': {},
  'enlist-flood': BY_THE_REGION,
};

/** Those of the cases that can be tried from there. */
export function routed(cases: readonly HostileCase[]): readonly HostileCase[] {
  return cases.flatMap((one): readonly HostileCase[] => {
    const routed = ROUTED[one.attack];
    if (routed === undefined || one.from !== 'attacker') return [];
    const { refused } = routed;
    const bites: Bites = (now, before) => refused?.(now, before) === true || one.bites(now, before);
    return [{ ...one, short: false, bites, from: 'far', attacker: `from behind a router ${one.attacker}` }];
  });
}
