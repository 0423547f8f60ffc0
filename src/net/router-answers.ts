// Whom to tell that there is no IPv6 router: machines that boot, on networks where none was seen. Pure. Sources: RFC 4861 §6.2.1 (how
// often a router advertises), §6.2.6 (answers to solicitations).
//
//   solicitation ─┬─ not wanted on this interface, or a router was seen there ─▶ silence
//                 ├─ of a machine that boots ─▶ answer
//                 └─ of anybody else ─▶ kept for KEPT_MS: the machine's first DISCOVER may follow it ─ booting ─▶ answer
//
// 1. Only machines that ask DHCP for something to boot are answered: an installed system has all the time it wants.
// 2. A router counts for ROUTER_MS after it was last heard: the longest a router may stay silent, and a little.
// 3. Deviates from RFC 4861 §6.2.6 (a random delay of up to 0.5 s) because the answer goes to one machine, which waits for it.
// 4. Each table has a bound; what came first is forgotten first.

import { type Instant, later } from '../clock.ts';
import type { MacAddress } from './address.ts';
import type { Solicitation } from './net-message.ts';

/** How long a router counts as there: MaxRtrAdvInterval is at most 1800 s (RFC 4861 §6.2.1). */
export const ROUTER_MS = 2_100_000;
/** How long a machine counts as booting after it asked for something to boot. */
export const BOOTING_MS = 300_000;
/** How long a solicitation waits for its sender's DISCOVER. */
export const KEPT_MS = 3000;
/** The most machines that are remembered, and the most solicitations that wait. */
export const BOOTING_MAX = 4096;
export const KEPT_MAX = 256;

/** Decides on solicitations. */
export class RouterAnswers {
  readonly #bootingAt = new Map<MacAddress, Instant>();
  readonly #kept = new Map<MacAddress, { readonly solicitation: Solicitation; readonly at: Instant }>();
  readonly #routerAt = new Map<string, Instant>();
  #wanted: ReadonlySet<string> = new Set();

  /** Answers on these interfaces from now on. */
  configure(interfaceNames: Iterable<string>): void {
    this.#wanted = new Set(interfaceNames);
  }

  /** A router was heard. @returns true: none was known there */
  noteRouter(interfaceName: string, now: Instant): boolean {
    const isNew = !this.#hasRouter(interfaceName, now);
    this.#routerAt.set(interfaceName, now);
    return isNew;
  }

  /** A machine asked for something to boot. @returns its solicitation that waits for an answer; undefined: none does */
  noteBooting(mac: MacAddress, now: Instant): Solicitation | undefined {
    if (this.#wanted.size === 0) return undefined;
    remember(this.#bootingAt, mac, now, BOOTING_MAX);
    const kept = this.#kept.get(mac);
    if (kept === undefined) return undefined;
    this.#kept.delete(mac);
    const { solicitation, at } = kept;
    return later(at, KEPT_MS) > now && this.#isWanted(solicitation.interfaceName, now) ? solicitation : undefined;
  }

  /** Whether a machine is to be told now. */
  shallAnswer(solicitation: Solicitation, now: Instant): boolean {
    const { mac, interfaceName } = solicitation;
    if (!this.#isWanted(interfaceName, now)) return false;
    const bootingAt = this.#bootingAt.get(mac);
    if (bootingAt !== undefined && later(bootingAt, BOOTING_MS) > now) return true;
    remember(this.#kept, mac, { solicitation, at: now }, KEPT_MAX);
    return false;
  }

  #isWanted(interfaceName: string, now: Instant): boolean {
    return this.#wanted.has(interfaceName) && !this.#hasRouter(interfaceName, now);
  }

  #hasRouter(interfaceName: string, now: Instant): boolean {
    const at = this.#routerAt.get(interfaceName);
    return at !== undefined && later(at, ROUTER_MS) > now;
  }
}

/** Sets a key as the newest, and forgets the oldest beyond `most`. */
function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.size > most ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}
