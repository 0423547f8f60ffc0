// The attacks of cases.ts once more, from behind a router: 64 addresses of one network that the rack does not serve. What the rack refuses to
// strangers must cost the others nothing, either. A few run in `npm test`, all of them in the long suite.

import { type Bites, grown, type HostileCase } from './case.ts';

/** What differs there. */
interface Routed {
  /** How it is seen that the attack is there; left out: as on the wire. */
  readonly bites?: Bites;
  readonly short?: true;
}

const refusedByTftp = grown(2000, 'rackboot_tftp_refusals_total', { reason: 'network' });
const refusedByDns = grown(3000, 'rackboot_dns_refusals_total', { reason: 'stranger' });
const refusedByTheRegion = grown(100, 'rackboot_region_api_answers_total', { class: '4xx' });

/** By the attack; `attacker` has all others. */
const ROUTED: Readonly<Record<string, Routed>> = {
  'tftp-hold': { bites: refusedByTftp, short: true },
  'tftp-netascii': { bites: refusedByTftp },
  'dns-silent-zones': { bites: refusedByDns, short: true },
  'dns-random-names': { bites: refusedByDns },
  'dns-beside': { bites: refusedByDns },
  'dns-tcp-idle': { short: true },
  'boot-idle': { short: true },
  'boot-slow-headers': {},
  'boot-slow-posts': {},
  'boot-pipelining': {},
  'boot-slow-readers': {},
  'metrics-idle': {},
  'amend-others': { bites: refusedByTheRegion },
  'api-connections': {},
  'api-slow-posts': { short: true },
  'api-pipelining': {},
  'api-followers': {},
  'api-passwords': {},
  'api-sessions': {},
  'api-ordinary': {},
  'link-guesses': {},
  'enlist-flood': { bites: refusedByTheRegion },
};

/** Those of the cases that can be tried from there. */
export function routed(cases: readonly HostileCase[]): readonly HostileCase[] {
  return cases.flatMap(({ withoutIt: _onTheWire, ...one }): readonly HostileCase[] => {
    const { bites = one.bites, short } = ROUTED[one.attack] ?? {};
    if (ROUTED[one.attack] === undefined || one.from !== 'attacker') return [];
    const more = short === true ? {} : { short: false as const };
    return [{ ...one, ...more, bites, from: 'far', attacker: `from behind a router ${one.attacker}` }];
  });
}
