// Unproven signs of other DHCP servers: a REQUEST that names one, a reply that reached this rack's
// port. Any host can forge either. Sources: RFC 2131 §4.3.2 (silence is for the sake of other
// servers).
//
// 1. The first sign of a server puts its shared network in doubt while a probe looks for it: for
//    DOUBT_MS, at most once per DOUBT_EVERY_MS. A proven server is no longer kept here.
// 2. A client that chose another server belongs to it: for CHOICE_MS the rack is a guest there
//    (`networks/server-role.ts`), and denies it nothing that the other may have given. So a server
//    that answers only its own clients keeps them. A host that forges a client's words only spares
//    that client a NAK.
// 3. Clients known here, or that chose before, are kept apart from those heard first
//    (`net/shares/kept-apart.ts`), CHOOSERS_MAX of each.
// 4. If a choice is forgotten early, every client of its shared network that may have made it is
//    spared until the choice would have ended. So a flood makes this rack silent where it would
//    deny, never the reverse.

import type { MacAddress } from '../../ground/address.ts';
import { type Instant, later } from '../../ground/clock.ts';
import { type Owner, RankedTable } from '../../net/shares/kept-apart.ts';

/** How long a shared network is in doubt, in milliseconds: a probe follows within a minute. */
export const DOUBT_MS = 90_000;
/** How often that can happen, in milliseconds. */
const DOUBT_EVERY_MS = 3_600_000;
/** How long a choice is remembered, in milliseconds: most leases last at most a day. */
export const CHOICE_MS = 86_400_000;
/** A client that chooses again after this many milliseconds was not just invented. */
export const SETTLED_MS = 60_000;
/**
 * How many choices of one shared network are remembered: this many of known clients, and of others.
 * Forged REQUESTs fill the latter; strangers there then get no NAK for a day. A choice is forgotten
 * after CHOICE_MS.
 */
export const CHOOSERS_MAX = 4096;

interface NetworkSigns {
  doubtedAt: Instant | undefined;
  readonly choices: RankedTable<MacAddress, Choice>;
  /** Until when forgotten choices would have counted. */
  readonly forgottenUntil: { known: Instant | undefined; all: Instant | undefined };
}

interface Choice {
  readonly firstAt: Instant;
  readonly at: Instant;
}

const KNOWN: Owner = { rank: 'client', share: '' };
const STRANGER: Owner = { rank: 'stranger', share: '' };

/** Whether `at` lies that long before `now`; a clock that went back never extends it. */
const isRecent = (at: Instant | undefined, durationMs: number, now: Instant): boolean =>
  at !== undefined && at <= now && now < later(at, durationMs);

/** Signs of other servers, by shared network (`sharedNetworkKey`). */
export class UnprovenServers {
  readonly #byNetwork = new Map<string, NetworkSigns>();

  doubt(place: string, now: Instant): void {
    const signs = this.#getSigns(place);
    if (!isRecent(signs.doubtedAt, DOUBT_EVERY_MS, now)) signs.doubtedAt = now;
  }

  /** Notes that a client chose another server. @param isKnown whether it is known here otherwise */
  choose(place: string, client: MacAddress, isKnown: boolean, now: Instant): void {
    const { choices, forgottenUntil } = this.#getSigns(place);
    const before = choices.get(client);
    const counts = before !== undefined && isRecent(before.at, CHOICE_MS, now);
    const firstAt = counts ? before.firstAt : now;
    const owner = isKnown || later(firstAt, SETTLED_MS) <= now ? KNOWN : STRANGER;
    const forgotten = choices.set(client, { firstAt, at: now }, owner);
    if (forgotten === undefined || !isRecent(forgotten.at, CHOICE_MS, now)) return;
    const until = later(forgotten.at, CHOICE_MS);
    forgottenUntil.all = until;
    if (owner === KNOWN) forgottenUntil.known = until;
  }

  /** True while a client must be spared. */
  spares(place: string, client: MacAddress, isKnown: () => boolean, now: Instant): boolean {
    const signs = this.#byNetwork.get(place);
    if (signs === undefined) return false;
    if (isRecent(signs.doubtedAt, DOUBT_MS, now) || isRecent(signs.choices.get(client)?.at, CHOICE_MS, now))
      return true;
    const { all, known } = signs.forgottenUntil;
    if (all === undefined || all <= now) return false;
    return (known !== undefined && known > now) || !isKnown();
  }

  retain(places: ReadonlySet<string>): void {
    for (const place of this.#byNetwork.keys()) if (!places.has(place)) this.#byNetwork.delete(place);
  }

  #getSigns(place: string): NetworkSigns {
    const existing = this.#byNetwork.get(place);
    if (existing !== undefined) return existing;
    const made: NetworkSigns = {
      doubtedAt: undefined,
      choices: new RankedTable(CHOOSERS_MAX),
      forgottenUntil: { known: undefined, all: undefined },
    };
    this.#byNetwork.set(place, made);
    return made;
  }
}
