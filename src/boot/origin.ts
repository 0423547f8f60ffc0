// Judges whether a request comes from the machine that it names. Any host can write another
// machine's name into a path, so only then does the request say something about the machine: a
// start, a sign of life, a step of its boot; and only then may it get the boot's token.
//
//   names no machine                                                 itself: it says something about its client alone
//   the client's address is leased to a card of the named machine    itself, or away: in another network than the machine's home
//   anything else                                                    other

import type { Ipv4, MacAddress } from '../ground/address.ts';
import type { AwayNetwork, RackMachine } from '../machines/machine.ts';

export interface OriginFacts {
  /**
   * Who holds the lease of an address; with another DHCP server, whom the rack saw take it.
   * `undefined` if unknown here.
   */
  readonly macOf: (peer: Ipv4) => MacAddress | undefined;
  /**
   * For an address outside a machine's home network: the network of the address, and the home
   * network; `undefined` if the machine is at home.
   */
  readonly awayFrom?: ((machine: RackMachine, peer: Ipv4) => AwayNetwork | undefined) | undefined;
}

/** What a request names: a machine, a hardware address that need not be a known machine's, or neither. */
export interface NamedMachine {
  readonly machine: RackMachine | undefined;
  readonly mac: MacAddress | undefined;
}

export type Origin =
  | { readonly kind: 'itself' }
  | { readonly kind: 'away'; readonly away: AwayNetwork }
  | { readonly kind: 'other' };

const ITSELF: Origin = { kind: 'itself' };
const OTHER: Origin = { kind: 'other' };

export function judgeOrigin({ machine, mac }: NamedMachine, peer: Ipv4, { macOf, awayFrom }: OriginFacts): Origin {
  if (machine === undefined && mac === undefined) return ITSELF;
  const holder = macOf(peer);
  if (holder === undefined || (holder !== mac && machine?.macs.includes(holder) !== true)) return OTHER;
  const away = machine && awayFrom?.(machine, peer);
  return away === undefined ? ITSELF : { kind: 'away', away };
}
