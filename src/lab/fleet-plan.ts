// The plan of a fleet: each machine's hardware, and the state to which the lab brings it. Pure.

import type { HardwareKind } from './simulated-hardware.ts';

/** The state to which the lab brings a machine; `new`: it waits to be accepted. */
export type MachineGoal = 'new' | 'ready' | 'allocated' | 'deployed' | 'failed' | 'broken' | 'rescue';

export interface PlannedMachine {
  readonly hostname: string;
  readonly kind: HardwareKind;
  readonly goal: MachineGoal;
  /** The index of its rack, from 0. */
  readonly rack: number;
}

export const FLEET_MACHINES_MAX = 200;
export const FLEET_RACKS_MAX = 4;

const MIB_PER_GIB = 1024;
const TERABYTE = 1_000_000_000_000;

interface Role {
  readonly name: string;
  readonly kind: HardwareKind;
}

const ssdHardware = (
  product: string,
  cpuCount: number,
  memoryGib: number,
  disks: number,
  terabytes: number,
): HardwareKind => ({
  product: `${product}, simulated`,
  cpuCount,
  memoryMib: memoryGib * MIB_PER_GIB,
  disks,
  diskBytes: terabytes * TERABYTE,
  rotational: false,
});

const ROLES: readonly Role[] = [
  { name: 'web', kind: ssdHardware('Web server', 8, 32, 1, 0.48) },
  { name: 'db', kind: ssdHardware('Database server', 32, 256, 2, 1.92) },
  { name: 'web', kind: ssdHardware('Web server', 8, 32, 1, 0.48) },
  { name: 'node', kind: ssdHardware('Compute node', 64, 512, 1, 0.96) },
  { name: 'store', kind: { ...ssdHardware('Storage server', 16, 64, 12, 8), rotational: true } },
];

/** Most machines of a fleet are deployed or ready; the other states are rare. */
const GOALS: readonly MachineGoal[] = [
  ...(['deployed', 'ready', 'new', 'deployed', 'failed', 'deployed', 'ready', 'allocated', 'deployed', 'new'] as const),
  ...(['broken', 'deployed', 'ready', 'deployed', 'rescue', 'deployed', 'new', 'ready', 'deployed', 'ready'] as const),
];

/** The machines of a fleet, always the same: `web-1`, `db-1`, `web-2` …, assigned to the racks in turn. */
export function planFleet(machines: number, racks: number): readonly PlannedMachine[] {
  const lastNumbers = new Map<string, number>();
  return Array.from({ length: machines }, (_, index) => {
    const { name, kind } = ROLES[index % ROLES.length] ?? { name: 'node', kind: ssdHardware('Machine', 4, 8, 1, 0.24) };
    const number = (lastNumbers.get(name) ?? 0) + 1;
    lastNumbers.set(name, number);
    return { hostname: `${name}-${number}`, kind, goal: GOALS[index % GOALS.length] ?? 'new', rack: index % racks };
  });
}
