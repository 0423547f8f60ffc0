// Who is meant on a command line: a machine by its hardware address, address, hostname, full name or system id.
//
// 1. What is not known is answered with what is near it: a person mistypes one digit, or looks at the wrong rack.

import type { Lease } from '../../dhcp/leases/lease.ts';
import { findReservationNamed, reservedNames } from '../../dhcp/leases/reserved-name.ts';
import type { ServedSubnet } from '../../dhcp/networks/subnet.ts';
import { RackError } from '../../errors.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine } from '../../machines/machine.ts';
import { formatIpv4, formatMac, type Ipv4, type MacAddress, parseIpv4, parseMac } from '../../net/address.ts';
import type { Timeline } from '../../observe/timeline.ts';

/** Machines named as near misses. */
const NEAR_MAX = 5;
/** Machines among which near misses are looked for. */
const NEAR_AMONG_MAX = 4096;
const HEARD = { mayCome: false } as const;

export interface WhoSources {
  readonly timeline: Timeline;
  readonly rack: () => AskedRack | undefined;
}

/** What of a running rack is asked. */
interface AskedRack {
  readonly machines: MachineDirectory;
  readonly served: readonly ServedSubnet[];
  readonly elsewhere: { readonly macOf: (address: Ipv4) => MacAddress | undefined };
  readonly leases: () => Iterable<Lease>;
  readonly findLease: (address: Ipv4) => Lease | undefined;
}

/** A machine by its hardware address, and what the region says of it. */
export interface Who {
  readonly mac: MacAddress;
  readonly machine: RackMachine | undefined;
}

/**
 * Finds the machine that `machine` of a query names.
 * @param terms mayCome: a hardware address will do although nothing was heard of it yet
 * @throws RackError `bad-argument`, `not-found` with what is near
 */
export function whoIs(sources: WhoSources, query: URLSearchParams, terms: { readonly mayCome: boolean } = HEARD): Who {
  const wanted = (query.get('machine') ?? '').trim();
  if (wanted === '') {
    throw new RackError('bad-argument', 'name a machine: a hardware address, an address, a hostname or a system id');
  }
  const rack = sources.rack();
  const mac = parseMac(wanted);
  if (mac !== undefined) return whoseMac(sources, mac, wanted, terms.mayCome);
  const address = parseIpv4(wanted);
  if (address !== undefined) {
    const holder = rack?.elsewhere.macOf(address) ?? rack?.findLease(address)?.mac;
    if (holder !== undefined) return { mac: holder, machine: rack?.machines.findByMac(holder) };
  }
  const machine = rack?.machines.all.find(
    ({ systemId, hostname, domain, addresses }) =>
      [systemId, hostname, `${hostname}.${domain}`].includes(wanted.toLowerCase()) ||
      addresses.some((fixed) => fixed.address === address),
  );
  if (machine !== undefined) return { mac: heardMac(sources, machine), machine };
  const named = rack === undefined ? undefined : macNamed(rack, wanted);
  if (named !== undefined) return { mac: named, machine: rack?.machines.findByMac(named) };
  if (address !== undefined) {
    const what = `no machine here has the address ${wanted}, so there is no trace of it; \`rackboot events\` names it in what it was refused`;
    throw new RackError('not-found', `${what}; ${nearText(sources, undefined)}`);
  }
  throw new RackError('not-found', `nothing here is called ${wanted}; ${nearText(sources, undefined)}`);
}

/**
 * Whose name it is: the operator's word comes before what a client calls itself.
 * @throws RackError `not-found` when the name is reserved and nobody has the address
 */
function macNamed(rack: AskedRack, wanted: string): MacAddress | undefined {
  const reservation = findReservationNamed(rack.served, wanted);
  if (reservation !== undefined) {
    const { address, mac } = reservation;
    const lease = rack.findLease(address);
    const holder = lease !== undefined && reservedNames(rack.served)(lease) !== undefined ? lease.mac : mac;
    if (holder !== undefined) return holder;
    throw new RackError(
      'not-found',
      `${wanted} is the name of a reservation, ${formatIpv4(address)}, that nobody has taken yet`,
    );
  }
  for (const { mac, hostname } of rack.leases()) if (hostname?.toLowerCase() === wanted.toLowerCase()) return mac;
  return undefined;
}

function whoseMac(sources: WhoSources, mac: MacAddress, wanted: string, mayCome: boolean): Who {
  const machine = sources.rack()?.machines.findByMac(mac);
  const known = machine !== undefined || sources.timeline.find(mac) !== undefined;
  if (known || mayCome) return { mac, machine };
  throw new RackError('not-found', `nothing was heard of ${wanted} since this rack started; ${nearText(sources, mac)}`);
}

/** Of a machine's addresses the one that was heard of last, else its boot interface's. */
function heardMac({ timeline }: WhoSources, machine: RackMachine): MacAddress {
  const heard = machine.macs
    .map((mac) => ({ mac, at: timeline.find(mac)?.at(-1)?.lastAt }))
    .filter(({ at }) => at !== undefined)
    .toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0));
  const [mac] = [...heard.map((one) => one.mac), ...machine.macs];
  if (mac === undefined) throw new RackError('not-found', `${machine.hostname} has no hardware address to look for`);
  return mac;
}

/** What was seen instead: addresses that differ least from the one wanted, else those heard of last. */
function nearText({ timeline }: WhoSources, wanted: MacAddress | undefined): string {
  const seenMacs = timeline.latest(NEAR_AMONG_MAX).map(({ mac }) => mac);
  if (seenMacs.length === 0) return 'no machine was heard of at all: is it on a network that this rack serves?';
  const text = wanted === undefined ? '' : formatMac(wanted);
  const near = seenMacs
    .map((mac) => ({ mac, differing: [...formatMac(mac)].filter((character, at) => character !== text[at]).length }))
    .filter(({ differing }) => wanted === undefined || differing <= 4)
    .toSorted((a, b) => a.differing - b.differing)
    .slice(0, NEAR_MAX);
  const names = (near.length > 0 ? near.map(({ mac }) => mac) : seenMacs.slice(0, NEAR_MAX)).map((mac) =>
    formatMac(mac),
  );
  return `${wanted !== undefined && near.length > 0 ? 'near it' : 'heard of last'}: ${names.join(', ')}`;
}
