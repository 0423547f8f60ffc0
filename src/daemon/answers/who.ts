// Finds the machine that a command line names by hardware address, IP address, hostname, full name
// or system id.
//
// 1. An unknown name is answered with similar ones: a person may mistype a digit, or ask the wrong rack.

import type { Lease } from '../../dhcp/leases/lease.ts';
import { findReservationNamed, reservedNames } from '../../dhcp/leases/reserved-name.ts';
import type { ServedSubnet } from '../../dhcp/networks/subnet.ts';
import { formatIpv4, formatMac, type Ipv4, type MacAddress, parseIpv4, parseMac } from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine } from '../../machines/machine.ts';
import type { Timeline } from '../../observe/timeline.ts';

const SUGGESTIONS_MAX = 5;
const COMPARED_MACHINES_MAX = 4096;
const SEEN_ONLY = { allowUnseen: false } as const;

export interface MachineSources {
  readonly timeline: Timeline;
  readonly rack: () => MachineRack | undefined;
}

interface MachineRack {
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
  sources: MachineSources,
  query: URLSearchParams,
  options: { readonly allowUnseen: boolean } = SEEN_ONLY,
): NamedMachine {
  const wantedName = (query.get('machine') ?? '').trim();
  if (wantedName === '') {
    throw new RackError('bad-argument', 'name a machine by its hardware address, IP address, hostname or system id');
  }
  const rack = sources.rack();
  const mac = parseMac(wantedName);
  if (mac !== undefined) return findMac(sources, mac, wantedName, options.allowUnseen);
  const address = parseIpv4(wantedName);
  if (address !== undefined) {
    const holder = rack?.elsewhere.findMac(address) ?? rack?.findLease(address)?.mac;
    if (holder !== undefined) return { mac: holder, machine: rack?.machines.findByMac(holder) };
  }
  const machine = rack?.machines.all.find(
    ({ systemId, hostname, domain, addresses }) =>
      [systemId, hostname, `${hostname}.${domain}`].includes(wantedName.toLowerCase()) ||
      addresses.some((fixed) => fixed.address === address),
  );
  if (machine !== undefined) return { mac: findActiveMac(sources, machine), machine };
  const macOfName = rack === undefined ? undefined : findMacByName(rack, wantedName);
  if (macOfName !== undefined) return { mac: macOfName, machine: rack?.machines.findByMac(macOfName) };
  if (address !== undefined) {
    const problem = `no machine here has the address ${wantedName}; \`rackboot events\` shows refused requests from it`;
    throw new RackError('not-found', `${problem}; ${describeSuggestions(sources, undefined)}`);
  }
  const hint = composeNearestHint(wantedName.toLowerCase(), rack?.machines.all.map(({ hostname }) => hostname) ?? []);
  throw new RackError(
    'not-found',
    `no machine here is called ${wantedName}; ${hint}${describeSuggestions(sources, undefined)}`,
  );
}

/**
 * The hardware address with a hostname. A reservation's name takes precedence over the names that
 * clients report.
 * @throws RackError `not-found` when the name is reserved and no client has the address yet
 */
function findMacByName(rack: MachineRack, wantedName: string): MacAddress | undefined {
  const reservation = findReservationNamed(rack.served, wantedName);
  if (reservation !== undefined) {
    const { address, mac } = reservation;
    const lease = rack.findLease(address);
    const holder = lease !== undefined && reservedNames(rack.served)(lease) !== undefined ? lease.mac : mac;
    if (holder !== undefined) return holder;
    throw new RackError(
      'not-found',
      `${wantedName} is reserved for ${formatIpv4(address)}, which no client has taken yet`,
    );
  }
  for (const { mac, hostname } of rack.leases()) if (hostname?.toLowerCase() === wantedName.toLowerCase()) return mac;
  return undefined;
}

function findMac(sources: MachineSources, mac: MacAddress, wantedText: string, allowUnseen: boolean): NamedMachine {
  const machine = sources.rack()?.machines.findByMac(mac);
  const isKnown = machine !== undefined || sources.timeline.find(mac) !== undefined;
  if (isKnown || allowUnseen) return { mac, machine };
  throw new RackError(
    'not-found',
    `${wantedText} has not been seen since this rack started; ${describeSuggestions(sources, mac)}`,
  );
}

/** The machine's most recently active hardware address; if none was seen, that of its boot interface. */
function findActiveMac({ timeline }: MachineSources, machine: RackMachine): MacAddress {
  const heardCards = machine.macs
    .map((mac) => ({ mac, at: timeline.find(mac)?.at(-1)?.lastAt }))
    .filter(({ at }) => at !== undefined)
    .toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0));
  const [mac] = [...heardCards.map((card) => card.mac), ...machine.macs];
  if (mac === undefined) throw new RackError('not-found', `${machine.hostname} has no known hardware address`);
  return mac;
}

/** The seen hardware addresses most similar to the wanted one; if there are none, the most recent ones. */
function describeSuggestions({ timeline }: MachineSources, wantedMac: MacAddress | undefined): string {
  const seenMacs = timeline.latest(COMPARED_MACHINES_MAX).map(({ mac }) => mac);
  if (seenMacs.length === 0) return 'no machine has been seen yet: is it on a network that this rack serves?';
  const text = wantedMac === undefined ? '' : formatMac(wantedMac);
  const nearMacs = seenMacs
    .map((mac) => ({
      mac,
      differenceCount: [...formatMac(mac)].filter((character, index) => character !== text[index]).length,
    }))
    .filter(({ differenceCount }) => wantedMac === undefined || differenceCount <= 4)
    .toSorted((a, b) => a.differenceCount - b.differenceCount)
    .slice(0, SUGGESTIONS_MAX);
  const names = (nearMacs.length > 0 ? nearMacs.map(({ mac }) => mac) : seenMacs.slice(0, SUGGESTIONS_MAX)).map((mac) =>
    formatMac(mac),
  );
  return `${wantedMac !== undefined && nearMacs.length > 0 ? 'similar' : 'seen last'}: ${names.join(', ')}`;
}
