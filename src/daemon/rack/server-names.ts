// The addresses of the NTP servers that the configuration names, because DHCP hands out addresses
// (RFC 2132 §8.3).
//
//   configured, every REFRESH_MS ─ look up each name ─┬─ addresses: kept; if they changed, put in force
//                                                     └─ failed: the last ones stay, noted, again after RETRY_MS
//
// 1. A name that fails keeps the addresses of its last good answer until the process ends.
// 2. One round runs at a time. It looks up LOOKUPS_AT_ONCE names together, of at most SERVER_NAMES_MAX, and
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
const LOOKUPS_AT_ONCE = 8;
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
  readonly useAddresses: (addressesOf: AddressesOf) => Promise<void>;
  readonly report: (note: RackNote) => void;
}

export class ServerNames {
  readonly #deps: ServerNamesDeps;
  #addressesByName: ReadonlyMap<string, readonly Ipv4[]> = new Map();
  #failures: ReadonlyMap<string, RackNote> = new Map();
  #runningRound: Promise<void> | undefined;
  #timer: Timer | undefined;
  readonly #closeController = new AbortController();

  constructor(deps: ServerNamesDeps) {
    this.#deps = deps;
  }

  get notes(): readonly RackNote[] {
    return [...this.#failures.values()];
  }

  /** Looks up names that are new; call it after each change of the configuration. */
  async lookUpNew(): Promise<void> {
    if (
      this.#closeController.signal.aborted ||
      this.#deps.names().every((name) => this.#addressesByName.has(name) || this.#failures.has(name))
    ) {
      // When a name is no longer configured, its note goes, too.
      this.#failures = new Map([...this.#failures].filter(([name]) => this.#deps.names().includes(name)));
      return;
    }
    await this.#refresh();
  }

  close(): void {
    this.#closeController.abort();
    this.#timer?.cancel();
  }

  async #refresh(): Promise<void> {
    if (this.#runningRound !== undefined) {
      await this.#runningRound;
      return this.lookUpNew();
    }
    this.#timer?.cancel();
    this.#runningRound = this.#lookUpAll();
    await this.#runningRound;
    this.#runningRound = undefined;
    if (this.#closeController.signal.aborted || this.#deps.names().length === 0) return;
    const delayMs = this.#failures.size === 0 ? REFRESH_MS : RETRY_MS;
    this.#timer = this.#deps.clock.schedule(delayMs, () => void this.#refresh());
  }

  async #lookUpAll(): Promise<void> {
    const { names, report } = this.#deps;
    const allNames = names();
    const resolved = new Map<string, readonly Ipv4[]>();
    const failures = new Map<string, RackNote>();
    for (let start = 0; start < allNames.length; start += LOOKUPS_AT_ONCE) {
      await Promise.all(
        allNames.slice(start, start + LOOKUPS_AT_ONCE).map(async (name) => {
          const knownAddresses = this.#addressesByName.get(name) ?? [];
          const result = await this.#lookUp(name);
          if (typeof result !== 'string') return void resolved.set(name, result);
          if (knownAddresses.length > 0) resolved.set(name, knownAddresses);
          const keptAddresses = knownAddresses.map(formatIpv4).join(', ');
          failures.set(name, { note: 'ntp-name-unresolved', name, reason: result, kept: keptAddresses });
        }),
      );
    }
    const newFailures = [...failures].filter(([name]) => !this.#failures.has(name));
    const isChanged = formatAddressesKey(resolved) !== formatAddressesKey(this.#addressesByName);
    this.#addressesByName = resolved;
    this.#failures = failures;
    if (this.#closeController.signal.aborted) return;
    for (const [, note] of newFailures) report(note);
    if (isChanged) await this.#applyAddresses();
  }

  async #applyAddresses(): Promise<void> {
    const addresses = this.#addressesByName;
    try {
      await this.#deps.useAddresses((name) => addresses.get(name) ?? []);
    } catch (error) {
      this.#deps.report({ note: 'ntp-addresses-unused', reason: errorText(error) });
      // The next round tries again.
      this.#addressesByName = new Map();
    }
  }

  async #lookUp(name: string): Promise<readonly Ipv4[] | string> {
    try {
      const resolved = await this.#deps.lookUp(name, this.#closeController.signal);
      return [...new Set(resolved)].toSorted((a, b) => a - b).slice(0, ADDRESSES_MAX);
    } catch (error) {
      return errorText(error);
    }
  }
}

const formatAddressesKey = (addressesByName: ReadonlyMap<string, readonly Ipv4[]>): string =>
  [...addressesByName]
    .map(([name, addresses]) => `${name} ${addresses.map(formatIpv4).join(' ')}`)
    .toSorted()
    .join('\n');

/**
 * Looks up names as machines do: with the name server of the rack, and, if that does not know a
 * name, with the host's.
 */
export const makeLookUp =
  (dns: () => Pick<DnsConfig, 'listen' | 'listenPort'>): LookUp =>
  async (name, signal) => {
    const { listen, listenPort } = dns();
    const [ownServer] = listen;
    if (ownServer !== undefined) {
      try {
        return await queryAddresses(name, `${formatIpv4(ownServer)}:${listenPort}`, signal);
      } catch {
        // The host's name server may know the name, or else reports why it cannot be found.
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
