// Cases of the doors that are not only on the machines' wire: the link of remote racks, the port of boot servers, frames, and hosts that ask
// in another's name.
//
// Floods of frames also have tests closer to the sockets: wire-flood.test.ts (ARP, solicitations) and absent-hosts.test.ts
// (questions in the names of hosts that do not exist; the rows of `ghost` test a whole rack against them).

import { AT_THE_REGION, type Bites, connected, every, grown, type HostileCase, ON_THE_WIRE, unsent } from './case.ts';
import { HOLDER_MAC, KNOWN_ADDRESS, NEW_MACHINES_MAX, VICTIM } from './site.ts';

const frames =
  (count: number): Bites =>
  (now, before) =>
    now.frames - before.frames >= count;

export const FURTHER_CASES: readonly HostileCase[] = [
  {
    door: 'region',
    attacker:
      'has an account without rights, creates machines with the largest description, and lists them over 8 connections',
    attack: 'api-lists',
    from: 'attacker',
    words: (site) => [site.ordinaryKey],
    bites: grown(94, 'rackboot_region_api_answers_total', { class: '2xx' }),
    keeps: {
      what: 'the memory of the daemon is bounded',
      // Of the region's thread, the heap alone is bounded by 512 MiB (`daemon/rack/region-side.ts`).
      isTrue: (now, _before, attackers) =>
        now.sum('process_resident_memory_bytes') < (attackers === 1 ? 600 : 900) * 2 ** 20,
    },
    short: false,
    others: { ...ON_THE_WIRE, ...AT_THE_REGION, 'an administrator signs in': 10 },
  },
  {
    door: 'TFTP',
    attacker: 'asks for files in the name of another host, and guesses its acknowledgements',
    attack: 'tftp-blind',
    from: 'attacker',
    words: [VICTIM],
    bites: every(grown(20, 'rackboot_tftp_requests_total'), (now) => now.sum('rackboot_tftp_transfers_active') >= 20),
    short: false,
    others: { ...ON_THE_WIRE, 'a host in whose name others ask gets at most the stated octets': 12 },
  },
  {
    door: 'TFTP',
    attacker: 'reports from behind a router that datagrams to a machine must be small',
    attack: 'small-path',
    from: 'far',
    words: [KNOWN_ADDRESS],
    bites: frames(100),
    others: ON_THE_WIRE,
  },
  {
    door: 'DHCP',
    attacker:
      'pretends, from another served network, to be a relay agent of the shared network, and releases the leases of others',
    attack: 'forged-relay',
    from: 'proxied',
    words: ['10.77.8.2', '10.77.9.0', HOLDER_MAC],
    bites: every(
      grown(1000, 'rackboot_dhcp_messages_total', { type: 'release' }),
      grown(1000, 'rackboot_dhcp_messages_total', { type: 'discover' }),
    ),
    short: false,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15, 'a held lease stays with its client': 3 },
  },
  {
    door: 'DHCP',
    attacker:
      'speaks, without a relay agent, for a network in another shared network by option 118 and ciaddr, takes its range and declines the addresses of others',
    attack: 'other-wire',
    from: 'proxied',
    words: ['10.79.0.255', '10.77.8.1', '10.77.8.0', '10.77.9.0', HOLDER_MAC],
    bites: every(
      grown(1000, 'rackboot_dhcp_messages_total', { type: 'decline' }),
      grown(2000, 'rackboot_dhcp_messages_total', { type: 'request' }),
    ),
    // Only the owner of the lease counts.
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15, 'a held lease stays with its client': 10 },
  },
  {
    door: 'DHCP',
    attacker: 'asks for a boot server, each time as another machine and in the names of hosts that do not exist',
    attack: 'proxy-requests',
    from: 'proxied',
    bites: every(unsent('dhcp'), grown(5000, 'rackboot_dhcp_messages_total', { type: 'request' })),
    short: false,
    others: {
      ...ON_THE_WIRE,
      'a machine that another DHCP server serves gets its loader': 8,
      'a newcomer gets an address': 15,
    },
  },
  {
    door: 'link',
    attacker: 'has no key of a rack and guesses one, over 2400 connections, with reports that never end',
    attack: 'link-guesses',
    from: 'attacker',
    bites: every(connected(1500, 5240), grown(500, 'rackboot_region_api_answers_total', { class: '4xx' })),
    short: false,
    others: { ...AT_THE_REGION, 'an accepted rack is heard': 5, 'an administrator signs in': 10 },
  },
  {
    door: 'link',
    attacker:
      'has stolen the key of a rack, sends as much as it can over 64 connections, and requests that never end over as many others as it gets',
    attack: 'link-stolen-key',
    from: 'attacker',
    bites: every(connected(1500, 5240), grown(150, 'rackboot_region_api_answers_total', { class: '2xx' })),
    short: false,
    others: { ...AT_THE_REGION, 'an accepted rack is heard': 5, 'an administrator signs in': 10 },
  },
  {
    door: 'link',
    attacker: 'has stolen the key of a rack, and reports a thousand machines with 64 cards each, again and again',
    attack: 'link-stolen-batch',
    from: 'attacker',
    bites: grown(2, 'rackboot_region_api_answers_total', { class: '2xx' }),
    short: false,
    others: { ...AT_THE_REGION, 'an accepted rack is heard': 2 },
  },
  {
    door: 'link',
    attacker: 'has no key, and registers racks with a quarter of a megabyte of networks, different each time',
    attack: 'rack-loud',
    from: 'attacker',
    short: false,
    bites: grown(100, 'rackboot_region_api_answers_total'),
    others: { ...AT_THE_REGION, 'an accepted rack is heard': 2, 'a rack asks to be accepted': 10 },
  },
  {
    door: 'wire',
    attacker: 'boots as machines that do not exist, reports each and releases its lease',
    attack: 'boot-as-new',
    from: 'attacker',
    leavesMachines: true,
    // All places are taken, and more are asked for.
    bites: (now, before) =>
      now.sum('rackboot_region_api_answers_total', { class: '2xx' }) +
        now.sum('rackboot_region_api_refusals_total', { reason: 'new-machines-limit' }) -
        before.sum('rackboot_region_api_answers_total', { class: '2xx' }) -
        before.sum('rackboot_region_api_refusals_total', { reason: 'new-machines-limit' }) >=
      NEW_MACHINES_MAX + 20,
    short: false,
    others: { ...ON_THE_WIRE, 'an unknown machine boots and is listed': 30 },
  },
  {
    door: 'wire',
    attacker: 'sends ARP of hosts that do not exist, as fast as it can',
    attack: 'wire-arp',
    from: 'attacker',
    bites: frames(50_000),
    short: false,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15, 'a newcomer gets no address in use': 30 },
  },
  {
    door: 'wire',
    attacker: 'looks for an IPv6 router, as fast as it can',
    attack: 'wire-solicit',
    from: 'attacker',
    bites: frames(50_000),
    short: false,
    others: { ...ON_THE_WIRE, 'a booting machine learns that there is no IPv6 router': 30 },
  },
];
