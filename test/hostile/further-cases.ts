// Cases of the doors that are not on the machines' wire alone: the link of racks elsewhere, the port of boot servers, frames, and whoever asks
// in another's name.
//
// Floods of frames have tests of their own as well, closer to the sockets: wire-flood.test.ts (ARP, solicitations) and absent-hosts.test.ts
// (questions in the names of hosts that do not exist; the rows of `ghost` have a whole rack stand them).

import { AT_THE_REGION, type Bites, every, grown, type HostileCase, ON_THE_WIRE } from './case.ts';
import { VICTIM } from './site.ts';

const frames =
  (count: number): Bites =>
  (now, before) =>
    now.frames - before.frames >= count;

export const FURTHER_CASES: readonly HostileCase[] = [
  {
    door: 'TFTP',
    attacker: 'asks for files in the name of another host, and guesses what that would acknowledge',
    attack: 'tftp-blind',
    from: 'attacker',
    words: [VICTIM],
    bites: every(grown(20, 'rackboot_tftp_requests_total'), (now) => now.sum('rackboot_tftp_transfers_active') >= 20),
    withoutIt: 'tftp/transfer.ts SENDINGS_UNANSWERED_MAX: 300',
    others: { ...ON_THE_WIRE, 'a host in whose name others ask gets no more than is stated': 12 },
  },
  {
    door: 'DHCP',
    attacker: 'asks 4000 times a second for a boot server, each time as another machine',
    attack: 'proxy-requests',
    from: 'beside',
    bites: grown(5000, 'rackboot_dhcp_messages_total', { type: 'request' }),
    others: {
      ...ON_THE_WIRE,
      'a machine beside another DHCP server is told its loader': 8,
      'a newcomer gets an address': 15,
    },
  },
  {
    door: 'link',
    attacker: 'has no key of a rack and guesses one, over 64 connections',
    attack: 'link-guesses',
    from: 'attacker',
    bites: grown(500, 'rackboot_region_api_answers_total', { class: '4xx' }),
    others: { ...AT_THE_REGION, 'an accepted rack is heard': 5, 'an administrator signs in': 10 },
  },
  {
    door: 'link',
    attacker: 'has stolen the key of a rack, and says as much as it can over 64 connections',
    attack: 'link-stolen-key',
    from: 'attacker',
    bites: grown(150, 'rackboot_region_api_answers_total', { class: '2xx' }),
    others: { ...AT_THE_REGION, 'an accepted rack is heard': 5, 'an administrator signs in': 10 },
  },
  {
    door: 'wire',
    attacker: 'sends ARP of hosts that do not exist, as fast as it can',
    attack: 'wire-arp',
    from: 'attacker',
    bites: frames(50_000),
    short: false,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
  {
    door: 'wire',
    attacker: 'looks for an IPv6 router, as fast as it can',
    attack: 'wire-solicit',
    from: 'attacker',
    bites: frames(50_000),
    short: false,
    others: { ...ON_THE_WIRE, 'a newcomer gets an address': 15 },
  },
];
