// Finds what on this host keeps the rack from serving well, with the exact command or unit line
// that fixes it. Pure.
//
// 1. A fault keeps something from being served. A fact that only makes the rack slower or forces
//    broadcasts is a note.
// 2. A fix is only printed for a person, never applied.

import type { RackConfig } from '../config/rack-config.ts';
import type { DhcpSubnet } from '../dhcp/networks/config.ts';
import { formatIpv4, type Ipv4, isLoopback, rangeContains } from '../ground/address.ts';
import { counted, mebibytes } from '../ground/counted.ts';
import { formatBytes } from '../ground/quantity.ts';
import {
  composePortRemedy,
  describePortConflict,
  formatPorts,
  isHarmless,
  type PortConflict,
  type WantedPort,
} from '../net/ports/taken-ports.ts';
import { installCommand } from '../power/programs.ts';
import type { Finding } from './finding.ts';
import type { Actor, DriverWithoutPrograms, HostFacts, PortFacts } from './host-facts.ts';

/** Bits of capabilities(7). */
const CAPABILITY = { CAP_NET_BIND_SERVICE: 10n, CAP_NET_RAW: 13n } as const;
/** The size of each receive buffer and send buffer that `net/` requests, in bytes. */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** The share of the kernel's ARP table that the addresses of the served networks may use. */
const NEIGHBOURS_SHARE = 0.75;
/** The largest proposed ARP table, in hosts: each takes some 400 octets of kernel memory. */
const NEIGHBOURS_WANTED_MAX = 131_072;
/** The least free space in the state directory: with less, the next burst of leases is refused. */
const FREE_BYTES_MIN = 64 * 1024 * 1024;
const CAPABILITY_LINES =
  'AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_RAW\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_NET_RAW';
const FAMILIES_LINE = 'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET';

/** Every finding about the host, faults and notes. */
export function judgeHost(config: RackConfig, facts: HostFacts): readonly Finding[] {
  return [
    ...judgeRights(config, facts),
    ...judgeInterfaces(config, facts),
    ...judgeBuffers(facts),
    ...judgeNeighbours(config, facts),
    ...judgeSockets(facts),
    ...judgeStateDir(config, facts),
    ...judgeConfinement(facts.actor),
    ...facts.driversWithoutPrograms.map(judgeMissingPrograms),
  ];
}

const describeActor = ({ isRack, pid, unit }: Actor): string =>
  isRack ? `the running rack (process ${pid}${unit === undefined ? '' : `, ${unit}`})` : 'this user';

/**
 * The lines to add to the unit's [Service] section or, for a rack without a unit, the advice to
 * start it by its unit.
 */
function unitFix({ unit, isRack }: Actor, lines: string): string {
  if (isRack && unit !== undefined)
    return `sudo systemctl edit ${unit}, and add:\n[Service]\n${lines}\nthen: sudo systemctl restart ${unit}`;
  return `start it with its unit (sudo systemctl start rackboot), which has:\n${lines}`;
}

function judgeRights(config: RackConfig, { actor, ports, unprivilegedPortMin }: HostFacts): Finding[] {
  const { capabilities } = actor;
  if (capabilities === undefined) return [];
  const hasCapability = (name: keyof typeof CAPABILITY): boolean => ((capabilities >> CAPABILITY[name]) & 1n) === 1n;
  const findings: Finding[] = [];
  const requiredPorts = ports.filter(({ isOptional }) => isOptional !== true).map(({ port }) => port);
  const privilegedPorts = [...new Set(requiredPorts.filter((port) => port < unprivilegedPortMin))];
  if (privilegedPorts.length > 0) {
    const portsText = `port${privilegedPorts.length > 1 ? 's' : ''} ${privilegedPorts.join(', ')}`;
    const ok = hasCapability('CAP_NET_BIND_SERVICE');
    findings.push({
      check: 'right to ports',
      ok,
      text: ok
        ? `${describeActor(actor)} may open ${portsText}`
        : `${describeActor(actor)} lacks CAP_NET_BIND_SERVICE and cannot open ${portsText}`,
      fix: ok ? undefined : unitFix(actor, CAPABILITY_LINES),
    });
  }
  const isServed = config.dhcp.subnets.some(({ serverAddress }) => serverAddress && !isLoopback(serverAddress));
  if (isServed && !hasCapability('CAP_NET_RAW')) {
    const text = `${describeActor(actor)} lacks CAP_NET_RAW: replies to machines without an address are broadcast`;
    findings.push({ check: 'right to frames', ok: true, isNote: true, text, fix: unitFix(actor, CAPABILITY_LINES) });
  }
  return findings;
}

/**
 * Judges the listeners that cannot be opened on this host now: a finding for each missing address,
 * and for each program that holds a port.
 */
