// Parses the interfaces that a registering rack reports, within the limits for its trust.
//
//   accepted, or with an administrator's key ─► parsed
//   unknown ─┬─ longer than its bound ────────► refused unparsed
//            ├─ same text as last, pending ───► reused: not parsed, and not counted against its rate
//            └─ otherwise ────────────────────► parsed if its rate allows
//
// 1. Reservations in an unknown rack's interfaces are not stored: they do not matter for its acceptance, and it reports them again
//    afterwards.

import { PENDING_RACKS_MAX } from '../records/rack.ts';
import type { RackInterface } from '../records/rack-description.ts';
import { parseJson } from '../records/text-json.ts';
import { type RefusalNamed, refusal } from '../words/refusal.ts';
import { check, HEARTBEAT_VALUES_MAX, rackInterfaces } from './rack-news.ts';

/**
 * The interfaces of an unaccepted rack, as JSON in UTF-16 units: enough for RACK_INTERFACES_MAX of them with only name and network, on
 * which acceptance depends, or for about forty complete ones. That much is kept for each of up to 2 × PENDING_RACKS_MAX racks.
 */
export const STRANGERS_INTERFACES_LENGTH_MAX = 16_384;

/** The parsed interfaces, or why they are refused. */
export type Introduction =
  | { readonly kind: 'interfaces'; readonly interfaces: readonly RackInterface[] }
  | { readonly kind: 'too-long' | 'too-many' }
  | { readonly kind: 'fault'; readonly refusal: RefusalNamed<'invalid-parameters'> };

/** The last reports of pending racks. */
export class Introductions {
  /** By UUID. Up to 2 × PENDING_RACKS_MAX entries; beyond that, those of racks no longer pending are removed. */
  readonly #said = new Map<string, { readonly text: string; readonly interfaces: readonly RackInterface[] }>();

  /** Parses a report. @param mayAsk counts against the sender's rate, false if that is exceeded; `undefined` for a trusted sender */
  async read(uuid: string, text: string, mayAsk: (() => Promise<boolean>) | undefined): Promise<Introduction> {
    if (mayAsk === undefined) return readInterfaces(text);
    if (text.length > STRANGERS_INTERFACES_LENGTH_MAX) return { kind: 'too-long' };
    const said = this.#said.get(uuid);
    if (said?.text === text) return { kind: 'interfaces', interfaces: said.interfaces };
    if (!(await mayAsk())) return { kind: 'too-many' };
    const read = readInterfaces(text);
    if (read.kind !== 'interfaces') return read;
    return { kind: 'interfaces', interfaces: read.interfaces.map(({ reservations: _, ...judged }) => judged) };
  }

  /** Stores the report of a pending rack. @param isWaiting whether a rack is still pending */
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
  if (written.kind === 'fault')
    return { kind: 'fault', refusal: refusal('field.interfaces-json', { fault: written.fault }) };
  const checked = check(rackInterfaces, written.value);
  return checked.ok ? { kind: 'interfaces', interfaces: checked.value } : { kind: 'fault', refusal: checked.problem };
}
