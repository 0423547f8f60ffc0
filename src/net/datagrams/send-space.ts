// Keeps a socket's send buffer free for present hosts. A datagram to a host of the same wire that
// answers no ARP waits in the kernel for three seconds, in its socket's send buffer. Requests with
// forged addresses could fill the buffer, and no other host would get an answer. Sources: arp(7),
// the kernel's neighbour table (unres_qlen_bytes), SO_MEMINFO in sock_diag(7).
//
// 1. The buffer is checked once in CHECK_EVERY datagrams. While less than a quarter of it is in use,
// 2. From a quarter on, until less than an eighth is in use, a host of an attached network without
//    an ARP entry gets one datagram per reading of the table, so that the kernel resolves it. From
//    three quarters on such a host gets none.
// 3. Sending to hosts behind a router is always allowed: the kernel then resolves only the router.
// 4. A host that asks us something is in the table by its own ARP request.

import { networkInterfaces } from 'node:os';
import {
  findNetworkEdge,
  type Ipv4,
  type Ipv4Network,
  networkContains,
  networkWithPrefix,
  parseIpv4,
} from '../../ground/address.ts';
import type { Clock, Instant } from '../../ground/clock.ts';
import type { HostNote } from '../host-note.ts';
import { readHostText } from '../kernel-text.ts';

/** Datagrams between two checks: 32 small ones take under a tenth of the smallest buffer of Linux. */
export const CHECK_EVERY = 32;
/** The greatest age of the ARP table, in milliseconds. */
const TABLE_MS_MAX = 500;
/**
 * Absent hosts that got their one datagram. Beyond the bound no further host gets one until the
 * table is read again.
 */
export const PROBED_HOSTS_MAX = 4096;

/** The note if the system granted a smaller buffer than requested, in bytes. */
export function composeSendBufferNote(grantedBytes: number, askedBytes: number): HostNote | undefined {
  if (grantedBytes >= askedBytes) return undefined;
  return { note: 'send-buffer-small', granted: grantedBytes, asked: askedBytes };
}

interface SendMemory {
  readonly usedBytes: number;
  readonly bufferBytes: number;
}

export interface Vicinity {
  /** True for a host of an attached network whose hardware address is unknown. */
  isAbsent(address: Ipv4): boolean;
}

/** Decides for one socket which hosts it may send to while its buffer is short. */
export class SendSpace {
  readonly #readMemory: () => SendMemory | undefined;
  readonly #readVicinity: () => Vicinity;
  readonly #mayReach: (address: Ipv4) => boolean;
  #lastVicinity: Vicinity | undefined;
  readonly #probedHosts = new Set<Ipv4>();
  #uncheckedCount = 0;
  #usedShare = 0;

  /**
   * `vicinity` returns the same object until the table is read again. `mayReach` is the limit of
   * all sockets together.
   */
  constructor(
    readMemory: () => SendMemory | undefined,
    vicinity: () => Vicinity,
    mayReach: (address: Ipv4) => boolean = () => true,
  ) {
    this.#mayReach = mayReach;
    this.#readMemory = readMemory;
    this.#readVicinity = vicinity;
  }

  admits(address: Ipv4): boolean {
    if (!this.#mayReach(address)) return false;
    if (this.#usedShare === 0) {
      this.#uncheckedCount += 1;
      if (this.#uncheckedCount < CHECK_EVERY) return true;
    }
    this.#check();
    if (this.#usedShare === 0) return true;
    const vicinity = this.#readVicinity();
    if (vicinity !== this.#lastVicinity) {
      this.#lastVicinity = vicinity;
      this.#probedHosts.clear();
    }
    if (!vicinity.isAbsent(address)) return true;
    if (this.#usedShare >= 0.75 || this.#probedHosts.size >= PROBED_HOSTS_MAX || this.#probedHosts.has(address))
      return false;
    this.#probedHosts.add(address);
    return true;
  }

  /** 0 while the used share is too small to matter. */
  #check(): void {
    this.#uncheckedCount = 0;
    const memory = this.#readMemory();
    const share = memory === undefined ? 0 : memory.usedBytes / memory.bufferBytes;
    this.#usedShare = share < (this.#usedShare === 0 ? 0.25 : 0.125) ? 0 : share;
  }
}

/** The kernel's ARP table, no older than `ageMsMax`. */
export class ArpTable {
  readonly #clock: Clock;
  readonly #ageMsMax: number;
  #lastRead: { readonly vicinity: Vicinity; readonly at: Instant } | undefined;

  constructor(clock: Clock, ageMsMax = TABLE_MS_MAX) {
    this.#clock = clock;
    this.#ageMsMax = ageMsMax;
  }

  getVicinity(ageMsMax = this.#ageMsMax): Vicinity {
    const now = this.#clock.now();
    if (this.#lastRead === undefined || now - this.#lastRead.at >= ageMsMax || now < this.#lastRead.at) {
      this.#lastRead = { vicinity: readVicinity(), at: now };
    }
    return this.#lastRead.vicinity;
  }
}

function readVicinity(): Vicinity {
  const networks = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ cidr }) => parseAttachedNetwork(cidr ?? ''))
    .filter((network) => network !== undefined);
  // Without the table every host counts as absent.
  const presentHosts = readArpTable(readHostText('/proc/net/arp') ?? '');
  return {
    isAbsent: (address) => !presentHosts.has(address) && networks.some((network) => containsHost(network, address)),
  };
}

function parseAttachedNetwork(cidr: string): Ipv4Network | undefined {
  const [text = '', prefix = ''] = cidr.split('/');
  const address = parseIpv4(text);
  return address === undefined ? undefined : networkWithPrefix(address, Number(prefix));
}

/** The last address is the broadcast address, which needs no ARP, except in a /31. */
function containsHost(network: Ipv4Network, address: Ipv4): boolean {
  return networkContains(network, address) && findNetworkEdge(network, address) !== 'last';
}

/** The complete entries (flag 2, ATF_COM). */
export function readArpTable(text: string): ReadonlySet<Ipv4> {
  const presentHosts = new Set<Ipv4>();
  for (const line of text.split('\n').slice(1)) {
    const [address = '', , flags = ''] = line.split(/\s+/);
    const parsed = parseIpv4(address);
    if (parsed !== undefined && (Number(flags) & 2) !== 0) presentHosts.add(parsed);
  }
  return presentHosts;
}
