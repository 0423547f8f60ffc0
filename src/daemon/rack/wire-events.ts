// What the rack tells of its wires (`neighbourhood.ts`): hosts that are seen, and IPv6 routers that are not there.

import type { EventKind, RackEvent } from '../../event.ts';

export const NET_EVENTS = {
  'net.neighbour-new': {
    level: 'debug',
    message: 'host seen',
    explanation:
      'A host was seen for the first time on a network of this rack, with this address. `rackboot neighbours` lists all of them. ' +
      'In a flood only some are published.',
  },
  'net.neighbour-moved': {
    level: 'info',
    message: 'address belongs to another host now',
    explanation:
      'An address is used by another hardware address (mac) than before (previous). That is as it should be where a lease ended and ' +
      'another machine got the address, or where a network card was changed. Where the two go on taking turns, two hosts have the ' +
      'same address: find them with `rackboot neighbours`, and take one of them off the network.',
  },
  'net.router-seen': {
    level: 'info',
    message: 'IPv6 router seen',
    explanation:
      'A real IPv6 router sends its advertisements on this network, so machines that look for one are left to it. If it stays silent ' +
      'for 35 minutes, Rackboot tells machines that boot that there is none, so that iPXE need not wait.',
  },
  'net.router-answered': {
    level: 'debug',
    message: 'machine told that there is no IPv6 router',
    explanation:
      'A machine that boots looked for an IPv6 router on a network that has none, and was told so. iPXE waits about 13 s otherwise. ' +
      'Nothing needs to be done; `answer_router_solicitations: false` of the cluster interface ends it.',
  },
  'net.router-answer-failed': {
    level: 'info',
    message: 'machine could not be told that there is no IPv6 router',
    explanation:
      'A machine that boots looked for an IPv6 router and got no answer from this rack; it waits about 13 s and boots on. The reason is ' +
      "the operating system's error code, or host-forwards-ipv6: this host forwards IPv6, so it may be a router itself, and is left to " +
      'say so. In that case let it advertise, or say `answer_router_solicitations: false`.',
  },
} as const satisfies Record<string, EventKind>;

export type NetEventKind = keyof typeof NET_EVENTS;

/** An event of a wire. */
export interface NetEvent extends RackEvent {
  readonly kind: NetEventKind;
  readonly interface: string;
  /** A moved address: the hardware address that had it before, as text. */
  readonly previous?: string | undefined;
  readonly reason?: string | undefined;
}
