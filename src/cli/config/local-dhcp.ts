// Another DHCP server on this very host: its leases and its reservations. A search on the wire does
// not find it (a host does not hear its own broadcasts).
//
// 1. Best effort: only root sees the process of another user, and a server in a container has its
//    files elsewhere.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ForeignRange,
  type ForeignReservation,
  type ReservationFormat,
  readReservations,
} from '../../dhcp/import/reservations.ts';
import { ANY, type Ipv4 } from '../../ground/address.ts';
import { formatOwner } from '../../net/port-owner.ts';
import { type ExpectedHolder, findPortConflicts } from '../../net/ports/taken-ports.ts';
import { findStateHolder } from '../../store/state-lock.ts';

/** RFC 2131 §4.1. */
const SERVER_PORT = 67;
/** The most files of one configuration, and the most bytes of one. */
const FILES_MAX = 256;
const BYTES_MAX = 16 * 1024 * 1024;

interface ServerProgram {
  readonly format: ReservationFormat;
  /** The options that name its configuration, and its leases. */
  readonly configOptions: readonly string[];
  readonly leaseOptions: readonly string[];
  readonly configs: readonly string[];
  readonly leases: readonly string[];
}

/** The DHCP servers by the names of their programs, with the paths of Debian and Fedora. */
const PROGRAMS: Readonly<Record<string, ServerProgram>> = {
  dnsmasq: {
    format: 'dnsmasq',
    configOptions: ['-C', '--conf-file', '-7', '--conf-dir', '--dhcp-hostsfile', '--dhcp-hostsdir'],
    leaseOptions: ['-l', '--dhcp-leasefile'],
    configs: ['/etc/dnsmasq.conf'],
    leases: ['/var/lib/misc/dnsmasq.leases', '/var/lib/dnsmasq/dnsmasq.leases'],
  },
  dhcpd: {
    format: 'isc',
    configOptions: ['-cf'],
    leaseOptions: ['-lf'],
    configs: ['/etc/dhcp/dhcpd.conf'],
    leases: ['/var/lib/dhcp/dhcpd.leases', '/var/lib/dhcpd/dhcpd.leases'],
  },
  'kea-dhcp4': {
    format: 'kea',
    configOptions: ['-c'],
    leaseOptions: [],
    configs: ['/etc/kea/kea-dhcp4.conf'],
    leases: ['/var/lib/kea/kea-leases4.csv'],
  },
  'systemd-networkd': {
    format: 'networkd',
    configOptions: [],
    leaseOptions: [],
    configs: ['/etc/systemd/network', '/run/systemd/network'],
    leases: [],
  },
};

export interface LocalServer {
  /** `dnsmasq (process 12, dnsmasq.service)`, or the user who owns the process. */
  readonly name: string;
  /** The interfaces on which it has the port. */
  readonly interfaces: ReadonlySet<string>;
  readonly reservations: readonly ForeignReservation[];
  readonly ranges: readonly ForeignRange[];
  readonly routers: readonly Ipv4[];
  readonly domains: readonly string[];
  /** The files with reservations, and the lease file. */
  readonly configFiles: readonly string[];
  readonly leaseFiles: readonly string[];
}

/** Finds the process that may hold the ports: the rack that runs on this state directory. */
export const ownPortHolder = ({ stateDir }: { readonly stateDir: string }): ExpectedHolder => {
  const pid = findStateHolder(stateDir);
  return { pid, isHidden: pid !== undefined };
};

/** The servers that have the DHCP port of these interfaces, except the rack. */
export function findLocalServers(
  interfaces: readonly string[],
  expectedHolder: ExpectedHolder,
): readonly LocalServer[] {
  const setting = 'cluster_interfaces';
  const dhcpPorts = interfaces.map(
    (device) => ({ protocol: 'UDP', address: ANY, port: SERVER_PORT, device, setting }) as const,
  );
  return findPortConflicts(dhcpPorts, expectedHolder).map((holder) => {
    const { process: owner, ports } = holder;
    const program = PROGRAMS[owner?.name ?? ''];
    return {
      name: formatOwner(holder, SERVER_PORT),
      interfaces: new Set(ports.flatMap(({ device }) => device ?? [])),
      ...(owner === undefined || program === undefined ? NO_FILES : readServerFiles(program, owner.commandLine)),
    };
  });
}

type ServerFiles = Omit<LocalServer, 'name' | 'interfaces'>;
const NO_FILES: ServerFiles = {
  reservations: [],
  ranges: [],
  routers: [],
  domains: [],
  configFiles: [],
  leaseFiles: [],
};

function readServerFiles(program: ServerProgram, argv: readonly string[]): ServerFiles {
  const optionPaths = optionValues(argv, program.configOptions).map((value) => value.split(',')[0] ?? '');
  const pendingPaths = optionPaths.some((path) => isFile(path)) ? optionPaths : [...program.configs, ...optionPaths];
  const reservations: ForeignReservation[] = [];
  const ranges: ForeignRange[] = [];
  const routers: Ipv4[] = [];
  const domains: string[] = [];
  const configFiles: string[] = [];
  const visited = new Set<string>();
  let configuredLeaseFile: string | undefined;
  for (const path of pendingPaths) {
    if (visited.has(path) || visited.size >= FILES_MAX) continue;
    visited.add(path);
    const text = readTextFile(path);
    if (text === undefined) {
      pendingPaths.push(...filesIn(path));
      continue;
    }
    const read = readReservations(program.format, text);
    reservations.push(...read.reservations);
    ranges.push(...read.ranges);
    routers.push(...read.routers);
    domains.push(...read.domains);
    if (read.reservations.length + read.left.length > 0) configFiles.push(path);
    configuredLeaseFile = read.leaseFile ?? configuredLeaseFile;
    pendingPaths.push(...read.includes);
  }
  const [leaseFile = configuredLeaseFile] = optionValues(argv, program.leaseOptions);
  const leaseFiles = (leaseFile === undefined ? program.leases : [leaseFile]).filter(isFile);
  return { reservations, ranges, routers, domains, configFiles, leaseFiles };
}

/** The values of options written `-C FILE`, `-CFILE`, `--conf-file=FILE` or `--conf-file FILE`. */
function optionValues(args: readonly string[], options: readonly string[]): readonly string[] {
  return args.flatMap((word, index) => {
    for (const option of options) {
      if (word === option) return [args[index + 1] ?? ''];
      if (option.startsWith('--') && word.startsWith(`${option}=`)) return [word.slice(option.length + 1)];
      if (option.length === 2 && word.startsWith(option)) return [word.slice(2)];
    }
    return [];
  });
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Reads a text file; undefined if it is no regular file, too large, or not readable. */
function readTextFile(path: string): string | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() && stats.size <= BYTES_MAX ? readFileSync(path, 'latin1') : undefined;
  } catch {
    // A file that cannot be read is skipped.
    return undefined;
  }
}

/** The files of a directory, without those that package managers and editors leave. */
function filesIn(path: string): readonly string[] {
  if (!existsSync(path) || !statSync(path).isDirectory()) return [];
  try {
    const names = readdirSync(path).filter((name) => !/^[.#]|~$|\.(?:dpkg-\w+|rpm\w+)$/.test(name));
    return names.toSorted().map((name) => join(path, name));
  } catch {
    return [];
  }
}
