// The constraints of an allocation, and whether a machine meets them. Pure.
//
// Source: the parameters of MAAS's `machines/?op=allocate` and `nodes/?op=acquire`.

import type { Machine } from '../records/machine.ts';
import { machineFqdn } from '../records/machine.ts';

/** The constraints of one allocation; all given ones must hold. */
export interface Constraints {
  /** Hostname, with or without its domain. */
  readonly name?: string | undefined;
  readonly systemId?: string | undefined;
  /** `amd64`, or `amd64/generic`. */
  readonly architecture?: string | undefined;
  /** Minimum number of processors. */
  readonly cpuCount?: number | undefined;
  /** Minimum memory in MiB. */
  readonly memoryMib?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly notTags?: readonly string[] | undefined;
  /** Minimum size of one disk each. */
  readonly diskBytes?: readonly number[] | undefined;
  /** In one of these zones, by id; 0: the default one. Likewise pools. */
  readonly zoneIds?: readonly number[] | undefined;
  readonly poolIds?: readonly number[] | undefined;
  /** In none of these. */
  readonly notZoneIds?: readonly number[] | undefined;
  readonly notPoolIds?: readonly number[] | undefined;
  /** Whether its network is as wanted; `undefined`: any. */
  readonly isNetworkMet?: ((machine: Machine) => boolean) | undefined;
}

/** True if the machine meets all constraints. */
export function meets(machine: Machine, wanted: Constraints): boolean {
  const tags = new Set(machine.tags.map(({ name }) => name));
  const name = wanted.name?.toLowerCase();
  return (
    (name === undefined || name === machine.hostname || name === machineFqdn(machine)) &&
    (wanted.systemId === undefined || wanted.systemId === machine.systemId) &&
    isOfArchitecture(machine, wanted.architecture) &&
    (machine.facts?.cpu.count ?? 0) >= (wanted.cpuCount ?? 0) &&
    (machine.facts?.memory_mib ?? 0) >= (wanted.memoryMib ?? 0) &&
    (wanted.tags ?? []).every((tag) => tags.has(tag)) &&
    !(wanted.notTags ?? []).some((tag) => tags.has(tag)) &&
    hasDisks(machine, wanted.diskBytes ?? []) &&
    isAmong(machine.zoneId, wanted.zoneIds, wanted.notZoneIds) &&
    isAmong(machine.poolId, wanted.poolIds, wanted.notPoolIds) &&
    (wanted.isNetworkMet?.(machine) ?? true)
  );
}

function isOfArchitecture(machine: Machine, wanted: string | undefined): boolean {
  if (wanted === undefined || wanted === '') return true;
  const [architecture, subarchitecture] = wanted.toLowerCase().split('/');
  return (
    machine.architecture === architecture &&
    (subarchitecture === undefined || machine.subarchitecture === subarchitecture)
  );
}

/** Compares the largest requested size with the largest disk, the second with the second, and so on. */
function hasDisks(machine: Machine, wanted: readonly number[]): boolean {
  const descending = (a: number, b: number): number => b - a;
  const disks = (machine.facts?.disks ?? []).map(({ bytes }) => bytes).sort(descending);
  return wanted.toSorted(descending).every((bytes, index) => (disks[index] ?? -1) >= bytes);
}

const isAmong = (id = 0, wanted: readonly number[] | undefined, others: readonly number[] = []): boolean =>
  (wanted === undefined || wanted.includes(id)) && !others.includes(id);

/** The disk for each label of a valid `storage` text, as an index into the disks of the machine's facts. */
export function matchStorage(machine: Machine, text: string): ReadonlyMap<string, number> {
  const wishes = text.split(',').flatMap((part) => {
    const [, label, size] = /^(?:([A-Za-z0-9_-]+):)?([\d.]+)$/.exec(part.trim()) ?? [];
    return size === undefined ? [] : [{ label, bytes: Number(size) * 1e9 }];
  });
  const disks = (machine.facts?.disks ?? []).map(({ bytes }, place) => ({ bytes, place }));
  const descending = (a: { readonly bytes: number }, b: { readonly bytes: number }): number => b.bytes - a.bytes;
  disks.sort(descending);
  const matched = new Map<string, number>();
  wishes.toSorted(descending).forEach(({ label }, index) => {
    const disk = disks[index];
    if (label !== undefined && disk !== undefined) matched.set(label, disk.place);
  });
  return matched;
}

/**
 * The sizes in bytes from a `storage` text such as `root:50,100`, which MAAS's clients write in GB. `undefined` if it is malformed or has
 * tags.
 */
export function parseStorage(text: string): readonly number[] | undefined {
  const sizes: number[] = [];
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const size = /^(?:[A-Za-z0-9_-]+:)?(\d{1,7}(?:\.\d{1,3})?)$/.exec(part.trim())?.[1];
    if (size === undefined) return undefined;
    sizes.push(Number(size) * 1e9);
  }
  return sizes;
}
