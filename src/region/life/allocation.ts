// The constraints of an allocation, and whether a machine meets them. Pure.
//
// Source: the parameters of MAAS's `machines/?op=allocate` and `nodes/?op=acquire`.

import { listDisks } from '../layout/disks.ts';
import { describeLink } from '../layout/interfaces.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';

/** The constraints of an allocation; all must hold. */
export interface Constraints {
  readonly name?: string | undefined;
  readonly systemId?: string | undefined;
  /** `amd64`, or `amd64/generic`. */
  readonly architecture?: string | undefined;
  readonly cpuCount?: number | undefined;
  readonly memoryMib?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly notTags?: readonly string[] | undefined;
  /** A disk for each of these. */
  readonly disks?: readonly DiskWish[] | undefined;
  /** Mbit/s of an interface. */
  readonly linkSpeed?: number | undefined;
  readonly notSystemIds?: readonly string[] | undefined;
  readonly powerStates?: readonly string[] | undefined;
  /** In one of these zones, by id; 0: the default one. Likewise pools. */
  readonly zoneIds?: readonly number[] | undefined;
  readonly poolIds?: readonly number[] | undefined;
  readonly notZoneIds?: readonly number[] | undefined;
  readonly notPoolIds?: readonly number[] | undefined;
  /** `undefined`: any. */
  readonly isNetworkMet?: ((machine: Machine) => boolean) | undefined;
}

interface DiskWish {
  /** By which the answer names the disk. */
  readonly label: string | undefined;
  readonly bytes: number;
  readonly tags: readonly string[];
}

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
    placeDisks(machine, wanted.disks ?? []) !== undefined &&
    hasSpeed(machine, wanted.linkSpeed ?? 0) &&
    (wanted.powerStates?.includes(machine.powerState) ?? true) &&
    !(wanted.notSystemIds ?? []).includes(machine.systemId) &&
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

function hasSpeed(machine: Machine, least: number): boolean {
  if (least === 0) return true;
  const laid = machine.layout?.network?.interfaces ?? [];
  return machine.interfaces.some(({ id, mac }) => {
    const laidInterface = laid.find((candidate) => candidate.id === id);
    return describeLink(machine, { ...laidInterface, mac }).linkSpeed >= least;
  });
}

/**
 * A disk of its own for each wish, of both the largest first. @returns the index of each wish's
 * disk; `undefined`: there are not enough such disks
 */
function placeDisks(machine: Machine, wishes: readonly DiskWish[]): ReadonlyMap<DiskWish, number> | undefined {
  const disks = listDisks(machine);
  if (wishes.length > disks.length) return undefined;
  const places = disks
    .map((_, place) => place)
    .sort((a, b) => (disks[b]?.facts.bytes ?? 0) - (disks[a]?.facts.bytes ?? 0));
  const takenBy = new Map<number, DiskWish>();
  // A wish takes a free disk, or one whose wish can take another (Kuhn's algorithm). Each wish
  // tries each disk once.
  const place = (wish: DiskWish, tried: Set<number>): boolean => {
    const fitting = places.filter((place) => {
      const disk = disks[place];
      return disk !== undefined && disk.facts.bytes >= wish.bytes && wish.tags.every((tag) => disk.tags.includes(tag));
    });
    for (const position of [...fitting.filter((at) => !takenBy.has(at)), ...fitting]) {
      if (tried.has(position)) continue;
      tried.add(position);
      const other = takenBy.get(position);
      if (other !== undefined && !place(other, tried)) continue;
      takenBy.set(position, wish);
      return true;
    }
    return false;
  };
  const isMet = wishes.toSorted((a, b) => b.bytes - a.bytes).every((wish) => place(wish, new Set()));
  return isMet ? new Map([...takenBy].map(([at, wish]) => [wish, at])) : undefined;
}

const isAmong = (id = 0, wanted: readonly number[] | undefined, others: readonly number[] = []): boolean =>
  (wanted === undefined || wanted.includes(id)) && !others.includes(id);

export function matchStorage(machine: Machine, wishes: readonly DiskWish[]): ReadonlyMap<string, number> {
  const placed = placeDisks(machine, wishes) ?? new Map<DiskWish, number>();
  return new Map([...placed].flatMap(([{ label }, at]) => (label === undefined ? [] : [[label, at] as const])));
}

/**
 * Parses a text such as `root:50(ssd),100`; MAAS's clients write sizes in GB. `undefined` if it is
 * malformed.
 */
export function parseStorage(text: string): readonly DiskWish[] | undefined {
  const wishes: DiskWish[] = [];
  // A comma within brackets separates tags.
  const parts = text.match(/(?:[^,()]|\([^()]*\)|[()])+/g) ?? [];
  for (const part of parts.filter((part) => part.trim() !== '')) {
    const [, label, size, tags = ''] =
      /^(?:([A-Za-z0-9_-]+):)?(\d{1,7}(?:\.\d{1,3})?)(?:\(([^()]*)\))?$/.exec(part.trim()) ?? [];
    if (size === undefined) return undefined;
    const wanted = tags.split(',').map((tag) => tag.trim());
    wishes.push({ label, bytes: Number(size) * 1e9, tags: wanted.filter((tag) => tag !== '') });
  }
  return wishes;
}
