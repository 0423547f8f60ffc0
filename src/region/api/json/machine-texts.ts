// The JSON texts of machines, kept for tools that list all machines again and again.
//
//   list ── stamp known? ─┬─ yes: the kept text ─────────────────────────────┬─► its ages, then the text
//                         └─ no: the machine is read, its text made and kept ─┘
//
// 1. A text is used only with the machine's present stamp in the store (`records/store.ts`),
//    whichever process changed it, and while the racks have the same networks, which the text
//    shows. Parts that change with time are not in it (`machine-json.ts`).
// 2. A text beyond TEXTS_BYTES_MAX is not kept and displaces no other: each pass over a longer list
//    would displace what the next needs first.

import type { Clock, Instant, Timer } from '../../../ground/clock.ts';
import { later } from '../../../ground/clock.ts';
import type { MachinePlacement } from '../../life/machine-placement.ts';
import type { PowerView } from '../../life/power-life.ts';
import type { Machine } from '../../records/machine.ts';
import { entryText, JsonText } from '../call/answer.ts';
import { movingJson, restingJson, workAtMs } from './machine-json.ts';

/** Bytes of all texts of one region: about 10 000 machines with a disk or two. Outside of the heap. */
export const TEXTS_BYTES_MAX = 128 * 1024 * 1024;
/** The approximate memory of an entry besides its text, in bytes. */
const ENTRY_BYTES = 300;
export const KEPT_MS = 120_000;

/** A machine's text, and what it depends on. */
export interface MachineText {
  readonly systemId: string;
  readonly text: Buffer;
  readonly workAtMs: number | undefined;
}

interface CachedText extends MachineText {
  readonly stamp: string;
  readonly basis: string;
  usedAt: Instant;
}

const measureEntry = ({ text }: MachineText) => text.length + ENTRY_BYTES;

/** The texts of one region. */
export class MachineTexts {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #kept = new Map<number, CachedText>();
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, bytesMax = TEXTS_BYTES_MAX) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /**
   * The kept text of a machine; `undefined`: there is none with this stamp. @param basis what the
   * racks contribute (`whereabouts.ts`)
   */
  find(id: number, stamp: string, basis: string): MachineText | undefined {
    const cached = this.#kept.get(id);
    if (cached === undefined || cached.stamp !== stamp || cached.basis !== basis) return undefined;
    cached.usedAt = this.#clock.now();
    return cached;
  }

  make(machine: Machine, stamp: string, where: MachinePlacement, basis: string): MachineText {
    const text = Buffer.from(entryText(restingJson(machine, where)).slice(ENTRY_START.length));
    const made = { systemId: machine.systemId, text, workAtMs: workAtMs(machine) };
    this.#forget(machine.id);
    if (this.#bytes + measureEntry(made) > this.#bytesMax) return made;
    this.#kept.set(machine.id, { ...made, stamp, basis, usedAt: this.#clock.now() });
    this.#bytes += measureEntry(made);
    this.#timer ??= this.#clock.schedule(KEPT_MS, () => this.#forgetUnused());
    return made;
  }

  #forget(id: number) {
    const cached = this.#kept.get(id);
    if (cached === undefined) return;
    this.#bytes -= measureEntry(cached);
    this.#kept.delete(id);
  }

  #forgetUnused() {
    const now = this.#clock.now();
    for (const [id, { usedAt }] of this.#kept) if (later(usedAt, KEPT_MS) <= now) this.#forget(id);
    this.#timer = this.#kept.size === 0 ? undefined : this.#clock.schedule(KEPT_MS, () => this.#forgetUnused());
  }
}

const ENTRY_START = '\n    {';
const ENTRY_END = '\n    }';

/** The entry of a list. */
export const renderListEntry = (
  { text, workAtMs: atMs }: MachineText,
  nowMs: number,
  power: PowerView | undefined,
): JsonText => new JsonText(`${entryText(movingJson(atMs, nowMs, power)).slice(0, -ENTRY_END.length)},`, text);
