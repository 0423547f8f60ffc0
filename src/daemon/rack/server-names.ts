// The addresses of the NTP servers that the configuration names, because DHCP hands out addresses
// (RFC 2132 §8.3).
//
//   configured, every REFRESH_MS ─ look up each name ─┬─ addresses: kept; if they changed, put in force
//                                                     └─ failed: the last ones stay, noted, again after RETRY_MS
//
// 1. A name that fails keeps the addresses of its last good answer until the process ends.
// 2. One round runs at a time. It looks up AT_ONCE names together, of at most SERVER_NAMES_MAX, and
//    each takes a bounded time.
// 3. A failure is reported when it begins, and is a note for as long as it lasts.

import { Resolver } from 'node:dns/promises';
import type { AddressesOf } from '../../config/option-list.ts';
import type { DnsConfig } from '../../dns/config.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../ground/address.ts';
import type { Clock, Timer } from '../../ground/clock.ts';
import { errorText } from '../../ground/errors.ts';
import type { RackNote } from '../../region/reports/notes.ts';

/** How long addresses count as current. Time servers move seldom, and most of their TTLs are shorter. */
export const REFRESH_MS = 600_000;
/** How soon names are asked for again after a failure. */
export const RETRY_MS = 30_000;
const AT_ONCE = 8;
/** The most addresses of one name: pools have many, and a reply has room for few. */
export const ADDRESSES_MAX = 4;
/** How long one question may take; it is asked twice. */
const QUESTION_MS = 2000;

/** Asks for the addresses of a name. Rejects if there are none, or when the signal aborts. */
type LookUp = (name: string, signal: AbortSignal) => Promise<readonly Ipv4[]>;

interface ServerNamesDeps {
  readonly clock: Clock;
  readonly lookUp: LookUp;
  readonly names: () => readonly string[];
  readonly use: (addressesOf: AddressesOf) => Promise<void>;
  readonly report: (note: RackNote) => void;
}

export class ServerNames {
  readonly #deps: ServerNamesDeps;
  #known: ReadonlyMap<string, readonly Ipv4[]> = new Map();
  #failed: ReadonlyMap<string, RackNote> = new Map();
  #round: Promise<void> | undefined;
  #timer: Timer | undefined;
  readonly #closing = new AbortController();

  constructor(deps: ServerNamesDeps) {
    this.#deps = deps;
  }

  get notes(): readonly RackNote[] {
    return [...this.#failed.values()];
  }

  /** Looks up names that are new; call it after each change of the configuration. */
  async look(): Promise<void> {
    if (
      this.#closing.signal.aborted ||
      this.#deps.names().every((name) => this.#known.has(name) || this.#failed.has(name))
    ) {
      // A name that is gone takes its note with it.
      this.#failed = new Map([...this.#failed].filter(([name]) => this.#deps.names().includes(name)));
      return;
    }
    await this.#refresh();
  }

  close(): void {
    this.#closing.abort();
    this.#timer?.cancel();
  }

  async #refresh(): Promise<void> {
    if (this.#round !== undefined) {
      await this.#round;
      return this.look();
    }
    this.#timer?.cancel();
    this.#round = this.#lookUpAll();
    await this.#round;
    this.#round = undefined;
    if (this.#closing.signal.aborted || this.#deps.names().length === 0) return;
    const delayMs = this.#failed.size === 0 ? REFRESH_MS : RETRY_MS;
    this.#timer = this.#deps.clock.schedule(delayMs, () => void this.#refresh());
  }

  async #lookUpAll(): Promise<void> {
    const { names, report } = this.#deps;
    const all = names();
    const resolved = new Map<string, readonly Ipv4[]>();
    const failed = new Map<string, RackNote>();
    for (let from = 0; from < all.length; from += AT_ONCE) {
      await Promise.all(
        all.slice(from, from + AT_ONCE).map(async (name) => {
          const before = this.#known.get(name) ?? [];
          const result = await this.#lookUp(name);
          if (typeof result !== 'string') return void resolved.set(name, result);
          if (before.length > 0) resolved.set(name, before);
          const keptAddresses = before.map(formatIpv4).join(', ');
          failed.set(name, { note: 'ntp-name-unresolved', name, reason: result, kept: keptAddresses });
        }),
      );
    }
    const begun = [...failed].filter(([name]) => !this.#failed.has(name));
    const isChanged = serverNamesKey(resolved) !== serverNamesKey(this.#known);
    this.#known = resolved;
    this.#failed = failed;
    if (this.#closing.signal.aborted) return;
    for (const [, note] of begun) report(note);
    if (isChanged) await this.#use();
  }

  async #use(): Promise<void> {
    const addresses = this.#known;
    try {
      await this.#deps.use((name) => addresses.get(name) ?? []);
    } catch (error) {
      this.#deps.report({ note: 'ntp-addresses-unused', reason: errorText(error) });
      // The next round tries again.
      this.#known = new Map();
    }
  }

  async #lookUp(name: string): Promise<readonly Ipv4[] | string> {
    try {
      const resolved = await this.#deps.lookUp(name, this.#closing.signal);
      return [...new Set(resolved)].toSorted((a, b) => a - b).slice(0, ADDRESSES_MAX);
    } catch (error) {
      return errorText(error);
    }
  }
}

const serverNamesKey = (addressesByName: ReadonlyMap<string, readonly Ipv4[]>): string =>
  [...addressesByName]
    .map(([name, addresses]) => `${name} ${addresses.map(formatIpv4).join(' ')}`)
    .toSorted()
    .join('\n');

/**
 * Looks up names as machines do, with the name server of the rack, and if it does not know them
 * with that of the host.
 */
export const lookUpWith =
  (dns: () => Pick<DnsConfig, 'listen' | 'listenPort'>): LookUp =>
  async (name, signal) => {
    const { listen, listenPort } = dns();
    const [own] = listen;
    if (own !== undefined) {
      try {
        return await queryAddresses(name, `${formatIpv4(own)}:${listenPort}`, signal);
      } catch {
        // The name server of the host may know the name, and says otherwise why not.
      }
    }
    return queryAddresses(name, undefined, signal);
  };

async function queryAddresses(name: string, server: string | undefined, signal: AbortSignal): Promise<readonly Ipv4[]> {
  signal.throwIfAborted();
  const resolver = new Resolver({ timeout: QUESTION_MS, tries: 2 });
  if (server !== undefined) resolver.setServers([server]);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const answers = await resolver.resolve4(name);
    return answers.flatMap((text) => parseIpv4(text) ?? []);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
