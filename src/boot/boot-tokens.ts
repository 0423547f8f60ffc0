// Boot secrets on the rack: which machines get one on the kernel line, and which posts it vouches for.
//
//   configuration, by its origin ─┬─ itself ─┬─ a machine at work ──────────► the region's token of its boot
//                                 │          └─ a New or unknown one ───────► a new token, kept with MAC and address
//                                 └─ another, or away from home ────────────► no token, and an event on the timeline of the named machine
//   post with a token, from the holder of the lease ─► the boot interface, for which the rack then vouches to the region
//
// 1. Only the holder of the lease of the requesting address can get or use a token (`origin.ts`);
//    with another DHCP server, only the machine that the rack saw take that address. A token of a
//    machine at work is valid only in its home network: elsewhere any host can get a lease under an
//    overheard hardware address.
// 2. Tokens are 192 random bits and compared in constant time. The rack remembers a New machine's
//    token for TOKEN_MS after it was last given, and at most TOKENS_MAX tokens. Beyond that it
//    forgets the one given longest ago; it then only stops vouching for that machine.
// 3. A token is in no log, event, URL or answer except the configuration itself.
// 4. A stranger who asks for machines' configurations adds few events to the timeline of each
//    (OTHERS_RATE), and few to the log.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Ipv4, MacAddress } from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { type Clock, type Instant, later } from '../ground/clock.ts';
import type { Publish } from '../ground/event.ts';
import { EventSampler, type Rate } from '../ground/rate-limit.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { BootEvent } from './events.ts';
import { judgeOrigin, type NamedMachine, type Origin, type OriginFacts } from './origin.ts';

/** Remembered boots of New machines. */
export const TOKENS_MAX = 4096;
/**
 * How long a token is valid after it was given: a machine boots within minutes, and reports for at
 * most half an hour.
 */
export const TOKEN_MS = 2 * 3600 * 1000;
const TOKEN_BYTES = 24;
/** Events of one machine about hosts that asked for its configuration: its timeline keeps its own steps. */
export const OTHERS_RATE: Rate = { perSecond: 1 / 60, burst: 8 };
/** Machines with such a rate of their own. Beyond it the oldest starts again. */
const OTHERS_MACHINES_MAX = 4096;
/** A longer text is not a token. */
const TOKEN_CHARACTERS_MAX = 64;

interface TokenRequest extends NamedMachine {
  readonly peer: Ipv4;
}

export interface BootTokenSource {
  /** `undefined` if the configuration must have none. */
  tokenFor(request: TokenRequest): string | undefined;
}

interface BootTokensDeps extends OriginFacts {
  readonly clock: Clock;
  readonly machines: () => MachineDirectory;
  /**
   * True for an address of another DHCP server: its machine may have changed address since, because
   * firmware, loader and system identify themselves differently there.
   */
  readonly mayMove?: ((peer: Ipv4) => boolean) | undefined;
  /** The rack's name in commands of the region. */
  readonly rackName?: (() => string) | undefined;
  readonly publish: Publish;
}

interface IssuedToken {
  readonly token: string;
  readonly address: Ipv4;
  readonly until: Instant;
}

const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const areEqual = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

export class BootTokens implements BootTokenSource {
  readonly #deps: BootTokensDeps;
  readonly #sampler = new EventSampler();
  readonly #ofMachines = new EventSampler<string>(OTHERS_RATE, OTHERS_MACHINES_MAX);
  readonly #given = new BoundedMap<MacAddress, IssuedToken>(TOKENS_MAX, 'set longest ago');

  constructor(deps: BootTokensDeps) {
    this.#deps = deps;
  }

  tokenFor(request: TokenRequest): string | undefined {
    const { machine, mac, peer } = request;
    const purpose = machine?.purpose ?? 'enlist';
    const token = purpose === 'local' || purpose === 'poweroff' ? undefined : machine?.bootToken;
    const origin = judgeOrigin(request, peer, this.#deps);
    this.#reportOther(request, token !== undefined, origin);
    if (token !== undefined) return origin.kind === 'itself' ? token : undefined;
    const holder = this.#deps.macOf(peer);
    return purpose !== 'enlist' || holder === undefined || holder !== mac ? undefined : this.#draw(holder, peer);
  }

  /** The interface that booted from this address with this token. */
  vouchFor(token: string, peer: Ipv4): MacAddress | undefined {
    const mac = this.#deps.macOf(peer);
    if (mac === undefined || token.length > TOKEN_CHARACTERS_MAX) return undefined;
    const machine = this.#deps.machines().findByMac(mac);
    const ofMachine = machine?.bootToken;
    if (machine !== undefined && ofMachine !== undefined && areEqual(token, ofMachine))
      return this.#deps.awayFrom?.(machine, peer) === undefined ? mac : undefined;
    const grant = this.#given.get(mac);
    const isThere = grant !== undefined && (grant.address === peer || this.#deps.mayMove?.(peer) === true);
    if (!isThere || grant.until < this.#deps.clock.now()) return undefined;
    return areEqual(token, grant.token) ? mac : undefined;
  }

  /** The same token within a boot, which asks several times. */
  #draw(mac: MacAddress, peer: Ipv4): string {
    const { clock } = this.#deps;
    const now = clock.now();
    const before = this.#given.get(mac);
    const isGood = before !== undefined && before.address === peer && before.until >= now;
    const token = isGood ? before.token : Buffer.from(clock.randomBytes(TOKEN_BYTES)).toString('base64url');
    this.#given.set(mac, { token, address: peer, until: later(now, TOKEN_MS) });
    return token;
  }

  /** @param isWithheld the configuration would have a token for the machine itself */
  #reportOther({ machine, mac, peer }: TokenRequest, isWithheld: boolean, origin: Origin): void {
    if (machine === undefined || origin.kind === 'itself' || (origin.kind === 'away' && !isWithheld)) return;
    const at = this.#deps.clock.now();
    const kind =
      origin.kind === 'away' ? 'boot.not-at-home' : isWithheld ? 'boot.token-withheld' : 'boot.asked-by-another';
    const ofMachine = this.#ofMachines.take(machine.systemId, at);
    const sample = ofMachine && this.#sampler.take(kind, at, ofMachine.count);
    if (sample === undefined) return;
    const about = { at, address: peer, mac: mac ?? machine.macs[0], machine: machine.hostname, ...sample };
    const event: BootEvent =
      origin.kind === 'away'
        ? { kind: 'boot.not-at-home', ...about, ...origin.away, rack: this.#deps.rackName?.() ?? '' }
        : { kind: isWithheld ? 'boot.token-withheld' : 'boot.asked-by-another', ...about };
    this.#deps.publish(event);
  }
}
