// Finds the owner of a refused port in /proc, to name it in the error. Source: proc(5).
//
// 1. Best effort: without rights or /proc the answer is undefined, never an exception.
// 2. /proc/net/udp does not show the device a socket is bound to, so the named owner may be one of
//    several; `taken-ports.ts` finds the right one.
// 3. Only root sees the owner of another user's socket; to others, a program that usually has the
//    port is the probable owner.

import { readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { ANY, type Ipv4 } from '../ground/address.ts';
import { parseHostOrder, readHostText } from './kernel-text.ts';

/** The most sockets, processes and descriptors of each that are examined. */
const ENTRIES_MAX = 64;
const PROCESSES_MAX = 20_000;
const DESCRIPTORS_MAX = 4_096;
/** The most words of a command line that are kept. */
const WORDS_MAX = 64;

/** TCP's listening state in /proc/net/tcp. */
const LISTENING = '0A';

/** The programs that usually have a port of a rack, on Debian and Fedora. */
const USUAL_OWNERS: ReadonlyMap<number, readonly string[]> = new Map([
  [53, ['systemd-resolved', 'dnsmasq', 'named', 'unbound']],
  [67, ['dnsmasq', 'dhcpd', 'kea-dhcp4', 'systemd-networkd']],
  [69, ['dnsmasq', 'in.tftpd', 'atftpd']],
  [80, ['nginx', 'apache2', 'httpd', 'haproxy']],
]);

export interface PortProcess {
  readonly pid: number;
  readonly name: string;
  /** The words of its command line; empty if the process has just ended. */
  readonly commandLine: readonly string[];
  /** Its systemd service: `dnsmasq.service`. */
  readonly unit: string | undefined;
}

export interface PortOwner {
  /** `undefined` if only root could see it. */
  readonly process: PortProcess | undefined;
  readonly uid: number;
}

interface FoundOwner extends PortOwner {
  /** Of the socket. */
  readonly inode: number;
}

interface UdpEntry {
  readonly address: Ipv4;
  readonly port: number;
  readonly uid: number;
  readonly inode: number;
  /** Two hexadecimal digits. */
  readonly state: string;
}

/** Unreadable lines are left out; of udp6 only the wildcard address matters. */
export function parseUdpTable(text: string): readonly UdpEntry[] {
  const entries: UdpEntry[] = [];
  for (const line of text.split('\n')) {
    const match =
      /^\s*\d+: ([0-9A-F]{8}|0{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} (\S+) \S+ \S+ \S+\s+(\d+)\s+\d+ (\d+) /.exec(
        line,
      );
    if (match?.[1] === undefined) continue;
    entries.push({
      address: parseHostOrder(match[1]),
      port: Number.parseInt(match[2] ?? '', 16),
      state: match[3] ?? '',
      uid: Number(match[4]),
      inode: Number(match[5]),
    });
  }
  return entries;
}

/** `undefined` without /proc. */
export function readSocketInode(fd: number): number | undefined {
  const match = /^socket:\[(\d+)\]$/.exec(readLinkTarget(`/proc/self/fd/${fd}`) ?? '');
  return match === null ? undefined : Number(match[1]);
}

/**
 * The owners of `port` at `address` or at every address; for TCP the listeners.
 * @returns an empty list if /proc does not show any
 */
export function findPortOwners(protocol: 'UDP' | 'TCP', address: Ipv4, port: number): readonly FoundOwner[] {
  const table = `/proc/net/${protocol.toLowerCase()}`;
  const entries = [table, `${table}6`]
    .flatMap((file) => parseUdpTable(readHostText(file) ?? ''))
    .filter(
      (entry) =>
        entry.port === port &&
        (address === ANY || entry.address === ANY || entry.address === address) &&
        (protocol === 'UDP' || entry.state === LISTENING),
    );
  return entries.slice(0, ENTRIES_MAX).map(({ inode, uid }) => ({ process: findProcess(inode), uid, inode }));
}

/**
 * The owner of a port, such as `name (process 12, name.service)`, or, if only root could see it,
 * `a process of user 33, probably name (process 12)`.
 */
export function formatOwner({ process: ownerProcess, uid }: PortOwner, port: number): string {
  if (ownerProcess !== undefined) return formatProcess(ownerProcess);
  const usualOwner = findUsualOwner(port);
  return `a process of user ${uid}${usualOwner === undefined ? '' : `, probably ${formatProcess(usualOwner)}`}`;
}

const formatProcess = ({ name, pid, unit }: PortProcess): string =>
  `${name} (process ${pid}${unit === undefined ? '' : `, ${unit}`})`;

/**
 * The owner of a port as `formatOwner` writes it, or `this process itself`; `undefined` if nobody
 * has the port.
 */
export function findPortOwner(protocol: 'UDP' | 'TCP', address: Ipv4, port: number): string | undefined {
  const owners = findPortOwners(protocol, address, port);
  const otherOwners = owners.filter((owner) => owner.process?.pid !== process.pid);
  const otherOwner = otherOwners.find((owner) => owner.process !== undefined) ?? otherOwners[0];
  if (otherOwner !== undefined) return formatOwner(otherOwner, port);
  return owners.length > 0 ? 'this process itself' : undefined;
}

function findProcess(inode: number): PortProcess | undefined {
  const targetLink = `socket:[${inode}]`;
  for (const pid of listNames('/proc', PROCESSES_MAX)) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of listNames(`/proc/${pid}/fd`, DESCRIPTORS_MAX)) {
      if (readLinkTarget(`/proc/${pid}/fd/${fd}`) === targetLink) return describeProcess(pid);
    }
  }
  return undefined;
}

/** Command lines of other users' processes can be read. */
function findUsualOwner(port: number): PortProcess | undefined {
  const usualNames = USUAL_OWNERS.get(port);
  if (usualNames === undefined) return undefined;
  const pids = listNames('/proc', PROCESSES_MAX).filter((pid) => /^\d+$/.test(pid));
  return pids.map(describeProcess).find(({ name }) => usualNames.includes(name));
}

/** `undefined` if the parent cannot be seen. */
export function findParent(pid: number): PortProcess | undefined {
  const parent = /^PPid:\s*(\d+)$/m.exec(readHostText(`/proc/${pid}/status`) ?? '')?.[1] ?? '0';
  return parent === '0' ? undefined : describeProcess(parent);
}

function listNames(directory: string, max: number): readonly string[] {
  try {
    return readdirSync(directory).slice(0, max);
  } catch {
    return [];
  }
}

function readLinkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Describes a process by its command line; its `comm` would be the name of a thread. */
function describeProcess(pid: string): PortProcess {
  const commandArguments = readHostText(`/proc/${pid}/cmdline`)?.split('\0').slice(0, WORDS_MAX) ?? [];
  const name = basename(commandArguments[0] ?? '') || readHostText(`/proc/${pid}/comm`)?.trim();
  return {
    pid: Number(pid),
    name: name ?? 'a process that has just ended',
    commandLine: commandArguments,
    unit: readSystemdUnit(Number(pid)),
  };
}

/** The systemd service of a process, by its control group. The manager of a login session does not count. */
export function readSystemdUnit(pid: number): string | undefined {
  const groups = readHostText(`/proc/${pid}/cgroup`) ?? '';
  const units = [...groups.matchAll(/\/([A-Za-z0-9@:._\\-]+\.service)(?:\/|$)/gm)];
  return units.map(([, unit]) => unit).findLast((unit) => !unit?.startsWith('user@'));
}
