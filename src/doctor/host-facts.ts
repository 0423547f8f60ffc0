// Facts of this host that matter to a rack: rights, ports and their owners, interfaces, kernel limits. Everything is read; nothing is
// opened, bound or changed. Sources: proc(5), capabilities(7), sysfs.
//
// 1. An unreadable fact is undefined, never an exception: the doctor then reports nothing about it.

import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';
import type { RackConfig } from '../config/rack-config.ts';
import { PROXY_PORT } from '../dhcp/networks/config.ts';
import { seenStats } from '../files/seen-stats.ts';
import { formatListenSetting } from '../http/config.ts';
import { ANY, type Ipv4, isLoopback, parseIpv4 } from '../net/address.ts';
import { findPortOwners } from '../net/port-owner.ts';
import { readInterfaces } from '../net/present-interfaces.ts';
import { DRIVER_PROGRAMS, type DriverProgram, findMissingPrograms } from '../power/programs.ts';
import type { NotedText } from './note-judgement.ts';

/** A port that the configuration needs. */
export interface WantedPort {
  readonly protocol: 'UDP' | 'TCP';
  readonly address: Ipv4;
  readonly port: number;
  /** The setting that names it. */
  readonly setting: string;
}

/** Another process on a wanted port. */
export interface PortStranger extends WantedPort {
  /** Undefined if only root could find out. */
  readonly process: { readonly pid: number; readonly name: string; readonly unit: string | undefined } | undefined;
  readonly uid: number;
}

/** The process whose rights count: the running rack, or this command. */
export interface Actor {
  readonly pid: number;
  readonly isRack: boolean;
  /** Its systemd unit: `rackboot.service`. */
  readonly unit: string | undefined;
  /** Effective capabilities, one bit each. */
  readonly capabilities: bigint | undefined;
  /** The label by which AppArmor or SELinux confines it; undefined: not confined. */
  readonly confinement: string | undefined;
}

interface InterfaceFacts {
  readonly name: string;
  readonly exists: boolean;
  readonly up: boolean;
  readonly addresses: readonly Ipv4[];
}

export interface HostFacts {
  readonly actor: Actor;
  readonly ports: readonly WantedPort[];
  readonly strangers: readonly PortStranger[];
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
  readonly notes: readonly NotedText[];
  /** Power drivers that lack programs on this host; empty if a remote region switches the machines. */
  readonly powerless: readonly PowerlessDriver[];
}

/** A power driver that lacks a program. */
export interface PowerlessDriver {
  readonly driver: string;
  readonly missing: readonly DriverProgram[];
  /** The number of machines with this driver; undefined: unknown. */
  readonly machines: number | undefined;
}

/** Facts from the running rack. */
export interface RunningFacts {
  readonly pid: number;
  readonly noted: readonly NotedText[];
  /** The driver of each machine (`power_type`); undefined: the region does not answer. */
  readonly powerTypes?: readonly string[] | undefined;
}

/** Reads the facts. `running` is undefined if no rack answers. */
export function readHostFacts(config: RackConfig, running: RunningFacts | undefined): HostFacts {
  const actor = readActor(running);
  const ports = wantedPorts(config);
  return {
    actor,
    ports,
    strangers: ports.flatMap((port) => findStrangers(port, actor)),
    interfaces: config.clusterInterfaces.flatMap(({ interfaceName }) =>
      interfaceName === undefined ? [] : [readInterface(interfaceName)],
    ),
    unprivilegedPortMin: readNumber('/proc/sys/net/ipv4/ip_unprivileged_port_start') ?? 1024,
    receiveBufferBytesMax: readNumber('/proc/sys/net/core/rmem_max'),
    sendBufferBytesMax: readNumber('/proc/sys/net/core/wmem_max'),
    neighboursMax: readNumber('/proc/sys/net/ipv4/neigh/default/gc_thresh3'),
    stateDir: readStateDir(config.stateDir, actor),
    notes: running?.noted ?? [],
    powerless: config.uplink.mode === 'remote' ? [] : findPowerless(running?.powerTypes),
  };
}

function findPowerless(powerTypes: readonly string[] | undefined): readonly PowerlessDriver[] {
  return [...DRIVER_PROGRAMS.keys()].flatMap((driver) => {
    const missing = findMissingPrograms(driver);
    const machines = powerTypes?.filter((type) => type === driver).length;
    return missing.length === 0 ? [] : [{ driver, missing, machines }];
  });
}

/** Every port that the configuration needs. */
function wantedPorts(config: RackConfig): readonly WantedPort[] {
  const { dhcp, tftp, dns, http, region } = config;
  const ports: WantedPort[] = [];
  if (dhcp.subnets.length > 0)
    ports.push({ protocol: 'UDP', address: ANY, port: dhcp.serverPort, setting: 'cluster_interfaces' });
  if (dhcp.subnets.some(({ proxy }) => proxy === true))
    ports.push({ protocol: 'UDP', address: ANY, port: dhcp.proxyPort ?? PROXY_PORT, setting: 'cluster_interfaces' });
  for (const address of tftp.listen)
    ports.push({ protocol: 'UDP', address, port: tftp.listenPort, setting: 'tftp.listen' });
  for (const address of dns.listen) {
    for (const protocol of ['UDP', 'TCP'] as const)
      ports.push({ protocol, address, port: dns.listenPort, setting: 'dns.listen' });
  }
  for (const { address, port, optional, secure } of http.listen)
    if (optional !== true) ports.push({ protocol: 'TCP', address, port, setting: formatListenSetting(secure) });
  return [...ports, ...metricsPorts(config), ...(config.uplink.mode === 'remote' ? [] : regionPorts(region))];
}

