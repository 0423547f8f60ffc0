// Facts of this host that matter to a rack: rights, ports and their owners, interfaces, kernel
// limits. Everything is read; nothing is opened, bound or changed. Sources: proc(5),
// capabilities(7), sysfs.
//
// 1. An unreadable fact is undefined, never an exception: the doctor then reports nothing about it.

import { accessSync, constants, statfsSync } from 'node:fs';
import type { RackConfig } from '../config/rack-config.ts';
import { type ConfigWithPorts, listRegionPorts, listWantedPorts } from '../config/wanted-ports.ts';
import { statIfVisible } from '../files/seen-stats.ts';
import { ANY, type Ipv4, isLoopback } from '../ground/address.ts';
import { readHostText } from '../net/kernel-text.ts';
import { readSystemdUnit } from '../net/port-owner.ts';
import { findPortConflicts, type PortConflict, type WantedPort } from '../net/ports/taken-ports.ts';
import { readHostInterfaces } from '../net/present-interfaces.ts';
import { DRIVER_PROGRAMS, type DriverProgram, findMissingPrograms } from '../power/programs.ts';

/** The process whose rights count: the running rack, or this command. */
export interface Actor {
  readonly pid: number;
  readonly isRack: boolean;
  /** Its systemd unit: `rackboot.service`. */
  readonly unit: string | undefined;
  /** Effective capabilities, one bit each. */
  readonly capabilities: bigint | undefined;
  /** The label by which AppArmor or SELinux confines it; undefined if it is not confined. */
  readonly confinement: string | undefined;
}

interface InterfaceFacts {
  readonly name: string;
  readonly exists: boolean;
  readonly up: boolean;
  readonly addresses: readonly Ipv4[];
}

/** A note of the running rack. */
interface RackNote {
  readonly note: string;
  readonly text: string;
}

export interface HostFacts {
  readonly actor: Actor;
  readonly ports: readonly WantedPort[];
  readonly interfaces: readonly InterfaceFacts[];
  /** The first port that needs no privilege. */
  readonly unprivilegedPortMin: number;
  /** net.core.rmem_max in bytes. */
  readonly receiveBufferBytesMax: number | undefined;
  /** net.core.wmem_max in bytes. */
  readonly sendBufferBytesMax: number | undefined;
  /** net.ipv4.neigh.default.gc_thresh3: the size of the kernel's ARP table, in hosts. */
  readonly neighboursMax: number | undefined;
  readonly stateDir: { readonly exists: boolean; readonly writable: boolean; readonly freeBytes: number | undefined };
  /** The running rack's notes about this host. */
  readonly notes: readonly RackNote[];
  /** Power drivers that lack programs on this host; empty if a remote region switches the machines. */
  readonly driversWithoutPrograms: readonly DriverWithoutPrograms[];
}

/** A power driver that lacks a program. */
export interface DriverWithoutPrograms {
  readonly driver: string;
  readonly missing: readonly DriverProgram[];
  /** The number of machines with this driver; undefined if it is unknown. */
  readonly machines: number | undefined;
}

/** Facts from the running rack. */
export interface RunningFacts {
  readonly pid: number;
  readonly noted: readonly RackNote[];
  /** The driver of each machine (`power_type`); undefined if the region does not answer. */
  readonly powerTypes?: readonly string[] | undefined;
}

/** Reads the facts. `running` is undefined if no rack answers. */
export function readHostFacts(config: RackConfig, running: RunningFacts | undefined): HostFacts {
  const actor = readActor(running);
  return {
    actor,
    ports: listWantedPorts(config),
    interfaces: config.clusterInterfaces.flatMap(({ interfaceName }) =>
      interfaceName === undefined ? [] : [readInterface(interfaceName)],
    ),
    unprivilegedPortMin: readNumber('/proc/sys/net/ipv4/ip_unprivileged_port_start') ?? 1024,
    receiveBufferBytesMax: readNumber('/proc/sys/net/core/rmem_max'),
    sendBufferBytesMax: readNumber('/proc/sys/net/core/wmem_max'),
    neighboursMax: readNumber('/proc/sys/net/ipv4/neigh/default/gc_thresh3'),
    stateDir: readStateDir(config.stateDir, actor),
    notes: running?.noted ?? [],
    driversWithoutPrograms: config.uplink.mode === 'remote' ? [] : findDriversWithoutPrograms(running?.powerTypes),
  };
}

