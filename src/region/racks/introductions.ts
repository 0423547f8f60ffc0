// What whoever registers says of the networks it has, read as far as it has a right to be heard.
//
//   accepted already, or with an administrator's key ──► read whole
//   a stranger ─┬─ longer than a stranger may speak ───► refused, not read
//               ├─ what it said last, as it waits ─────► known: not read again, and costs it nothing
//               └─ anything else ──────────────────────► its rate is asked first, then it is read
//
// 1. What a stranger's interfaces reserve for clients is not kept: nobody judges it by that, and it says so again once it is accepted.

import { PENDING_RACKS_MAX } from '../records/rack.ts';
import type { RackInterface } from '../records/rack-description.ts';
import { parseJson } from '../records/text-json.ts';
import { check, HEARTBEAT_VALUES_MAX, rackInterfaces } from './rack-news.ts';

/**
 * The interfaces of a rack that nobody accepted, as JSON in UTF-16 units: RACK_INTERFACES_MAX of them with what is judged, their names and networks, or some
 * forty as they are. PENDING_RACKS_MAX racks may have that much kept.
 */
export const STRANGERS_INTERFACES_LENGTH_MAX = 16_384;

/** The interfaces that were said, or why they are not taken. */
export type Introduction =
  | { readonly kind: 'interfaces'; readonly interfaces: readonly RackInterface[] }
  | { readonly kind: 'too-long' | 'too-many' }
  | { readonly kind: 'fault'; readonly text: string };

/** What the racks that wait said last. */
export class Introductions {
  /** By UUID, of racks that wait: at most PENDING_RACKS_MAX, and twice as many until one looks. */
  readonly #said = new Map<string, { readonly text: string; readonly interfaces: readonly RackInterface[] }>();

  /** @param mayAsk asks the rate of whoever registers; undefined: it is no stranger */
  read(uuid: string, text: string, mayAsk: (() => boolean) | undefined): Introduction {
    if (mayAsk === undefined) return readInterfaces(text);
    if (text.length > STRANGERS_INTERFACES_LENGTH_MAX) return { kind: 'too-long' };
    const said = this.#said.get(uuid);
    if (said?.text === text) return { kind: 'interfaces', interfaces: said.interfaces };
    if (!mayAsk()) return { kind: 'too-many' };
    const read = readInterfaces(text);
    if (read.kind !== 'interfaces') return read;
    return { kind: 'interfaces', interfaces: read.interfaces.map(({ reservations: _, ...judged }) => judged) };
  }

  /** A rack waits that said this. @param isWaiting asks whether one still does */
  remember(
    uuid: string,
    said: { readonly text: string; readonly interfaces: readonly RackInterface[] },
    isWaiting: (uuid: string) => boolean,
  ): void {
    this.#said.set(uuid, said);
    if (this.#said.size <= 2 * PENDING_RACKS_MAX) return;
    for (const one of this.#said.keys()) if (!isWaiting(one)) this.#said.delete(one);
  }
}

function readInterfaces(text: string): Introduction {
  const written = parseJson(text, HEARTBEAT_VALUES_MAX);
  if (written.kind === 'fault') return { kind: 'fault', text: written.text };
  const checked = check(rackInterfaces, written.value);
  return checked.ok ? { kind: 'interfaces', interfaces: checked.value } : { kind: 'fault', text: checked.problem };
}
