// Unproven signs of other DHCP servers: a client's REQUEST that names one, a reply that reached this rack's port. Any host can send either,
// in any name and any number of times. Sources: RFC 2131 §4.3.2 (silence is for the sake of other servers).
//
// 1. The first sign of a server puts its shared network in doubt while a probe looks for it: for DOUBT_MS, and at most once per
//    DOUBT_EVERY_MS, whatever is heard. A server proven then is no longer kept here.
// 2. A client that chose another server belongs to that server: for CHOICE_MS the rack is a guest towards it (`networks/server-role.ts`), and
//    denies it nothing that the other server may have given. So a server that answers no probe, because it serves only its own clients,
//    keeps them; and forging a client's words only spares that client a NAK.
// 3. Clients of a shared network that are known here, or that chose another server before, are kept apart from those heard for the first
//    time (`net/shares/kept-apart.ts`). At most CHOOSERS_MAX of each are remembered.
// 4. If a choice is forgotten early, its shared network counts as overheard until that choice would have ended: every client that may be
//    the forgotten one is spared. So a flood of invented clients makes this rack silent where it would deny, but never makes it deny where
//    it should be silent.

import { type Instant, later } from '../../clock.ts';
import type { MacAddress } from '../../net/address.ts';
import { KeptApart, type Owner } from '../../net/shares/kept-apart.ts';

/** How long a shared network is in doubt, in milliseconds: a probe follows within a minute and listens for seconds. */
export const DOUBT_MS = 90_000;
/** How often a shared network can come into doubt, in milliseconds. */
const DOUBT_EVERY_MS = 3_600_000;
/** How long a client's choice is remembered, in milliseconds: most servers' leases last at most a day. */
export const CHOICE_MS = 86_400_000;
/** A client that chooses another server again after this time was not just invented. Milliseconds. */
export const SETTLED_MS = 60_000;
/**
 * How many clients of one shared network have their choice remembered: this many known ones, and as many others. Forged REQUESTs fill the
 * latter; strangers on that shared network then get no NAK for a day, and ask for another address when they have waited in vain. A choice
 * is forgotten after CHOICE_MS.
 */
export const CHOOSERS_MAX = 4096;

interface Heard {
  doubtedAt: Instant | undefined;
  readonly choices: KeptApart<MacAddress, Choice>;
  /** Until when forgotten choices would have counted: of known clients, and of all. */
  readonly forgottenUntil: { known: Instant | undefined; all: Instant | undefined };
}

interface Choice {
  readonly firstAt: Instant;
  readonly at: Instant;
}

const KNOWN: Owner = { rank: 'client', share: '' };
const STRANGER: Owner = { rank: 'stranger', share: '' };

/** Whether `at` lies within the given time before `now`; a clock that went back never extends it. */
const isWithin = (at: Instant | undefined, durationMs: number, now: Instant): boolean =>
  at !== undefined && at <= now && now < later(at, durationMs);

/** Signs of other servers, by shared network (`sharedNetworkKey`). */
export class Hearsay {
  readonly #heard = new Map<string, Heard>();

  /** Notes a first sign of an unknown server. */
  doubt(place: string, now: Instant): void {
    const heard = this.#heardAt(place);
    if (!isWithin(heard.doubtedAt, DOUBT_EVERY_MS, now)) heard.doubtedAt = now;
  }

  /** Notes that a client chose another server. @param isKnown whether it is known here otherwise */
  choose(place: string, client: MacAddress, isKnown: boolean, now: Instant): void {
    const { choices, forgottenUntil } = this.#heardAt(place);
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

  /** True while a client must be spared. @param isKnown whether it is known here otherwise */
  spares(place: string, client: MacAddress, isKnown: () => boolean, now: Instant): boolean {
    const heard = this.#heard.get(place);
    if (heard === undefined) return false;
    if (isWithin(heard.doubtedAt, DOUBT_MS, now) || isWithin(heard.choices.get(client)?.at, CHOICE_MS, now))
      return true;
    const { all, known } = heard.forgottenUntil;
    if (all === undefined || all <= now) return false;
    return (known !== undefined && known > now) || !isKnown();
  }

  /** Forgets shared networks that are no longer served. */
  retain(places: ReadonlySet<string>): void {
    for (const place of this.#heard.keys()) if (!places.has(place)) this.#heard.delete(place);
  }

  #heardAt(place: string): Heard {
    const known = this.#heard.get(place);
    if (known !== undefined) return known;
    const made: Heard = {
      doubtedAt: undefined,
      choices: new KeptApart(CHOOSERS_MAX),
      forgottenUntil: { known: undefined, all: undefined },
    };
    this.#heard.set(place, made);
    return made;
  }
}
