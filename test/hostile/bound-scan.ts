// Finds a bound that the code names, and its value: constants that end in MAX, BOUNDS, LIMIT, CAPACITY or SOCKETS, and rates, whether they have a name of their own or stand
// where they are used.
//
//   const FLIGHTS_MAX = 4096;                        dns/forward.ts FLIGHTS_MAX
//   const QUEUED_POST_RATE = { perSecond: 5, burst: 2000 }  daemon/rack/region-side.ts QUEUED_POST_RATE
//   readonly #missing = new EventSampler({ … })      tftp/transfers.ts #missing
//   new_machines_max: z.number()….default(1000)      config/written.ts new_machines_max

import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { runInNewContext } from 'node:vm';

const SRC = join(import.meta.dirname, '..', '..', 'src');

/** A bound as the code states it. */
interface FoundBound {
  /** The file below `src`, a space, and the name: `dns/forward.ts FLIGHTS_MAX`. */
  readonly at: string;
  readonly name: string;
  /** The value as it is written. */
  readonly expression: string;
}

const CONSTANT = /^\s*(?:export )?const ([A-Z][A-Z0-9_]*)(?:: [^=\n]+?)? =\s*([\s\S]*?);\n/gm;
const FIELD_RATE = /^\s*readonly (#\w+) = new (?:RateLimit|EventSampler)(?:<\w+>)?\(\s*(\{[^}]*perSecond[^}]*\})/gm;
/** A key of the configuration; one whose default is a constant is that constant's bound. */
const KEY = /^\s*([a-z_]+_(?:max|per_second)): z\s*\.[^,]*?(?:,[^,]*?)*?\.default\(([\d_]+)\),$/gm;
const sources = new Map<string, string>();

function sourceOf(file: string): string {
  const known = sources.get(file) ?? readFileSync(join(SRC, file), 'utf8');
  sources.set(file, known);
  return known;
}

/** A bound, by its file and its name; undefined: it no longer exists. */
export function findConstant(at: string): FoundBound | undefined {
  const [file = '', wanted = ''] = at.split(' ');
  if (globSync(file, { cwd: SRC }).length === 0) return undefined;
  const source = sourceOf(file);
  for (const [, name = '', expression = ''] of [
    ...source.matchAll(CONSTANT),
    ...source.matchAll(FIELD_RATE),
    ...source.matchAll(KEY),
  ])
    if (name === wanted) return { at, name, expression };
  return undefined;
}

/** The value of a bound for people: with its unit, and a rate as so many a second. */
export function valueText({ at, name, expression }: FoundBound): string {
  return format(name, evaluate(expression, at.split(' ')[0] ?? ''));
}

/** The value of an expression of constants in a file; constants of other files are looked up there. */
function evaluate(expression: string, file: string): unknown {
  const context: Record<string, unknown> = {};
  for (const [name] of expression.matchAll(/(?<![.\w])[A-Z][A-Z0-9_]+\b/g)) context[name] = constantOf(name, file);
  return runInNewContext(`(${expression.replace(/ as const$/, '')})`, { ...context, seconds: Number });
}

function constantOf(name: string, file: string): unknown {
  const at = placeOf(name, file);
  const found = at === undefined ? undefined : findConstant(at);
  if (at === undefined || found === undefined)
    throw new Error(`${name} of ${file} is not a constant that can be found`);
  return evaluate(found.expression, at.split(' ')[0] ?? '');
}

/** Where a constant is declared that a file names, its own or an imported one, as `file NAME`; undefined: the product declares no such constant. */
function placeOf(name: string, file: string): string | undefined {
  const own = `${file} ${name}`;
  if (findConstant(own) !== undefined) return own;
  for (const [, names = '', path = ''] of sourceOf(file).matchAll(/import \{([^}]*)\} from '(\.[^']*)'/g)) {
    const imported = names.split(',').map((one) => one.trim().split(' as '));
    const original = imported.find((one) => one.at(-1) === name)?.[0];
    if (original !== undefined) return placeOf(original, join(dirname(file), path));
  }
  return undefined;
}

function format(name: string, value: unknown): string {
  if (typeof value === 'object' && value !== null) return formatParts(Object.entries(value));
  if (typeof value !== 'number') return String(value);
  if (/SHARE/.test(name) && value < 1) return `${value * 100} %`;
  if (/bytes|octets/i.test(name)) return formatBytes(value);
  if (/_MS\b|_MS_/.test(name)) return formatMs(value);
  return value.toLocaleString('en').replaceAll(',', ' ');
}

function formatParts(parts: readonly (readonly [string, unknown])[]): string {
  const rate = Object.fromEntries(parts);
  if (typeof rate.perSecond !== 'number') {
    return parts.map(([key, value]) => `${key.replace(/Max$/, '')} ${format(key, value)}`).join(', ');
  }
  const { perSecond } = rate;
  const often = perSecond >= 1 ? `${format('', perSecond)}/s` : `one in ${formatMs(1000 / perSecond)}`;
  return `${often}, ${format('', rate.burst)} at once`;
}

function formatBytes(bytes: number): string {
  if (bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MiB`;
  return bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${format('', bytes)} bytes`;
}

function formatMs(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${Math.round(ms / 100) / 10} s`;
}
