// Finds the machine that a command line names by hardware address, IP address, hostname, full name
// or system id.
//
// 1. An unknown name is answered with similar ones: a person may mistype a digit, or ask the wrong rack.

import type { Lease } from '../../dhcp/leases/lease.ts';
import { findReservationNamed, reservedNames } from '../../dhcp/leases/reserved-name.ts';
import type { ServedSubnet } from '../../dhcp/networks/subnet.ts';
import { formatIpv4, formatMac, type Ipv4, type MacAddress, parseIpv4, parseMac } from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import { nearestHint } from '../../ground/nearest-name.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine } from '../../machines/machine.ts';
import type { Timeline } from '../../observe/timeline.ts';

const NEAR_MAX = 5;
const NEAR_AMONG_MAX = 4096;
const SEEN = { allowUnseen: false } as const;

export interface WhoSources {
  readonly timeline: Timeline;
  readonly rack: () => AskedRack | undefined;
}

interface AskedRack {
  readonly machines: MachineDirectory;
  readonly served: readonly ServedSubnet[];
  readonly elsewhere: { readonly findMac: (address: Ipv4) => MacAddress | undefined };
  readonly leases: () => Iterable<Lease>;
  readonly findLease: (address: Ipv4) => Lease | undefined;
}

/** A machine's hardware address, and its record if the region knows it. */
export interface NamedMachine {
  readonly mac: MacAddress;
  readonly machine: RackMachine | undefined;
}

/**
 * Finds the machine named by the query's `machine` parameter.
 * @param options allowUnseen: accept a hardware address that has not been seen yet
 * @throws RackError `bad-argument`, or `not-found` with suggestions
 */
export function findNamedMachine(
  sources: WhoSources,
  query: URLSearchParams,
  options: { readonly allowUnseen: boolean } = SEEN,
): NamedMachine {
  const wanted = (query.get('machine') ?? '').trim();
  if (wanted === '') {
    throw new RackError('bad-argument', 'name a machine by its hardware address, IP address, hostname or system id');
  }
  const rack = sources.rack();
  const mac = parseMac(wanted);
  if (mac !== undefined) return findMac(sources, mac, wanted, options.allowUnseen);
  const address = parseIpv4(wanted);
  if (address !== undefined) {
    const holder = rack?.elsewhere.findMac(address) ?? rack?.findLease(address)?.mac;
    if (holder !== undefined) return { mac: holder, machine: rack?.machines.findByMac(holder) };
  }
  const machine = rack?.machines.all.find(
    ({ systemId, hostname, domain, addresses }) =>
      [systemId, hostname, `${hostname}.${domain}`].includes(wanted.toLowerCase()) ||
      addresses.some((fixed) => fixed.address === address),
  );
  if (machine !== undefined) return { mac: activeMac(sources, machine), machine };
  const named = rack === undefined ? undefined : macNamed(rack, wanted);
  if (named !== undefined) return { mac: named, machine: rack?.machines.findByMac(named) };
  if (address !== undefined) {
    const what = `no machine here has the address ${wanted}; \`rackboot events\` shows refused requests from it`;
    throw new RackError('not-found', `${what}; ${suggestions(sources, undefined)}`);
  }
  const hint = nearestHint(wanted.toLowerCase(), rack?.machines.all.map(({ hostname }) => hostname) ?? []);
  throw new RackError('not-found', `no machine here is called ${wanted}; ${hint}${suggestions(sources, undefined)}`);
}

/**
 * The hardware address with a hostname. A reservation's name takes precedence over the names that
 * clients report.
 * @throws RackError `not-found` when the name is reserved and no client has the address yet
 */
function macNamed(rack: AskedRack, wanted: string): MacAddress | undefined {
  const reservation = findReservationNamed(rack.served, wanted);
  if (reservation !== undefined) {
    const { address, mac } = reservation;
    const lease = rack.findLease(address);
    const holder = lease !== undefined && reservedNames(rack.served)(lease) !== undefined ? lease.mac : mac;
    if (holder !== undefined) return holder;
    throw new RackError('not-found', `${wanted} is reserved for ${formatIpv4(address)}, which no client has taken yet`);
  }
  for (const { mac, hostname } of rack.leases()) if (hostname?.toLowerCase() === wanted.toLowerCase()) return mac;
  return undefined;
}

function findMac(sources: WhoSources, mac: MacAddress, wanted: string, allowUnseen: boolean): NamedMachine {
  const machine = sources.rack()?.machines.findByMac(mac);
  const isKnown = machine !== undefined || sources.timeline.find(mac) !== undefined;
  if (isKnown || allowUnseen) return { mac, machine };
  throw new RackError('not-found', `${wanted} has not been seen since this rack started; ${suggestions(sources, mac)}`);
}

/** The machine's most recently active hardware address; if none was seen, that of its boot interface. */
function activeMac({ timeline }: WhoSources, machine: RackMachine): MacAddress {
  const heard = machine.macs
    .map((mac) => ({ mac, at: timeline.find(mac)?.at(-1)?.lastAt }))
    .filter(({ at }) => at !== undefined)
    .toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0));
  const [mac] = [...heard.map((card) => card.mac), ...machine.macs];
  if (mac === undefined) throw new RackError('not-found', `${machine.hostname} has no known hardware address`);
  return mac;
}

/** The seen hardware addresses most similar to the wanted one; if there are none, the most recent ones. */
function suggestions({ timeline }: WhoSources, wanted: MacAddress | undefined): string {
  const seenMacs = timeline.latest(NEAR_AMONG_MAX).map(({ mac }) => mac);
  if (seenMacs.length === 0) return 'no machine has been seen yet: is it on a network that this rack serves?';
  const text = wanted === undefined ? '' : formatMac(wanted);
  const near = seenMacs
    .map((mac) => ({ mac, differing: [...formatMac(mac)].filter((character, at) => character !== text[at]).length }))
    .filter(({ differing }) => wanted === undefined || differing <= 4)
    .toSorted((a, b) => a.differing - b.differing)
    .slice(0, NEAR_MAX);
  const names = (near.length > 0 ? near.map(({ mac }) => mac) : seenMacs.slice(0, NEAR_MAX)).map((mac) =>
    formatMac(mac),
  );
  return `${wanted !== undefined && near.length > 0 ? 'similar' : 'seen last'}: ${names.join(', ')}`;
}
