// The addresses that racks have set aside because a host uses them without a lease, by the racks'
// reports. In memory: after a start of the region they are unknown until a rack finds the next one.

import { type Ipv4, parseIpv4 } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import type { RackReport } from '../records/machine-event.ts';

/** Addresses that are known at once; beyond it, the one set aside longest ago is forgotten. */
const ADDRESSES_MAX = 4096;

/** How long, in milliseconds: DECLINE_SECONDS of `dhcp/leases/set-aside.ts`. */
const SET_ASIDE_MS = 3_600_000;

const BEGINS: ReadonlySet<string> = new Set(['dhcp.decline', 'dhcp.conflict']);
const ENDS: ReadonlySet<string> = new Set(['dhcp.declined-back', 'dhcp.cleared', 'dhcp.ack']);

interface SetAside {
  readonly address: Ipv4;
  /** The rack's UUID. */
  readonly rack: string;
  /** Wall time in milliseconds. */
  readonly untilMs: number;
}

export class SetAsideAddresses {
  readonly #known = new BoundedMap<string, SetAside>(ADDRESSES_MAX, 'set longest ago');

  /** @param rack its UUID */
  note(rack: string, reports: readonly RackReport[]): void {
    for (const { kind, address: text = '', at } of reports) {
      const address = parseIpv4(text);
      if (address === undefined) continue;
      const key = `${rack} ${address}`;
      if (ENDS.has(kind)) this.#known.delete(key);
      if (BEGINS.has(kind)) this.#known.set(key, { address, rack, untilMs: at + SET_ASIDE_MS });
    }
  }

  list(nowMs: number): readonly SetAside[] {
    return [...this.#known].flatMap(([, setAside]) => (setAside.untilMs > nowMs ? [setAside] : []));
  }
}