const metricsPorts = ({ metrics }: Pick<RackConfig, 'metrics'>): readonly WantedPort[] =>
  metrics.listen.map(({ address, port }) => ({ protocol: 'TCP', address, port, setting: 'metrics.listen' }));

/** The ports of the region's API and page. */
function regionPorts({ listen, tls }: RackConfig['region']): readonly WantedPort[] {
  const portsOf = (places: typeof listen, setting: string): readonly WantedPort[] =>
    places.flatMap(({ host, port }) => {
      const address = parseIpv4(host);
      return address === undefined ? [] : [{ protocol: 'TCP', address, port, setting }];
    });
  return [...portsOf(listen, 'region.listen'), ...portsOf(tls?.listen ?? [], 'region.tls.listen')];
}

/** The obstacles that now keep listeners of the region or of the metrics from being opened on this host. */
export interface ListenerFacts {
  readonly absent: readonly WantedPort[];
  readonly strangers: readonly PortStranger[];
}

/** The parts of a configuration that name listeners of the region and of the metrics. */
type Listeners = Pick<RackConfig, 'metrics' | 'region'> & Partial<Pick<RackConfig, 'clusterInterfaces' | 'uplink'>>;

/**
 * Reads what keeps a region, and the metrics of a rack or region, from their ports. Addresses of the rack's own networks are left out: they
 * are judged there.
 */
export function readListeners(config: Listeners, running: Pick<RunningFacts, 'pid'> | undefined): ListenerFacts {
  const { region, clusterInterfaces = [], uplink } = config;
  const actor = readActor(running);
  const ports = [...metricsPorts(config), ...(uplink?.mode === 'remote' ? [] : regionPorts(region))];
  const own = new Set(clusterInterfaces.map(({ ip }) => ip));
  const here = new Set(readInterfaces().flatMap(({ addresses }) => addresses.map(({ address }) => address)));
  const isAbsent = ({ address }: WantedPort): boolean =>
    address !== ANY && !isLoopback(address) && !here.has(address) && !own.has(address);
  return { absent: ports.filter(isAbsent), strangers: ports.flatMap((port) => findStrangers(port, actor)) };
}

function readActor(running: Pick<RunningFacts, 'pid'> | undefined): Actor {
  const pid = running?.pid ?? process.pid;
  const status = readText(`/proc/${pid}/status`);
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  const confinement = readText(`/proc/${pid}/attr/current`)?.replaceAll('\0', '').trim();
  return {
    pid,
    isRack: running !== undefined,
    unit: unitOf(pid),
    capabilities: effective === undefined ? undefined : BigInt(`0x${effective}`),
    confinement: confinement === '' || confinement === 'unconfined' ? undefined : confinement,
  };
}

/** The systemd service of a process, by its control group. */
function unitOf(pid: number): string | undefined {
  const units = [...(readText(`/proc/${pid}/cgroup`) ?? '').matchAll(/\/([A-Za-z0-9@:._-]+\.service)(?:\/|$)/gm)];
  return units.at(-1)?.[1];
}

function findStrangers(port: WantedPort, actor: Actor): PortStranger[] {
  return findPortOwners(port.protocol, port.address, port.port).flatMap(({ process: owner, uid }) => {
    // A process with a hidden name may be the rack itself.
    if (owner === undefined && actor.isRack) return [];
    if (owner !== undefined && actor.isRack && owner.pid === actor.pid) return [];
    return [{ ...port, process: owner && { ...owner, unit: unitOf(owner.pid) }, uid }];
  });
}

function readInterface(name: string): InterfaceFacts {
  const found = readInterfaces().find((each) => each.name === name);
  const addresses = found?.addresses.map(({ address }) => address) ?? [];
  return { name, exists: found !== undefined, up: found?.up === true, addresses };
}

function readStateDir(path: string, actor: Actor): HostFacts['stateDir'] {
  const found = seenStats(path);
  if (found === undefined) return { exists: false, writable: false, freeBytes: undefined };
  let freeBytes: number | undefined;
  try {
    const { bavail, bsize } = statfsSync(path);
    freeBytes = bavail * bsize;
  } catch {
    // This file system does not report free space.
  }
  return { exists: true, writable: isWritable(path, found.uid, actor), freeBytes };
}

function isWritable(path: string, owner: number, actor: Actor): boolean {
  if (actor.isRack) {
    const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(readText(`/proc/${actor.pid}/status`) ?? '')?.[1]);
    return uid === 0 || uid === owner;
  }
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** A number printed by the kernel, decimal or with 0x. */
function readNumber(path: string): number | undefined {
  const value = Number(readText(path)?.trim() || Number.NaN);
  return Number.isNaN(value) ? undefined : value;
}
