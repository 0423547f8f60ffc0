// Recognises unknown clients that asked in vain and come back. RFC 2131 §4.1 has clients retry
// after about 4, 8, 16 and 32 seconds. A flood invents a hardware address for each DISCOVER; a
// machine retries under its own, and is served first (`new-clients.ts`).
//
//   asked in vain ─ leftOut ─▶ waiting ─ leftOut, CAME_BACK_MS later ─▶ came back ─ served ─▶ forgotten
//                                 └─────── nothing heard for WAITING_MS ────────────────────▶ forgotten
//
// 1. At most WAITING_CLIENTS_MAX clients are kept, in memory that never grows. A keyed hash chooses
//    each client's WAYS slots, so none can be aimed at. If all are taken, the client heard longest
//    ago goes, those that never came back first. A flood of 5000 clients a second is remembered for
//    about 13 s; a client that came back, for as long as it asks.
// 2. A client is known by 32 further bits of its hash. Of two clients that agree in them, the
//    second is served early.
// 3. A client that was offered an address starts over, so one that never takes its offers gets one turn.

import type { Instant } from '../../ground/clock.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';

/**
 * How many clients are remembered: 1.4 MB, allocated at the first refusal. A flood fills it within
 * seconds. Up to about 10 000 clients a second newcomers notice nothing; beyond that they are
 * forgotten before they ask again. It empties within WAITING_MS.
 */
export const WAITING_CLIENTS_MAX = 65_536;
/**
 * A client that asks after this time has come back, in milliseconds; copies by several relay agents
 * arrive sooner.
 */
export const CAME_BACK_MS = 800;
/**
 * A client silent for this long is forgotten, in milliseconds. The longest retry pause of firmware
 * is 32 s, of busybox 20 s, of dhclient 64 s.
 */
export const WAITING_MS = 120_000;
/** Slots that one client may take. */
const WAYS = 4;
const SETS = WAITING_CLIENTS_MAX / WAYS;

interface Table {
  /** 32 bits of each client's hash; 0: empty. */
  readonly prints: Uint32Array;
  /** When the client first asked, and when last. */
  readonly firstAt: Float64Array;
  readonly lastAt: Float64Array;
  readonly isBack: Uint8Array;
}

export class WaitingClients {
  readonly #seed: number;
  #table: Table | undefined;
  /** The hash of the last client looked up. */
  #set = 0;
  #print = 0;

  /** @param seed 32 random bits, kept secret */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  /** For how many milliseconds a client has asked in vain; 0 if it has not come back. */
  waitedMs(client: ClientIdentity, now: Instant): number {
    const table = this.#table;
    const slot = table && this.#find(table, client, now);
    if (table === undefined || slot === undefined) return 0;
    const waitedMs = now - (table.firstAt[slot] ?? now);
    return waitedMs >= CAME_BACK_MS ? waitedMs : 0;
  }

  leftOut(client: ClientIdentity, now: Instant): void {
    this.#table ??= emptyTable();
    const table = this.#table;
    const slot = this.#find(table, client, now);
    if (slot !== undefined) {
      table.lastAt[slot] = now;
      if (now - (table.firstAt[slot] ?? now) >= CAME_BACK_MS) table.isBack[slot] = 1;
      return;
    }
    const newSlot = this.#chooseSlot(table, now);
    table.prints[newSlot] = this.#print;
    table.firstAt[newSlot] = now;
    table.lastAt[newSlot] = now;
    table.isBack[newSlot] = 0;
  }

  /** Forgets a client that was offered an address. */
  served(client: ClientIdentity, now: Instant): void {
    const table = this.#table;
    const slot = table && this.#find(table, client, now);
    if (table !== undefined && slot !== undefined) table.prints[slot] = 0;
  }

  #find(table: Table, client: ClientIdentity, now: Instant): number | undefined {
    this.#hash(client);
    for (let slot = this.#set; slot < this.#set + WAYS; slot += 1) {
      if (table.prints[slot] === this.#print && isWaitingSlot(table, slot, now)) return slot;
    }
    return undefined;
  }

  #chooseSlot(table: Table, now: Instant): number {
    let chosen = this.#set;
    for (let slot = this.#set; slot < this.#set + WAYS; slot += 1) {
      if (table.prints[slot] === 0 || !isWaitingSlot(table, slot, now)) return slot;
      const [isBack = 0, chosenIsBack = 0] = [table.isBack[slot], table.isBack[chosen]];
      const isOlder = (table.lastAt[slot] ?? 0) < (table.lastAt[chosen] ?? 0);
      if (isBack < chosenIsBack || (isBack === chosenIsBack && isOlder)) chosen = slot;
    }
    return chosen;
  }

  #hash(client: ClientIdentity): void {
    let first = this.#seed;
    let second = ~this.#seed;
    if (typeof client === 'number') {
      const high = Math.floor(client / 0x1_0000_0000);
      first = mix(mix(first, client | 0), high);
      second = mix(mix(second, high), client | 0);
    } else {
      for (let at = 0; at < client.length; at += 1) first = mix(first, client.charCodeAt(at));
      second = mix(mix(second, first), client.length);
    }
    this.#set = (((first ^ (first >>> 15)) >>> 0) % SETS) * WAYS;
    this.#print = (second ^ (second >>> 13)) >>> 0 || 1;
  }
}

const emptyTable = (): Table => ({
  prints: new Uint32Array(WAITING_CLIENTS_MAX),
  firstAt: new Float64Array(WAITING_CLIENTS_MAX),
  lastAt: new Float64Array(WAITING_CLIENTS_MAX),
  isBack: new Uint8Array(WAITING_CLIENTS_MAX),
});

/** A clock that went back empties the slot. */
function isWaitingSlot(table: Table, slot: number, now: Instant): boolean {
  const agoMs = now - (table.lastAt[slot] ?? 0);
  return agoMs >= 0 && agoMs < WAITING_MS;
}

/** One step of MurmurHash3's mixing of 32 bits. */
function mix(hash: number, word: number): number {
  let bits = Math.imul(word, 0xcc9e_2d51);
  bits = (bits << 15) | (bits >>> 17);
  const next = hash ^ Math.imul(bits, 0x1b87_3593);
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe654_6b64) | 0;
}
