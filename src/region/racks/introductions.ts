// Parses the interfaces that a registering rack reports. The limits depend on whether the region
// trusts the rack.
//
//   accepted, or with an administrator's key ─► parsed
//   unknown ─┬─ longer than its bound ────────► refused unparsed
//            ├─ pending, same text as last ───► reused: not parsed again, and not counted against its rate
//            └─ otherwise ────────────────────► parsed if its rate allows
//
// 1. If several processes share the store, the store's rates also limit registrations, as for
//    passwords (`accounts/password-limits.ts`).
// 2. Reservations in an unknown rack's interfaces are not stored: they do not matter for its
//    acceptance, and the rack reports them again after that.

import type { Clock } from '../../ground/clock.ts';
import { composeJsonFaultText } from '../../ground/json-excess.ts';
import { findNetworkKey } from '../../net/shares/fair-shares.ts';
import { rackInterfaces } from '../records/heartbeat.ts';
import { PENDING_RACKS_MAX } from '../records/rack.ts';
import type { RackInterface } from '../records/rack-description.ts';
import type { RateStore } from '../records/rate-store.ts';
import { fieldRefusal, type RefusalWord } from '../records/refusal.ts';
import { parseJson } from '../records/text-json.ts';
import { formatHostKey, RateLimiter } from '../shares/request-rates.ts';
import { check, HEARTBEAT_VALUES_MAX } from './rack-news.ts';

/**
 * Bound on the interfaces of an unaccepted rack, as JSON in UTF-16 units. It is enough for
 * RACK_INTERFACES_MAX interfaces with only a name and a network, on which acceptance depends, or
 * for about forty complete ones. The region keeps this much for up to 2 × PENDING_RACKS_MAX racks.
 */
export const STRANGERS_INTERFACES_LENGTH_MAX = 16_384;

export type Introduction =
  | { readonly kind: 'interfaces'; readonly interfaces: readonly RackInterface[] }
  | { readonly kind: 'too-long' | 'too-many' }
  | { readonly kind: 'fault'; readonly refusal: RefusalWord };

export class Introductions {
  /** By UUID. Beyond 2 × PENDING_RACKS_MAX entries, those of racks that are no longer pending are removed. */
  readonly #said = new Map<string, { readonly text: string; readonly interfaces: readonly RackInterface[] }>();

  /**
   * Parses a report.
   * @param mayAsk counts it against the sender's rate, and returns false beyond the rate;
   * `undefined` for a trusted sender
   */
  async read(uuid: string, text: string, mayAsk: (() => Promise<boolean>) | undefined): Promise<Introduction> {
    if (mayAsk === undefined) return parseIntroduction(text);
    if (text.length > STRANGERS_INTERFACES_LENGTH_MAX) return { kind: 'too-long' };
    const existing = this.#said.get(uuid);
    if (existing?.text === text) return { kind: 'interfaces', interfaces: existing.interfaces };
    if (!(await mayAsk())) return { kind: 'too-many' };
    const read = parseIntroduction(text);
    if (read.kind !== 'interfaces') return read;
    return { kind: 'interfaces', interfaces: read.interfaces.map(({ reservations: _, ...judged }) => judged) };
  }

  remember(
    uuid: string,
    introduction: { readonly text: string; readonly interfaces: readonly RackInterface[] },
    isWaiting: (uuid: string) => boolean,
  ): void {
    this.#said.set(uuid, introduction);
    if (this.#said.size <= 2 * PENDING_RACKS_MAX) return;
    for (const key of this.#said.keys()) if (!isWaiting(key)) this.#said.delete(key);
  }
}

function parseIntroduction(text: string): Introduction {
  const written = parseJson(text, HEARTBEAT_VALUES_MAX);
  if (written.kind === 'fault') return { kind: 'fault', refusal: fieldRefusal(composeJsonFaultText(written.fault)) };
  const checked = check(rackInterfaces, written.value);
  return checked.ok ? { kind: 'interfaces', interfaces: checked.value } : { kind: 'fault', refusal: checked.problem };
}

/**
 * Registrations of unknown racks: from one address, from one network, and in total. An unchanged
 * repeat by a pending rack does not count.
 */
export const REGISTRATIONS_PER_ADDRESS = { perSecond: 1 / 60, burst: 6 } as const;
export const REGISTRATIONS_PER_NETWORK = { perSecond: 0.1, burst: 16 } as const;
export const REGISTRATIONS_IN_TOTAL = { perSecond: 1, burst: 64 } as const;

export class UnknownRackRates {
  readonly #clock: Clock;
  readonly #shared: RateStore | undefined;
  readonly #own = new RateLimiter(REGISTRATIONS_PER_ADDRESS, REGISTRATIONS_IN_TOTAL, REGISTRATIONS_PER_NETWORK);

  /** @param shared the rates of all processes of the region; undefined: this is the only one */
  constructor(clock: Clock, shared: RateStore | undefined) {
    this.#clock = clock;
    this.#shared = shared;
  }

  /**
   * True if an unknown rack may register from this address now; counts the registration. @throws
   * RackError `store-unavailable`
   */
  async allows(address: string): Promise<boolean> {
    if (!this.#own.allows(address, this.#clock.now())) return false;
    if (this.#shared === undefined) return true;
    const rates = [
      [`registration of ${formatHostKey(address)}`, REGISTRATIONS_PER_ADDRESS],
      [`registration of network ${findNetworkKey(address)}`, REGISTRATIONS_PER_NETWORK],
      ['registration', REGISTRATIONS_IN_TOTAL],
    ] as const;
    for (const [name, rate] of rates) if (!(await this.#shared.take(name, rate))) return false;
    return true;
  }
}