function findDriversWithoutPrograms(powerTypes: readonly string[] | undefined): readonly DriverWithoutPrograms[] {
  return [...DRIVER_PROGRAMS.keys()].flatMap((driver) => {
    const missing = findMissingPrograms(driver);
    const machines = powerTypes?.filter((type) => type === driver).length;
    return missing.length === 0 ? [] : [{ driver, missing, machines }];
  });
}

/** What keeps listeners of a configuration from being opened on this host now. */
export interface PortFacts {
  /** The listeners of the region and of the metrics at addresses that this host lacks. */
  readonly absent: readonly WantedPort[];
  readonly portHolders: readonly PortConflict[];
}

/**
 * Reads what keeps listeners from being opened. Addresses of the rack's own networks are left out,
 * because `judgeInterfaces` judges them.
 */
export function readPorts(config: ConfigWithPorts, running: Pick<RunningFacts, 'pid'> | undefined): PortFacts {
  const rackAddresses = new Set((config.clusterInterfaces ?? []).map(({ ip }) => ip));
  const hostAddresses = new Set(
    readHostInterfaces().flatMap(({ addresses }) => addresses.map(({ address }) => address)),
  );
  const isAbsent = ({ address }: WantedPort): boolean =>
    address !== ANY && !isLoopback(address) && !hostAddresses.has(address) && !rackAddresses.has(address);
  const allowedHolder = { pid: running?.pid, isHidden: running !== undefined };
  return {
    absent: listRegionPorts(config).filter(isAbsent),
    portHolders: findPortConflicts(listWantedPorts(config), allowedHolder),
  };
}

function readActor(running: Pick<RunningFacts, 'pid'> | undefined): Actor {
  const pid = running?.pid ?? process.pid;
  const status = readHostText(`/proc/${pid}/status`);
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  const confinement = readHostText(`/proc/${pid}/attr/current`)?.replaceAll('\0', '').trim();
  return {
    pid,
    isRack: running !== undefined,
    unit: readSystemdUnit(pid),
    capabilities: effective === undefined ? undefined : BigInt(`0x${effective}`),
    confinement: confinement === '' || confinement === 'unconfined' ? undefined : confinement,
  };
}

function readInterface(name: string): InterfaceFacts {
  const hostInterface = readHostInterfaces().find((each) => each.name === name);
  const addresses = hostInterface?.addresses.map(({ address }) => address) ?? [];
  return { name, exists: hostInterface !== undefined, up: hostInterface?.up === true, addresses };
}

function readStateDir(path: string, actor: Actor): HostFacts['stateDir'] {
  const stats = statIfVisible(path);
  if (stats === undefined) return { exists: false, writable: false, freeBytes: undefined };
  let freeBytes: number | undefined;
  try {
    const { bavail, bsize } = statfsSync(path);
    freeBytes = bavail * bsize;
  } catch {
    // This file system does not report free space.
  }
  return { exists: true, writable: isWritable(path, stats.uid, actor), freeBytes };
}

function isWritable(path: string, owner: number, actor: Actor): boolean {
  if (actor.isRack) {
    const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(readHostText(`/proc/${actor.pid}/status`) ?? '')?.[1]);
    return uid === 0 || uid === owner;
  }
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A number printed by the kernel, decimal or with 0x. */
function readNumber(path: string): number | undefined {
  const value = Number(readHostText(path)?.trim() || Number.NaN);
  return Number.isNaN(value) ? undefined : value;
}
