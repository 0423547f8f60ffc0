// Turns netlink messages into the list of interfaces.
//
//     startDump ─▶ interfaces … ─▶ addresses … ─▶ finishDump ─▶ messages as they come
//
// 1. Messages may repeat, which changes nothing, and arrive during a dump.
// 2. What a dump did not name is removed at its end, so it repairs a lost message.

import { type Ipv4, ipv4 } from '../../ground/address.ts';
import type { HostInterface } from '../host-interface.ts';
import type { NetlinkMessage } from '../netlink.ts';

/** Interfaces that are kept, and addresses of each; further ones are ignored. */
const INTERFACES_MAX = 4_096;
const ADDRESSES_MAX = 1_024;

type InterfaceMessage = Extract<NetlinkMessage, { kind: 'interface' }>;

interface Entry {
  description: InterfaceMessage | undefined;
  /** Addresses with prefixes (`encodeAddressKey`), in the kernel's order. */
  addresses: Set<number>;
}

export class InterfaceTable {
  #entries = new Map<number, Entry>();
  /** Entries of the running dump so far. */
  #dumpEntries: Map<number, Entry> | undefined;

  startDump(): void {
    this.#dumpEntries = new Map();
  }

  /** The full list replaces the known one. */
  finishDump(): void {
    if (this.#dumpEntries === undefined) return;
    this.#entries = this.#dumpEntries;
    this.#dumpEntries = undefined;
  }

  apply(message: NetlinkMessage): void {
    applyTo(this.#dumpEntries ?? this.#entries, message);
  }

  /** The interfaces ordered by index, without addresses of unknown interfaces. */
  list(): readonly HostInterface[] {
    const interfaces: HostInterface[] = [];
    for (const { description, addresses } of this.#entries.values()) {
      if (description === undefined) continue;
      const { index, name, mac, up, carrier } = description;
      interfaces.push({
        name,
        index,
        mac,
        up,
        carrier,
        addresses: [...addresses].map((key) => ({ address: ipv4(Math.floor(key / 64)), prefix: key % 64 })),
      });
    }
    return interfaces.sort((a, b) => a.index - b.index);
  }
}

function applyTo(entries: Map<number, Entry>, message: NetlinkMessage): void {
  switch (message.kind) {
    case 'interface': {
      const entry = getOrAddEntry(entries, message.index);
      if (entry !== undefined) entry.description = message;
      return;
    }
    case 'interface-gone':
      entries.delete(message.index);
      return;
    case 'address': {
      const addresses = getOrAddEntry(entries, message.index)?.addresses;
      if (addresses !== undefined && addresses.size < ADDRESSES_MAX) addresses.add(encodeAddressKey(message));
      return;
    }
    case 'address-gone':
      entries.get(message.index)?.addresses.delete(encodeAddressKey(message));
      return;
    default:
  }
}

/** Address and prefix as one number: an interface may have the same address with two prefixes. */
function encodeAddressKey(interfaceAddress: { readonly address: Ipv4; readonly prefix: number }): number {
  return interfaceAddress.address * 64 + interfaceAddress.prefix;
}

function getOrAddEntry(entries: Map<number, Entry>, index: number): Entry | undefined {
  const existing = entries.get(index);
  if (existing !== undefined || entries.size >= INTERFACES_MAX) return existing;
  const entry: Entry = { description: undefined, addresses: new Set() };
  entries.set(index, entry);
  return entry;
}

export function isSameInterfaces(a: readonly HostInterface[], b: readonly HostInterface[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
