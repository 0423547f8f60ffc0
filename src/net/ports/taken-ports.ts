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
import { findPortOwners, ownerText, type PortOwner } from '../port-owner.ts';
import { readHostInterfaces } from '../present-interfaces.ts';

export interface WantedPort {
  readonly protocol: 'UDP' | 'TCP';
  readonly address: Ipv4;
  readonly port: number;
  /** The setting that names it. */
  readonly setting: string;
  /** The only network device on which it is needed; undefined: wherever the address is. */
  readonly device?: string | undefined;
  /** A rack goes on without it. */
  readonly isOptional?: boolean | undefined;
}

/** Another program that has wanted ports. */
export interface PortConflict extends PortOwner {
  /** At least one. */
  readonly ports: readonly WantedPort[];
}

/** The process that is to have the ports, and may have them. */
export interface ExpectedHolder {
  /** Undefined: it does not run. */
  readonly pid: number | undefined;
  /** A socket whose process is hidden may be its own. */
  readonly isHidden: boolean;
}

/** Every other program that has one of these ports, in the order of the ports. */
export function findPortConflicts(wanted: readonly WantedPort[], rightful: ExpectedHolder): readonly PortConflict[] {
  const devices = boundDevices(new Set(wanted.flatMap(({ device, port }) => (device === undefined ? [] : [port]))));
  const conflicts = new Map<string, PortConflict & { readonly ports: WantedPort[] }>();
  for (const place of wanted) {
    for (const { process: owner, uid, inode } of findPortOwners(place.protocol, place.address, place.port)) {
      if (owner === undefined ? rightful.isHidden : owner.pid === rightful.pid) continue;
      if (place.device !== undefined && (devices.get(inode) ?? place.device) !== place.device) continue;
      const who = owner === undefined ? `user ${uid} ${place.port}` : String(owner.pid);
      const before = conflicts.get(who);
      if (before === undefined) conflicts.set(who, { process: owner, uid, ports: [place] });
      else if (!before.ports.includes(place)) before.ports.push(place);
    }
  }
  return [...conflicts.values()];
}

