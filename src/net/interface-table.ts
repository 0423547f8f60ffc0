// The interfaces of the host as they follow from what the kernel said: netlink messages in, the present list out.
//
//     startDump ─▶ links … ─▶ finishLinks ─▶ addresses … ─▶ finishDump ─▶ messages as they come
//
// 1. Messages may repeat and may arrive during a dump; applying one twice changes nothing.
// 2. What a dump did not name is gone when it ends: so a lost message is made good by the next dump.

import { type Ipv4, ipv4 } from './address.ts';
import type { HostInterface } from './host-interface.ts';
import type { NetlinkMessage } from './netlink.ts';

/** Interfaces and addresses of one interface that are kept; further ones are not seen. */
const INTERFACES_MAX = 4_096;
const ADDRESSES_MAX = 1_024;

type LinkMessage = Extract<NetlinkMessage, { kind: 'link' }>;

interface Entry {
  link: LinkMessage | undefined;
  /** Addresses with their prefixes (see `addressKey`), in the order in which the kernel named them. */
  addresses: Set<number>;
}

/** Folds netlink messages into the list of interfaces. */
export class InterfaceTable {
  #entries = new Map<number, Entry>();
  /** What the running dump has named so far. */
  #fresh: Map<number, Entry> | undefined;

  /** A list of everything is about to arrive. */
  startDump(): void {
    this.#fresh = new Map();
  }

  /** The list is complete: it takes the place of what was known. */
  finishDump(): void {
    if (this.#fresh === undefined) return;
    this.#entries = this.#fresh;
    this.#fresh = undefined;
  }

  apply(message: NetlinkMessage): void {
    applyTo(this.#fresh ?? this.#entries, message);
  }

  /** The interfaces, by index. An address whose interface was not named yet is not shown. */
  list(): readonly HostInterface[] {
    const interfaces: HostInterface[] = [];
    for (const { link, addresses } of this.#entries.values()) {
      if (link === undefined) continue;
      const { index, name, mac, up, carrier } = link;
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
    case 'link': {
      const entry = entryOf(entries, message.index);
      if (entry !== undefined) entry.link = message;
      return;
    }
    case 'link-gone':
      entries.delete(message.index);
      return;
    case 'address': {
      const addresses = entryOf(entries, message.index)?.addresses;
      if (addresses !== undefined && addresses.size < ADDRESSES_MAX) addresses.add(addressKey(message));
      return;
    }
    case 'address-gone':
      entries.get(message.index)?.addresses.delete(addressKey(message));
      return;
    default:
  }
}

/** An address and its prefix as one number: an interface may have the same address with two prefixes. */
function addressKey(of: { readonly address: Ipv4; readonly prefix: number }): number {
  return of.address * 64 + of.prefix;
}

function entryOf(entries: Map<number, Entry>, index: number): Entry | undefined {
  const known = entries.get(index);
  if (known !== undefined || entries.size >= INTERFACES_MAX) return known;
  const entry: Entry = { link: undefined, addresses: new Set() };
  entries.set(index, entry);
  return entry;
}

/** True when the two lists say the same. */
export function sameInterfaces(a: readonly HostInterface[], b: readonly HostInterface[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
