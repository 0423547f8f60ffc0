// What is heard of other DHCP servers without proof: a client's REQUEST that names one, a reply that reached this rack's port. Anybody can
// send either, in anybody's name and as often as he likes. Sources: RFC 2131 §4.3.2 (silence is for the sake of other servers).
//
// 1. A server that is heard of for the first time puts its wire in doubt while it is asked for: DOUBT_MS, and no more often than every
//    DOUBT_EVERY_MS, whatever is heard. What is proven then is not kept here.
// 2. A client that chose another server is that server's client: for CHOICE_MS it is told nothing that it did not ask this rack. So a
//    server that answers no probe, because it knows its own clients only, keeps them; and who forges a client's words spares that client
//    a NAK, and nobody else.
// 3. At most CHOOSERS_MAX clients of a wire are remembered; beyond that the one that chose longest ago is forgotten.

import { type Instant, later } from '../../clock.ts';
import type { MacAddress } from '../../net/address.ts';

/** How long a wire is in doubt, in milliseconds: a probe follows within a minute and is listened to for seconds. */
export const DOUBT_MS = 90_000;
/** How often a wire can come in doubt. */
export const DOUBT_EVERY_MS = 3_600_000;
/** How long a client's choice is remembered, in milliseconds: the lease time of most servers is no longer than a day. */
export const CHOICE_MS = 86_400_000;
/** The most clients of one wire whose choice is remembered. */
export const CHOOSERS_MAX = 4096;

interface Heard {
  doubtedAt: Instant | undefined;
  /** When each client chose last, oldest first. */
  readonly choices: Map<MacAddress, Instant>;
}

/** Whether something was at `at` within a time; a clock that went back makes nothing last longer. */
const isWithin = (at: Instant | undefined, durationMs: number, now: Instant): boolean =>
  at !== undefined && at <= now && now < later(at, durationMs);

/** What is heard, by wire (`wireOf`). */
export class Hearsay {
  readonly #wires = new Map<string, Heard>();

  /** A server was heard of that nobody knew. */
  doubt(place: string, now: Instant): void {
    const wire = this.#wireAt(place);
    if (!isWithin(wire.doubtedAt, DOUBT_EVERY_MS, now)) wire.doubtedAt = now;
  }

  /** A client chose another server. */
  choose(place: string, client: MacAddress, now: Instant): void {
    const { choices } = this.#wireAt(place);
    choices.delete(client);
    const [oldest] = choices.size >= CHOOSERS_MAX ? choices.keys() : [];
    if (oldest !== undefined) choices.delete(oldest);
    choices.set(client, now);
  }

  /** True while a client is to be spared. */
  spares(place: string, client: MacAddress, now: Instant): boolean {
    const wire = this.#wires.get(place);
    if (wire === undefined) return false;
    return isWithin(wire.doubtedAt, DOUBT_MS, now) || isWithin(wire.choices.get(client), CHOICE_MS, now);
  }

  /** Forgets wires that are no longer served. */
  retain(places: ReadonlySet<string>): void {
    for (const place of this.#wires.keys()) if (!places.has(place)) this.#wires.delete(place);
  }

  #wireAt(place: string): Heard {
    const known = this.#wires.get(place);
    if (known !== undefined) return known;
    const made: Heard = { doubtedAt: undefined, choices: new Map() };
    this.#wires.set(place, made);
    return made;
  }
}
