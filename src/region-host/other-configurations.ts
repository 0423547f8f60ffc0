// Compares the configurations of a region's processes, which nothing keeps equal: each sends the
// others the digests of its keys, and says which living process has others, or the same name.
//
//   every SAY_MS: name, place and digests ──▶ the other processes
//   those of another one, twice in turn with a fault ──▶ `onFault`, once; a note until it is mended, or the other is silent for SILENT_MS
//
// 1. Only the files are compared, without the keys of one process (OWN_KEYS) and without paths, and
//    only within one version.
// 2. No former life of this process speaks while it runs, so a process of its name is always another one.
// 3. A message without the form is one of another program. Digests are short: they show a
//    difference, and no value.

import { hostname } from 'node:os';
import { z } from 'zod';
import { digestValues } from '../config/difference.ts';
import { resolveRegionFile } from '../config/region-file.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { cleanText } from '../ground/clean-text.ts';
import { type Clock, type Instant, later, type Timer } from '../ground/clock.ts';
import { NO_SETTINGS } from '../machines/settings.ts';
import type { StoreNeighbours } from '../region/records/store-state.ts';
import type { RackNote } from '../region/reports/notes.ts';
import type { RegionConfiguration } from './configuration.ts';

/** How often a process says its digests, in milliseconds. */
const SAY_MS = 20_000;
/** After this silence a process no longer counts, in milliseconds. */
const SILENT_MS = 60_000;
const OTHERS_MAX = 32;
const PLACE_CHARACTERS_MAX = 120;
/** Keys that a note names; further ones are counted. */
const KEYS_NAMED_MAX = 8;
const OWN_KEYS = /^(?:name|state_dir|log|metrics|preseeds|region\.(?:listen|tls|store))(?:\.|$)/;

/** The database bounds its length. */
const message = z.object({
  id: z.uuid(),
  name: z.string(),
  /** Its host and the addresses on which it listens. */
  where: z.string().default(''),
  version: z.string(),
  digests: z.record(z.string().regex(/^[a-z0-9_.]+$/), z.string()),
});

type Announcement = z.output<typeof message>;

interface Other {
  /** The keys of which it has another value. */
  readonly keys: readonly string[];
  readonly isNamesake: boolean;
  readonly heardAt: Instant;
  /** The faults that were heard twice. */
  readonly notes: readonly RackNote[];
}

/** The part of a message about a configuration. */
export function ownMessage({ config, usable }: RegionConfiguration, version: string): Omit<Announcement, 'id'> {
  const alone = resolveRegionFile(usable.file, NO_SETTINGS);
  const listen = config.region.listen.map(({ host, port }) => `${host}:${port}`).join(' ');
  return {
    name: config.name,
    version,
    digests: Object.fromEntries(digestValues(alone.ok ? alone : usable)),
    where: cleanText(`${hostname()}, ${listen}`, PLACE_CHARACTERS_MAX),
  };
}

interface OtherConfigurationsDeps {
  readonly clock: Clock;
  readonly neighbours: StoreNeighbours;
  /** Names this process among all. */
  readonly id: string;
  readonly own: () => Omit<Announcement, 'id'>;
  /** Called once when another process has other values, or the same name. */
  readonly onFault: (note: RackNote) => void;
}

export class OtherConfigurations {
  readonly #deps: OtherConfigurationsDeps;
  readonly #others = new BoundedMap<string, Other>(OTHERS_MAX, 'set longest ago');
  #timer: Timer | undefined;

  constructor(deps: OtherConfigurationsDeps) {
    this.#deps = deps;
    deps.neighbours.hear((text) => this.#hear(text));
  }

  /** The notes on each living process with other values, or with the same name. */
  get notes(): readonly RackNote[] {
    return [...this.#others.values()].filter((other) => this.#isLiving(other)).flatMap(({ notes }) => notes);
  }

  /** Says the digests now, and then at intervals. */
  say(): void {
    const { clock, neighbours, id, own } = this.#deps;
    const { digests, ...rest } = own();
    const shared = Object.entries(digests).filter(([key]) => !OWN_KEYS.test(key));
    neighbours.say(JSON.stringify({ id, ...rest, digests: Object.fromEntries(shared) } satisfies Announcement));
    this.#timer = clock.schedule(SAY_MS, () => this.say());
  }

  close(): void {
    this.#timer?.cancel();
  }

  #hear(text: string): void {
    const { clock, id, own, onFault } = this.#deps;
    const message = readMessage(text);
    const mine = own();
    if (message === undefined || message.id === id || message.version !== mine.version) return;
    const keys = differing(mine.digests, message.digests);
    const earlier = this.#others.get(message.id);
    const before = earlier !== undefined && this.#isLiving(earlier) ? earlier : undefined;
    const isNamesake = message.name === mine.name;
    const name = cleanText(message.name);
    // A person who changes one file after the other is not warned.
    const notes: readonly RackNote[] = [
      ...(keys.length > 0 && (before?.keys.length ?? 0) > 0 ? [buildDifferenceNote(name, keys)] : []),
      ...(isNamesake && before?.isNamesake === true ? [buildNameNote(name, message.where)] : []),
    ];
    this.#others.set(message.id, { keys, isNamesake, heardAt: clock.now(), notes });
    for (const fault of notes) if (before?.notes.some(({ note }) => note === fault.note) !== true) onFault(fault);
  }

  #isLiving({ heardAt }: Other): boolean {
    return this.#deps.clock.now() < later(heardAt, SILENT_MS);
  }
}

function readMessage(text: string): Announcement | undefined {
  try {
    return message.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function differing(mine: Announcement['digests'], other: Announcement['digests']): readonly string[] {
  const keys = new Set([...Object.keys(mine), ...Object.keys(other)].filter((key) => !OWN_KEYS.test(key)));
  return [...keys].filter((key) => mine[key] !== other[key]).sort();
}

const buildNameNote = (name: string, where: string): RackNote => ({
  note: 'name-shared',
  name,
  where: cleanText(where, PLACE_CHARACTERS_MAX),
});

const buildDifferenceNote = (name: string, keys: readonly string[]): RackNote => ({
  note: 'configurations-differ',
  name,
  setting: keys.slice(0, KEYS_NAMED_MAX).join(' '),
  more: Math.max(0, keys.length - KEYS_NAMED_MAX),
});