export const judgePorts = ({ absent, portHolders: holders }: PortFacts): readonly Finding[] => [
  ...absent.map(judgeAbsentAddress),
  ...holders.map(judgePortHolder),
];

function judgeAbsentAddress({ address, port, setting }: WantedPort): Finding {
  const addressText = formatIpv4(address);
  const text = `${addressText}:${port}, which ${setting} names, is not an address of this host: give ${addressText} to an interface, or change ${setting}`;
  const fix = `ip -brief address lists the addresses of this host: correct ${setting}, or add the address to an interface`;
  return { check: `port ${port}`, ok: false, text, fix, cause: `address ${addressText}` };
}

function judgePortHolder(holder: PortConflict): Finding {
  const isNote = isHarmless(holder);
  const finding = { check: formatPorts(holder), text: describePortConflict(holder), fix: composePortRemedy(holder) };
  return isNote ? { ...finding, ok: true, isNote } : { ...finding, ok: false };
}

/**
 * Judges ranges that hold the address of a default gateway of this host. The gateway may not answer
 * a probe when its address is leased.
 */
export const judgeGateways = (
  subnets: readonly Pick<DhcpSubnet, 'name' | 'dynamic' | 'static'>[],
  gateways: readonly Ipv4[],
): readonly Finding[] =>
  subnets.flatMap((subnet) =>
    (['dynamic', 'static'] as const).flatMap((kind) => {
      const range = subnet[kind];
      const gateway = gateways.find((address) => range !== undefined && rangeContains(range, address));
      if (range === undefined || gateway === undefined) return [];
      const observation = `its ${kind} range ${formatIpv4(range.low)} to ${formatIpv4(range.high)} holds ${formatIpv4(gateway)}, the default gateway of this host`;
      const [text, isNote] =
        kind === 'dynamic'
          ? [`${observation}: the rack leases it to nobody`, true]
          : [`${observation}: a machine that is deployed could get that address`, false];
      const field = `${kind === 'dynamic' ? '' : 'static_'}ip_range_${gateway === range.low ? 'low' : 'high'}`;
      const fix = `sudo rackboot config set cluster_interfaces.${subnet.name}.${field} ADDRESS leaves it out; router_ip offers it to machines as their router`;
      return [{ check: `network ${subnet.name}`, ok: isNote, ...(isNote ? { isNote } : {}), text, fix }];
    }),
  );

function judgeInterfaces(config: RackConfig, { interfaces }: HostFacts): Finding[] {
  return config.clusterInterfaces.flatMap(({ interfaceName, ip, network }) => {
    const hostInterface = interfaces.find(({ name }) => name === interfaceName);
    if (interfaceName === undefined || hostInterface === undefined) return [];
    const check = `interface ${interfaceName}`;
    if (!hostInterface.exists) {
      const fix = 'ip -brief link lists the interfaces: correct cluster_interfaces, or create this one';
      return [{ check, ok: false, text: 'does not exist', fix, cause: check }];
    }
    if (!hostInterface.up) {
      const fix = `sudo ip link set ${interfaceName} up`;
      return [{ check, ok: false, text: 'is down', fix, cause: check }];
    }
    if (ip === undefined || isLoopback(ip) || hostInterface.addresses.includes(ip)) return [];
    const address = `${formatIpv4(ip)}/${network.prefix}`;
    const fix = `sudo ip address add ${address} dev ${interfaceName} (and for the next start, in the host's network configuration)`;
    const text = `does not have the address ${formatIpv4(ip)}`;
    return [{ check, ok: false, text, fix, cause: `${check}/${formatIpv4(ip)}` }];
  });
}

/**
 * Judges the buffers. Each setting has its own file, so that fixing one keeps the fix of the other.
 */
function judgeBuffers({ receiveBufferBytesMax, sendBufferBytesMax }: HostFacts): Finding[] {
  return [
    ...judgeBuffer('receive buffers', receiveBufferBytesMax, {
      key: 'net.core.rmem_max',
      file: '60-rackboot.conf',
      harm: 'when a whole rack is switched on, requests may be lost',
    }),
    ...judgeBuffer('send buffers', sendBufferBytesMax, {
      key: 'net.core.wmem_max',
      file: '60-rackboot-send.conf',
      harm: 'while someone sends requests in the names of absent hosts, replies to others may be lost',
    }),
  ];
}

interface BufferSetting {
  readonly key: string;
  readonly file: string;
  readonly harm: string;
}

function judgeBuffer(check: string, bytes: number | undefined, { key, file, harm }: BufferSetting): Finding[] {
  if (bytes === undefined || bytes >= BUFFER_BYTES) return [];
  const line = `${key}=${BUFFER_BYTES}`;
  return [
    {
      check,
      ok: true,
      isNote: true,
      text: `the kernel grants ${formatBytes(bytes)} of ${formatBytes(BUFFER_BYTES)}: ${harm}`,
      fix: `echo ${line} | sudo tee /etc/sysctl.d/${file} && sudo sysctl -w ${line}, then restart Rackboot`,
    },
  ];
}

