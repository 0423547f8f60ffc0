// The secrets of boots on the rack's side: who is given one on the kernel line, and whose post it proves.
//
//   configuration asked by the holder of the lease ─┬─ a machine at work ──► the region's token of its boot
//                                                   └─ a New or unknown one ► a token drawn here, kept with MAC and address
//   post with a token, from the holder of the lease ─► the boot interface, for which the rack then vouches to the region
//
// 1. A token is given to, and taken from, nobody but the holder of the lease of the address that asks; where another server gives the
//    addresses, the machine that was seen to take it. One of a machine at work only where that machine is at home: every network has its
//    own hosts, and any of them gets a lease under a hardware address that it has heard of.
// 2. Tokens are 192 random bits and compared in constant time. One of a New machine is remembered until TOKEN_MS after it was last given,
//    and at most TOKENS_MAX of them are: the one that was given longest ago goes first, and its machine is merely not vouched for.
// 3. In no log, event, URL or answer but the configuration itself.

import { createHash, timingSafeEqual } from 'node:crypto';
import { BoundedMap } from '../bounded-map.ts';
import { type Clock, type Instant, later } from '../clock.ts';
import type { Publish } from '../event.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { Away, RackMachine } from '../machines/machine.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';
import { EventSampler } from '../rate-limit.ts';
import type { BootEvent } from './events.ts';

/** Boots of New machines that are remembered. */
export const TOKENS_MAX = 4096;
/** How long after it was given a token is good: a machine boots within minutes, and reports for half an hour at the most. */
export const TOKEN_MS = 2 * 3600 * 1000;
const TOKEN_BYTES = 24;
/** A longer text is no token. */
const TOKEN_CHARACTERS_MAX = 64;

/** Where a configuration gets its machine's token from. */
export interface BootTokenSource {
  /** The token for the kernel line of a configuration; undefined: none is to be on it. */
  tokenFor(asker: {
    readonly machine: RackMachine | undefined;
    /** The interface for which the configuration is. */
    readonly mac: MacAddress | undefined;
    readonly peer: Ipv4;
  }): string | undefined;
}

export interface BootTokensDeps {
  readonly clock: Clock;
  readonly machines: () => MachineDirectory;
  /** The hardware address that has the lease of an address. */
  readonly macOf: (peer: Ipv4) => MacAddress | undefined;
  /**
   * True for an address of another DHCP server's: its machine may have had another one when it was given its token, because firmware,
   * loader and system call themselves differently there. Undefined: there are none.
   */
  readonly mayMove?: ((peer: Ipv4) => boolean) | undefined;
  /** The network of an address that is not where a machine is at home; undefined: it is at home there. */
  readonly awayFrom?: ((machine: RackMachine, peer: Ipv4) => Away | undefined) | undefined;
  /** This rack, as the commands of the region call it. */
  readonly rackName?: (() => string) | undefined;
  readonly publish: Publish;
}

interface Given {
  readonly token: string;
  readonly address: Ipv4;
  readonly until: Instant;
}

const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const areEqual = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

/** Gives tokens, and knows them again. */
export class BootTokens implements BootTokenSource {
  readonly #deps: BootTokensDeps;
  readonly #sampler = new EventSampler();
  readonly #given = new BoundedMap<MacAddress, Given>(TOKENS_MAX, 'set longest ago');

  constructor(deps: BootTokensDeps) {
    this.#deps = deps;
  }

  /** How many boots of New machines are remembered. */
  get size(): number {
    return this.#given.size;
  }

  tokenFor({ machine, mac, peer }: Parameters<BootTokenSource['tokenFor']>[0]): string | undefined {
    const purpose = machine?.purpose ?? 'enlist';
    if (purpose === 'local' || purpose === 'poweroff') return undefined;
    const holder = this.#deps.macOf(peer);
    if (machine?.bootToken !== undefined) {
      const isHolder = holder !== undefined && machine.macs.includes(holder);
      const away = isHolder ? this.#deps.awayFrom?.(machine, peer) : undefined;
      if (isHolder && away === undefined) return machine.bootToken;
      this.#tellWithheld(machine, away === undefined ? mac : (holder ?? mac), peer, away);
      return undefined;
    }
    return purpose !== 'enlist' || holder === undefined || holder !== mac ? undefined : this.#draw(holder, peer);
  }

  /** The interface by which the sender of this token was booted from this address; undefined: it was not. */
  vouchFor(token: string, peer: Ipv4): MacAddress | undefined {
    const mac = this.#deps.macOf(peer);
    if (mac === undefined || token.length > TOKEN_CHARACTERS_MAX) return undefined;
    const machine = this.#deps.machines().findByMac(mac);
    const ofMachine = machine?.bootToken;
    if (machine !== undefined && ofMachine !== undefined && areEqual(token, ofMachine))
      return this.#deps.awayFrom?.(machine, peer) === undefined ? mac : undefined;
    const given = this.#given.get(mac);
    const isThere = given !== undefined && (given.address === peer || this.#deps.mayMove?.(peer) === true);
    if (!isThere || given.until < this.#deps.clock.now()) return undefined;
    return areEqual(token, given.token) ? mac : undefined;
  }

  /** The same boot asks several times, so it is given the same token again. */
  #draw(mac: MacAddress, peer: Ipv4): string {
    const { clock } = this.#deps;
    const now = clock.now();
    const before = this.#given.get(mac);
    const isGood = before !== undefined && before.address === peer && before.until >= now;
    const token = isGood ? before.token : Buffer.from(clock.randomBytes(TOKEN_BYTES)).toString('base64url');
    this.#given.set(mac, { token, address: peer, until: later(now, TOKEN_MS) });
    return token;
  }

  #tellWithheld(machine: RackMachine, mac: MacAddress | undefined, peer: Ipv4, away: Away | undefined): void {
    const at = this.#deps.clock.now();
    const kind = away === undefined ? 'boot.token-withheld' : 'boot.not-at-home';
    const sample = this.#sampler.take(kind, at);
    if (sample === undefined) return;
    const where = away === undefined ? {} : { ...away, rack: this.#deps.rackName?.() ?? '' };
    const event: BootEvent = {
      kind,
      at,
      address: peer,
      mac: mac ?? machine.macs[0],
      machine: machine.hostname,
      ...where,
      ...sample,
    };
    this.#deps.publish(event);
  }
}
