// Compares the configurations of a region's processes: each one sends the others the digests of its keys, and says which living process has
// others. Nothing enforces that the files are equal, and each process would decide by its own.
//
//   every SAY_MS: digests ──▶ the other processes
//   digests of another one, twice in turn with a difference ──▶ `onDifference`, once; a note until they are equal, or it is silent for SILENT_MS
//
// 1. Keys that belong to one process are left out (OWN_KEYS), and so are paths, which differ with the layout of a host.
// 2. Processes of different versions are not compared: during an upgrade one of them may not know a key.
// 3. A message is one of another program if it does not have the form. Its digests are short: they show a difference, and no value.

import { z } from 'zod';
import { BoundedMap } from '../bounded-map.ts';
import { cleanText } from '../clean-text.ts';
import { type Clock, type Instant, later, type Timer } from '../clock.ts';
import type { RackNote } from '../region/records/rack-note.ts';
import type { StoreNeighbours } from '../region/records/store-state.ts';

/** How often a process says its digests, in milliseconds. */
const SAY_MS = 20_000;
/** After this silence a process no longer counts, in milliseconds. */
const SILENT_MS = 60_000;
/** Other processes that are remembered. */
const OTHERS_MAX = 32;
/** Keys that a note names; further ones are counted. */
const KEYS_NAMED_MAX = 8;
const OWN_KEYS = /^(?:name|state_dir|log|metrics|preseeds|region\.(?:listen|tls|store))(?:\.|$)/;

/** The database bounds its length. */
const message = z.object({
  id: z.uuid(),
  name: z.string(),
  version: z.string(),
  digests: z.record(z.string().regex(/^[a-z0-9_.]+$/), z.string()),
});

type Said = z.output<typeof message>;

interface Other {
  readonly name: string;
  /** The keys of which it has another value. */
  readonly keys: readonly string[];
  readonly heardAt: Instant;
  readonly isReported: boolean;
}

interface OtherConfigurationsParts {
  readonly clock: Clock;
  readonly neighbours: StoreNeighbours;
  /** Names this process among all. */
  readonly id: string;
  readonly own: () => Omit<Said, 'id'>;
  /** Called once when another process has other values. */
  readonly onDifference: (note: RackNote) => void;
}

export class OtherConfigurations {
  readonly #parts: OtherConfigurationsParts;
  readonly #others = new BoundedMap<string, Other>(OTHERS_MAX, 'set longest ago');
  #timer: Timer | undefined;

  constructor(parts: OtherConfigurationsParts) {
    this.#parts = parts;
    parts.neighbours.hear((text) => this.#hear(text));
  }

  /** A note on each living process with other values. */
  get notes(): readonly RackNote[] {
    return [...this.#others.values()].filter((other) => this.#isLiving(other) && other.isReported).map(noteOn);
  }

  /** Says the digests now, and then at intervals. */
  say(): void {
    const { clock, neighbours, id, own } = this.#parts;
    const { digests, ...rest } = own();
    const shared = Object.entries(digests).filter(([key]) => !OWN_KEYS.test(key));
    neighbours.say(JSON.stringify({ id, ...rest, digests: Object.fromEntries(shared) } satisfies Said));
    this.#timer = clock.schedule(SAY_MS, () => this.say());
  }

  close(): void {
    this.#timer?.cancel();
  }

  #hear(text: string): void {
    const { clock, id, own, onDifference } = this.#parts;
    const said = readMessage(text);
    const mine = own();
    if (said === undefined || said.id === id || said.version !== mine.version) return;
    const keys = differing(mine.digests, said.digests);
    const known = this.#others.get(said.id);
    const before = known !== undefined && this.#isLiving(known) ? known : undefined;
    // A person who changes one file after the other is not warned.
    const isReported = keys.length > 0 && (before?.keys.length ?? 0) > 0;
    const other = { name: cleanText(said.name), keys, heardAt: clock.now(), isReported };
    this.#others.set(said.id, other);
    if (isReported && before?.isReported !== true) onDifference(noteOn(other));
  }

  #isLiving({ heardAt }: Other): boolean {
    return this.#parts.clock.now() < later(heardAt, SILENT_MS);
  }
}

function readMessage(text: string): Said | undefined {
  try {
    return message.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function differing(mine: Said['digests'], other: Said['digests']): readonly string[] {
  const keys = new Set([...Object.keys(mine), ...Object.keys(other)].filter((key) => !OWN_KEYS.test(key)));
  return [...keys].filter((key) => mine[key] !== other[key]).sort();
}

const noteOn = ({ name, keys }: Other): RackNote => ({
  note: 'configurations-differ',
  name,
  setting: keys.slice(0, KEYS_NAMED_MAX).join(' '),
  more: Math.max(0, keys.length - KEYS_NAMED_MAX),
});