/** The devices of the UDP sockets that are bound to one, by inode. */
function boundDevices(ports: ReadonlySet<number>): ReadonlyMap<number, string> {
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

/** True if a rack starts beside it. */
export const isHarmless = ({ ports }: Pick<PortConflict, 'ports'>): boolean =>
  ports.every(({ isOptional }) => isOptional === true);

/** `port 53, 67` */
export const portNames = ({ ports }: Pick<PortConflict, 'ports'>): string =>
  `port ${[...new Set(ports.map(({ port }) => port))].join(', ')}`;

/** The most places that a sentence names. */
const SOCKETS_NAMED_MAX = 4;

/** A clause: the places, the settings that need them, the program, and what to do. */
export function portConflictText(conflict: PortConflict): string {
  const { ports } = conflict;
  const byPlace = Map.groupBy(
    ports,
    ({ address, port, device }) => `${formatIpv4(address)}:${port}${device === undefined ? '' : ` on ${device}`}`,
  );
  const places = [...byPlace].map(
    ([place, at]) => `${place} (${[...new Set(at.map(({ protocol }) => protocol))].join(', ')})`,
  );
  const settings = [...new Set(ports.map(({ setting }) => setting))];
  const who = ownerText(conflict, ports[0]?.port ?? 0);
  const [need, belong] = [settings.length === 1 ? 'needs' : 'need', places.length === 1 ? 'belongs' : 'belong'];
  const what = `${joinNames(places, SOCKETS_NAMED_MAX)}, which ${settings.join(', ')} ${need}, ${belong} to ${who}`;
  if (isHarmless(conflict))
    return `${what}: the rack goes on without, and loaders that know no other port load nothing by HTTP`;
  return `${what}: stop it, or change ${settings.join(', ')}`;
}

/** The commands, or the lines of its configuration, that free the ports. */
export function portConflictRemedy({ ports, process: owner }: PortConflict): string {
  const [first] = ports;
  if (owner === undefined)
    return `find the process: sudo ss -l${first?.protocol === 'TCP' ? 't' : 'u'}np 'sport = :${first?.port ?? 0}'`;
  const { name, unit, pid, words } = owner;
  const program = PROGRAMS.find(
    ({ of }) => of.test(name) || of.test(unit ?? '') || words.some((word) => of.test(word)),
  );
  const stop = unit === undefined ? `sudo kill ${pid}` : `sudo systemctl disable --now ${unit}`;
  if (program === undefined) return stop;
  const { isPartOfMore = false, remedy } = program;
  return [...(isPartOfMore ? [] : [stop]), ...remedy(ports)].join('\n');
}

interface KnownProgram {
  /** Its name, its service, or a word of its command line. */
  readonly of: RegExp;
  /** Its service has other work, so it is not stopped. */
  readonly isPartOfMore?: boolean;
  readonly remedy: (ports: readonly WantedPort[]) => readonly string[];
}

const listAddresses = (ports: readonly WantedPort[]): readonly string[] => [
  ...new Set(ports.map(({ address }) => formatIpv4(address))),
];
const listPortDevices = (ports: readonly WantedPort[]): readonly string[] => [
  ...new Set(ports.flatMap(({ device }) => device ?? [])),
];

/**
 * The first one counts: dnsmasq is also a part of libvirt and of NetworkManager. Names and paths of
 * Debian and Fedora.
 */
const PROGRAMS: readonly KnownProgram[] = [
  {
    of: /^systemd-resolve/,
    isPartOfMore: true,
    remedy: () => [
      'free the port of its stub, and let this host query the servers behind it:',
      "printf '[Resolve]\\nDNSStubListener=no\\n' | sudo install -D -m 644 /dev/stdin /etc/systemd/resolved.conf.d/rackboot.conf",
      'sudo ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf',
      'sudo systemctl restart systemd-resolved',
    ],
  },
  {
    of: /^libvirt|^virtnetworkd|\/libvirt\//,
    isPartOfMore: true,
    remedy: () => [
      'it serves a network of libvirt: sudo virsh net-list, then sudo virsh net-destroy NAME; for good: sudo virsh net-autostart --disable NAME',
    ],
  },
  {
    of: /^NetworkManager/,
    isPartOfMore: true,
    remedy: () => [
      'it is a part of NetworkManager: give the connection of that interface another ipv4.method than shared (nmcli connection edit), or remove dns=dnsmasq from /etc/NetworkManager',
    ],
  },
  {
    of: /^systemd-network/,
    isPartOfMore: true,
    remedy: () => [
      'set DHCPServer=no in the file of that interface in /etc/systemd/network, then: sudo networkctl reload',
    ],
  },
  {
    of: /^docker/,
    isPartOfMore: true,
    remedy: ([first]) => [`sudo docker ps --filter publish=${first?.port ?? 0} shows the container: stop it`],
  },
  {
    of: /^dnsmasq/,
    remedy: (ports) => {
      const off = listPortDevices(ports).map((device) => `except-interface=${device}`);
      return [
        `or, to keep it for other networks: bind-dynamic and ${off.join(' and ') || 'except-interface=NAME'} in /etc/dnsmasq.conf, then restart it`,
      ];
    },
  },
  {
    of: /^named/,
    remedy: (ports) => {
      const others = listAddresses(ports).map((address) => `!${address}; `);
      return [`or, to keep it: listen-on { ${others.join('')}any; }; in /etc/bind/named.conf.options, then restart it`];
    },
  },
  {
    of: /^unbound/,
    remedy: () => ['or, to keep it: only its other addresses as interface: in /etc/unbound, then restart it'],
  },
  { of: /^(?:in\.|a)tftpd/, remedy: () => ['files that it served: put them into boot.tree of this rack'] },
  {
    of: /^(?:apache2|httpd|nginx|caddy|lighttpd)/,
    remedy: () => ['or, to keep it: name its other addresses, or another port, where its configuration says to listen'],
  },
];