/**
 * Judges the size of the ARP table. The kernel has one table for the hosts of all interfaces. A
 * part of it must stay free for requests in the names of absent hosts.
 */
function judgeNeighbours(config: RackConfig, { neighboursMax }: HostFacts): Finding[] {
  const attached = config.clusterInterfaces.filter(({ interfaceName }) => interfaceName !== undefined);
  const addresses = attached.reduce((sum, { network }) => sum + 2 ** (32 - network.prefix), 0);
  if (neighboursMax === undefined || addresses <= neighboursMax * NEIGHBOURS_SHARE) return [];
  const proposedHosts = Math.min(2 ** Math.ceil(Math.log2(2 * addresses)), NEIGHBOURS_WANTED_MAX);
  if (proposedHosts <= neighboursMax) return [];
  const lines = [
    `net.ipv4.neigh.default.gc_thresh2=${proposedHosts / 2}`,
    `net.ipv4.neigh.default.gc_thresh3=${proposedHosts}`,
  ];
  return [
    {
      check: 'ARP table',
      ok: true,
      isNote: true,
      text: `the kernel keeps ${neighboursMax} hosts at a time, but the served networks have ${counted(addresses, 'address', 'addresses')}: when most are in use, or someone sends requests in the names of absent hosts, hosts may get no reply`,
      fix: `printf '${lines.join('\\n')}\\n' | sudo tee /etc/sysctl.d/60-rackboot-arp.conf && sudo sysctl -p /etc/sysctl.d/60-rackboot-arp.conf`,
    },
  ];
}

/** Judges the limits of the running rack by its notes and the system's errors in them. */
function judgeSockets({ notes, actor }: HostFacts): Finding[] {
  return notes.flatMap(({ note, text }): Finding[] => {
    if (/EAFNOSUPPORT|netlink/i.test(text))
      return [{ check: 'sockets', ok: true, isNote: true, text, fix: unitFix(actor, FAMILIES_LINE) }];
    if (note === 'listener-forgone') return [{ check: 'boot HTTP', ok: true, isNote: true, text }];
    return [];
  });
}

function judgeStateDir({ stateDir: path }: RackConfig, { stateDir, actor }: HostFacts): Finding[] {
  const check = 'state directory';
  const cause = check;
  const createCommand = `sudo install -d -o rackboot -g rackboot -m 750 ${path}`;
  if (!stateDir.exists) return [{ check, ok: false, text: `${path} does not exist`, fix: createCommand, cause }];
  if (!stateDir.writable) {
    const fix = `sudo chown -R rackboot:rackboot ${path}`;
    return [{ check, ok: false, text: `${describeActor(actor)} may not write ${path}`, fix, cause }];
  }
  if (stateDir.freeBytes === undefined || stateDir.freeBytes >= FREE_BYTES_MIN) return [];
  const fix = `make room: sudo du -xsh ${path}/* | sort -h; for example sudo journalctl --vacuum-size=200M`;
  return [
    {
      check,
      ok: false,
      text: `${path} has ${mebibytes(stateDir.freeBytes)} left; without free space no lease is given`,
      fix,
      cause,
    },
  ];
}

function judgeConfinement({ confinement }: Actor): Finding[] {
  if (confinement === undefined || /\((complain|unconfined)\)|unconfined_/.test(confinement)) return [];
  const isSelinux = confinement.split(':').length >= 3;
  const text = `runs confined as ${confinement}; a denial looks like a missing permission`;
  const fix = isSelinux
    ? 'sudo ausearch -m avc -ts recent shows what was denied; sudo ausearch -m avc -ts recent | audit2allow -M rackboot makes a rule'
    : 'sudo journalctl -k -g \'apparmor="DENIED"\' shows what was denied; sudo aa-complain with its profile allows it';
  return [{ check: 'confinement', ok: true, isNote: true, text, fix }];
}

/** Judges missing programs: a fault if machines have this driver, otherwise a note. */
function judgeMissingPrograms({ driver, missing, machines = 0 }: DriverWithoutPrograms): Finding {
  const names = missing.map(({ program }) => program).join(' and ');
  const affectedMachines = `${machines} machine${machines === 1 ? ' has' : 's have'} it and cannot be switched`;
  const text = `the driver ${driver} needs ${names}: ${machines === 0 ? 'no machine has it yet' : affectedMachines}`;
  const isNote = machines === 0;
  return { check: 'power', ok: isNote, ...(isNote ? { isNote } : {}), text, fix: installCommand(missing) };
}
