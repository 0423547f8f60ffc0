// The ports that a configuration needs and that another program of this host has: which program,
// its systemd service, and what to do. `config/wanted-ports.ts` lists them.
//
// 1. Everything is read; nothing is opened at these ports. Without rights or /proc there is less to
//    name, never an exception.
// 2. A socket bound to another network device takes nothing from a rack: libvirt's dnsmasq has UDP
//    port 67 of its own bridge only.
// 3. A remedy is for a person to read, never applied.

import { formatIpv4, type Ipv4 } from '../../ground/address.ts';
import { joinNames } from '../../ground/counted.ts';
import { loadLibc } from '../linux/libc.ts';
import { listSockets } from '../linux/socket-list.ts';
import { findPortOwners, formatOwner, type PortOwner } from '../port-owner.ts';
import { readHostInterfaces } from '../present-interfaces.ts';

export interface WantedPort {
  readonly protocol: 'UDP' | 'TCP';
  readonly address: Ipv4;
  readonly port: number;
  /** The setting that names it. */
  readonly setting: string;
  /**
   * The only network device on which the port is needed; `undefined` if it is needed wherever the
   * address is.
   */
  readonly device?: string | undefined;
  /** True if a rack can run without the port. */
  readonly isOptional?: boolean | undefined;
}

/** Another program that has wanted ports. */
export interface PortConflict extends PortOwner {
  /** At least one. */
  readonly ports: readonly WantedPort[];
}

/** The process that is to have the ports, and may have them. */
export interface ExpectedHolder {
  /** `undefined` if it does not run. */
  readonly pid: number | undefined;
  /** True if a socket whose process is hidden may be its own. */
  readonly isHidden: boolean;
}

/** Every other program that has one of these ports, in the order of the ports. */
export function findPortConflicts(
  wantedPorts: readonly WantedPort[],
  expected: ExpectedHolder,
): readonly PortConflict[] {
  const devices = mapBoundDevices(
    new Set(wantedPorts.flatMap(({ device, port }) => (device === undefined ? [] : [port]))),
  );
  const conflicts = new Map<string, PortConflict & { readonly ports: WantedPort[] }>();
  for (const wantedPort of wantedPorts) {
    for (const { process: owner, uid, inode } of findPortOwners(
      wantedPort.protocol,
      wantedPort.address,
      wantedPort.port,
    )) {
      if (owner === undefined ? expected.isHidden : owner.pid === expected.pid) continue;
      if (wantedPort.device !== undefined && (devices.get(inode) ?? wantedPort.device) !== wantedPort.device) continue;
      const ownerKey = owner === undefined ? `user ${uid} ${wantedPort.port}` : String(owner.pid);
      const conflict = conflicts.get(ownerKey);
      if (conflict === undefined) conflicts.set(ownerKey, { process: owner, uid, ports: [wantedPort] });
      else if (!conflict.ports.includes(wantedPort)) conflict.ports.push(wantedPort);
    }
  }
  return [...conflicts.values()];
}

/** The devices of the UDP sockets that are bound to a device, by inode. */
function mapBoundDevices(ports: ReadonlySet<number>): ReadonlyMap<number, string> {
  if (ports.size === 0) return new Map();
  const libc = loadLibc();
  const names = new Map(readHostInterfaces().map(({ index, name }) => [index, name]));
  const sockets = [...ports].flatMap((port) => listSockets(libc, port) ?? []);
  return new Map(
    sockets.flatMap(({ inode, deviceIndex }) => {
      const name = names.get(deviceIndex);
      return name === undefined ? [] : [[inode, name] as const];
    }),
  );
}

/** True if a rack can start in spite of the conflict. */
export const isHarmless = ({ ports }: Pick<PortConflict, 'ports'>): boolean =>
  ports.every(({ isOptional }) => isOptional === true);

/** `port 53, 67` */
export const formatPorts = ({ ports }: Pick<PortConflict, 'ports'>): string =>
  `port ${[...new Set(ports.map(({ port }) => port))].join(', ')}`;

/** The most endpoints that a sentence names. */
const SOCKETS_NAMED_MAX = 4;

/** A clause: the endpoints, the settings that need them, the program, and what to do. */
export function describePortConflict(conflict: PortConflict): string {
  const { ports } = conflict;
  const byEndpoint = Map.groupBy(
    ports,
    ({ address, port, device }) => `${formatIpv4(address)}:${port}${device === undefined ? '' : ` on ${device}`}`,
  );
  const endpoints = [...byEndpoint].map(
    ([endpoint, endpointPorts]) =>
      `${endpoint} (${[...new Set(endpointPorts.map(({ protocol }) => protocol))].join(', ')})`,
  );
  const settings = [...new Set(ports.map(({ setting }) => setting))];
  const ownerName = formatOwner(conflict, ports[0]?.port ?? 0);
  const [needVerb, belongVerb] = [
    settings.length === 1 ? 'needs' : 'need',
    endpoints.length === 1 ? 'belongs' : 'belong',
  ];
  const sentence = `${joinNames(endpoints, SOCKETS_NAMED_MAX)}, which ${settings.join(', ')} ${needVerb}, ${belongVerb} to ${ownerName}`;
  if (isHarmless(conflict))
    return `${sentence}: the rack goes on without, and loaders that know no other port load nothing by HTTP`;
  return `${sentence}: stop it, or change ${settings.join(', ')}`;
}

