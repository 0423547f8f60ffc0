// What is heard of other DHCP servers without proof: a client's REQUEST that names one, a reply that reached this rack's port. Anybody can
// send either, in anybody's name and as often as he likes. Sources: RFC 2131 §4.3.2 (silence is for the sake of other servers).
//
// 1. A server that is heard of for the first time puts its wire in doubt while it is asked for: DOUBT_MS, and no more often than every
//    DOUBT_EVERY_MS, whatever is heard. What is proven then is not kept here.
// 2. A client that chose another server is that server's client: for CHOICE_MS it is told nothing that it did not ask this rack. So a
//    server that answers no probe, because it knows its own clients only, keeps them; and who forges a client's words spares that client
//    a NAK, and nobody else.
// 3. Clients of a wire that are known here, or that chose another server before, are kept apart from those that are heard for the first time
//    (`kept-apart.ts`). Of each at most CHOOSERS_MAX are remembered.
// 4. Whoever is forgotten before its time leaves its wire overheard until that time: whoever may be the one that was forgotten is spared.
//    So a flood of invented clients makes this rack silent where it would deny, and never deny where it should be silent.

import { type Instant, later } from '../../clock.ts';
import { KeptApart, type Owner } from '../../kept-apart.ts';
import type { MacAddress } from '../../net/address.ts';

/** How long a wire is in doubt, in milliseconds: a probe follows within a minute and is listened to for seconds. */
export const DOUBT_MS = 90_000;
/** How often a wire can come in doubt. */
export const DOUBT_EVERY_MS = 3_600_000;
/** How long a client's choice is remembered, in milliseconds: the lease time of most servers is no longer than a day. */
export const CHOICE_MS = 86_400_000;
/** Who chose another server again after so long is no invention of the moment, in milliseconds. */
export const SETTLED_MS = 60_000;
/**
 * Clients of one wire whose choice is remembered: so many that are known, and so many others. Forged REQUESTs fill the latter; strangers of
 * that wire are then told no NAK for a day, and ask for another address when they have waited in vain. A choice leaves after CHOICE_MS.
 */
export const CHOOSERS_MAX = 4096;

interface Heard {
  doubtedAt: Instant | undefined;
  readonly choices: KeptApart<MacAddress, Choice>;
  /** Until when a choice would count that was forgotten: of clients that are known, and of all. */
  readonly forgottenUntil: { known: Instant | undefined; all: Instant | undefined };
}

interface Choice {
  readonly firstAt: Instant;
  readonly at: Instant;
}

const KNOWN: Owner = { rank: 'client', share: '' };
const STRANGER: Owner = { rank: 'stranger', share: '' };

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

  /** A client chose another server. @param isKnown whether it is known here otherwise */
  choose(place: string, client: MacAddress, isKnown: boolean, now: Instant): void {
    const { choices, forgottenUntil } = this.#wireAt(place);
    const before = choices.get(client);
    const counts = before !== undefined && isWithin(before.at, CHOICE_MS, now);
    const firstAt = counts ? before.firstAt : now;
    const owner = isKnown || later(firstAt, SETTLED_MS) <= now ? KNOWN : STRANGER;
    const forgotten = choices.set(client, { firstAt, at: now }, owner);
    if (forgotten === undefined || !isWithin(forgotten.at, CHOICE_MS, now)) return;
    const until = later(forgotten.at, CHOICE_MS);
    forgottenUntil.all = until;
    if (owner === KNOWN) forgottenUntil.known = until;
  }

  /** True while a client is to be spared. @param isKnown whether it is known here otherwise */
  spares(place: string, client: MacAddress, isKnown: () => boolean, now: Instant): boolean {
    const wire = this.#wires.get(place);
    if (wire === undefined) return false;
    if (isWithin(wire.doubtedAt, DOUBT_MS, now) || isWithin(wire.choices.get(client)?.at, CHOICE_MS, now)) return true;
    const { all, known } = wire.forgottenUntil;
    if (all === undefined || all <= now) return false;
    return (known !== undefined && known > now) || !isKnown();
  }

  /** Forgets wires that are no longer served. */
  retain(places: ReadonlySet<string>): void {
    for (const place of this.#wires.keys()) if (!places.has(place)) this.#wires.delete(place);
  }

  #wireAt(place: string): Heard {
    const known = this.#wires.get(place);
    if (known !== undefined) return known;
    const made: Heard = {
      doubtedAt: undefined,
      choices: new KeptApart(CHOOSERS_MAX),
      forgottenUntil: { known: undefined, all: undefined },
    };
    this.#wires.set(place, made);
    return made;
  }
}
