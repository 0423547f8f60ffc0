// The events of the rack's wires (`neighbourhood.ts`): hosts that were seen, and answers to IPv6 router solicitations.

import type { EventKind, RackEvent } from '../../event.ts';

export const NET_EVENTS = {
  'net.neighbour-new': {
    level: 'debug',
    message: 'host seen',
    explanation:
      'A host was seen with this address for the first time on a network of this rack. `rackboot neighbours` lists all hosts. ' +
      'During a flood only a sample is published.',
  },
  'net.neighbour-moved': {
    level: 'info',
    message: 'address moved to another host',
    explanation:
      'A different hardware address (mac) than before (previous) uses an address. This is normal after a lease ended and another ' +
      'machine got the address, or after a network card was replaced. If the two keep taking turns, two hosts have the same address: ' +
      'find them with `rackboot neighbours`, and disconnect one of them.',
  },
  'net.host-found': {
    level: 'info',
    message: 'host answered a scan',
    explanation:
      'A host answered when an administrator had the networks of this rack scanned (`discovery/?op=scan`). The region lists it with the ' +
      'other hosts that racks heard (`discovery/`). A host with several addresses is reported once.',
  },
  'net.own-address-used': {
    level: 'error',
    message: 'another host uses an address of this rack',
    explanation:
      'A host with another hardware address (mac) sends or answers ARP for this rack’s own address. Machines that ask for the address may ' +
      'reach that host instead of the rack, and then get no files, no names and no renewals. Find the port of the hardware address in the ' +
      'address table of the switch, and give the host another address or disconnect it. A router with local proxy ARP, which answers for ' +
      'every address of the network, is reported as well: switch that off. Each host is reported once an hour; `rackboot status` and ' +
      '`rackboot doctor` show it until it was not seen for five minutes.',
  },
  'net.router-seen': {
    level: 'info',
    message: 'IPv6 router seen',
    explanation:
      'A real IPv6 router advertises itself on this network, so Rackboot leaves router solicitations to it. After 35 minutes without ' +
      'an advertisement, Rackboot again tells booting machines that there is no router, so that iPXE does not have to wait.',
  },
  'net.router-answered': {
    level: 'debug',
    message: 'machine told that there is no IPv6 router',
    explanation:
      'A booting machine looked for an IPv6 router on a network without one, and was told that there is none. Otherwise iPXE would wait ' +
      'about 13 s. Nothing needs to be done; `answer_router_solicitations: false` in the cluster interface turns this off.',
  },
  'net.router-answer-failed': {
    level: 'info',
    message: 'machine could not be told that there is no IPv6 router',
    explanation:
      'A booting machine looked for an IPv6 router and got no answer from this rack; it waits about 13 s and then continues. The reason ' +
      "is the operating system's error code, or host-forwards-ipv6: this host forwards IPv6 and may be a router itself, so Rackboot does " +
      'not answer for it. In that case let it advertise itself, or set `answer_router_solicitations: false`.',
  },
} as const satisfies Record<string, EventKind>;

type NetEventKind = keyof typeof NET_EVENTS;

/** An event of a wire. */
export interface NetEvent extends RackEvent {
  readonly kind: NetEventKind;
  readonly interface: string;
  /** For a moved address: the hardware address that had it before, as text. */
  readonly previous?: string | undefined;
  readonly reason?: string | undefined;
}