/** The commands, or the lines of its configuration, that free the ports. */
export function composePortRemedy({ ports, process: owner }: PortConflict): string {
  const [firstPort] = ports;
  if (owner === undefined)
    return `find the process: sudo ss -l${firstPort?.protocol === 'TCP' ? 't' : 'u'}np 'sport = :${firstPort?.port ?? 0}'`;
  const { name, unit, pid, commandLine } = owner;
  const knownProgram = KNOWN_PROGRAMS.find(
    ({ pattern }) => pattern.test(name) || pattern.test(unit ?? '') || commandLine.some((word) => pattern.test(word)),
  );
  const stop = unit === undefined ? `sudo kill ${pid}` : `sudo systemctl disable --now ${unit}`;
  if (knownProgram === undefined) return stop;
  const { isSharedService = false, remedy } = knownProgram;
  return [...(isSharedService ? [] : [stop]), ...remedy(ports)].join('\n');
}

interface KnownProgram {
  /** Matches the program's name, its service, or a word of its command line. */
  readonly pattern: RegExp;
  /** True if its service has other tasks, too, so it is not stopped. */
  readonly isSharedService?: boolean;
  readonly remedy: (ports: readonly WantedPort[]) => readonly string[];
}

const listAddresses = (ports: readonly WantedPort[]): readonly string[] => [
  ...new Set(ports.map(({ address }) => formatIpv4(address))),
];
const listPortDevices = (ports: readonly WantedPort[]): readonly string[] => [
  ...new Set(ports.flatMap(({ device }) => device ?? [])),
];

/**
 * The first match counts: dnsmasq is also a part of libvirt and of NetworkManager. Names and paths
 * are those of Debian and Fedora.
 */
const KNOWN_PROGRAMS: readonly KnownProgram[] = [
  {
    pattern: /^systemd-resolve/,
    isSharedService: true,
    remedy: () => [
      'free the port of its stub, and let this host query the servers behind it:',
      "printf '[Resolve]\\nDNSStubListener=no\\n' | sudo install -D -m 644 /dev/stdin /etc/systemd/resolved.conf.d/rackboot.conf",
      'sudo ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf',
      'sudo systemctl restart systemd-resolved',
    ],
  },
  {
    pattern: /^libvirt|^virtnetworkd|\/libvirt\//,
    isSharedService: true,
    remedy: () => [
      'it serves a network of libvirt: sudo virsh net-list, then sudo virsh net-destroy NAME; for good: sudo virsh net-autostart --disable NAME',
    ],
  },
  {
    pattern: /^NetworkManager/,
    isSharedService: true,
    remedy: () => [
      'it is a part of NetworkManager: give the connection of that interface another ipv4.method than shared (nmcli connection edit), or remove dns=dnsmasq from /etc/NetworkManager',
    ],
  },
  {
    pattern: /^systemd-network/,
    isSharedService: true,
    remedy: () => [
      'set DHCPServer=no in the file of that interface in /etc/systemd/network, then: sudo networkctl reload',
    ],
  },
  {
    pattern: /^docker/,
    isSharedService: true,
    remedy: ([firstPort]) => [`sudo docker ps --filter publish=${firstPort?.port ?? 0} shows the container: stop it`],
  },
  {
    pattern: /^dnsmasq/,
    remedy: (ports) => {
      const exclusions = listPortDevices(ports).map((device) => `except-interface=${device}`);
      return [
        `or, to keep it for other networks: bind-dynamic and ${exclusions.join(' and ') || 'except-interface=NAME'} in /etc/dnsmasq.conf, then restart it`,
      ];
    },
  },
  {
    pattern: /^named/,
    remedy: (ports) => {
      const exclusions = listAddresses(ports).map((address) => `!${address}; `);
      return [
        `or, to keep it: listen-on { ${exclusions.join('')}any; }; in /etc/bind/named.conf.options, then restart it`,
      ];
    },
  },
  {
    pattern: /^unbound/,
    remedy: () => ['or, to keep it: only its other addresses as interface: in /etc/unbound, then restart it'],
  },
  { pattern: /^(?:in\.|a)tftpd/, remedy: () => ['files that it served: put them into boot.tree of this rack'] },
  {
    pattern: /^(?:apache2|httpd|nginx|caddy|lighttpd)/,
    remedy: () => ['or, to keep it: name its other addresses, or another port, where its configuration says to listen'],
  },
];
