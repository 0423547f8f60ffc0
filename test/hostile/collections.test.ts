// Everything that can grow names what keeps it small, so the author of a list that strangers can fill finds out before they do.
// @host computes, 5 s

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { writeTypedSample } from '../support/typed-sample.ts';
import { findComparedSizes, findConstant, placeOf, readSource } from './bound-scan.ts';
import { HELD, isPlainByRule, listedPlain } from './bounds.ts';
import { type FoundGrowth, findGrowth } from './collection-scan.ts';
import { COLLECTIONS, OWN_PROCESSES, PASSED_ON, REASONS } from './collections.ts';

const KNOWN = new Set([...Object.values(HELD).flatMap((rows) => rows.map(({ at }) => at)), ...listedPlain()]);
const isKnown = (at: string): boolean => KNOWN.has(at) || isPlainByRule(at);
const isOwnProcess = (at: string): boolean => OWN_PROCESSES.some((folder) => at.startsWith(folder));
/** The entries as `file #name`, the statement about the collection, and about each list in it; undefined: its values are not lists. */
const ENTRIES = Object.entries(COLLECTIONS).flatMap(([file, names]) =>
  Object.entries(names).map(([name, keep]) => {
    const [keeps = [], ofEach] = keep.split(', each ').map((part) => part.split(' and '));
    return { file, at: `${file} ${name}`, keeps, ofEach };
  }),
);
const AT = new Set(ENTRIES.map(({ at }) => at));

/** The fault of one statement about a collection of `file`; undefined: none. */
function problemOf(keep: string, file: string): string | undefined {
  if (isReason(keep)) return undefined;
  const words = keep.split(' ');
  const asOther = words[0] === 'as';
  const [name = '', elsewhere] = (asOther ? words.slice(1) : words).toReversed();
  const at = `${elsewhere ?? file} ${name}`;
  if (asOther) return AT.has(at) ? undefined : `no collection ${at}`;
  const declared = placeOf(name, elsewhere ?? file);
  if (declared === undefined) return `no constant ${at}`;
  if (!isKnown(declared)) return `${declared} is not in the table of bounds`;
  const code = readSource(elsewhere ?? file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  // Declared or imported once, and used.
  const uses = code.match(new RegExp(`\\b${name}\\b`, 'g')) ?? [];
  return uses.length > 1 ? undefined : `${name} is not used in ${elsewhere ?? file}`;
}

const isReason = (keep: string): boolean => Object.hasOwn(REASONS, keep);

/** The collections that a collection says it is as large as. */
function others(from: string): readonly string[] {
  const entry = ENTRIES.find(({ at }) => at === from);
  return (entry?.keeps ?? []).flatMap((keep) => {
    const words = keep.split(' ');
    return words[0] === 'as' ? [`${words.length === 3 ? words[1] : entry?.file} ${words.at(-1)}`] : [];
  });
}

/** The way from a collection to the one that bounds its size, and so on, back to itself; undefined: there is none. */
function circleFrom(at: string, way: readonly string[] = []): readonly string[] | undefined {
  if (way.includes(at)) return [...way, at];
  for (const other of others(at)) {
    const circle = circleFrom(other, [...way, at]);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** True for a bound that is given: a constant that the table knows, a rate by its field, or one written out of such constants and of times. */
function isGivenKnown(expression: string, file: string): boolean {
  if (expression.startsWith('#')) return isKnown(`${file} ${expression}`);
  if (/^[A-Z][A-Z0-9_]*$/.test(expression)) {
    const at = placeOf(expression, file);
    if (at === undefined) return false;
    return (
      isKnown(at) || /_MS$/.test(expression) || isGivenKnown(findConstant(at)?.expression ?? '', at.split(' ')[0] ?? '')
    );
  }
  const members = /^\{(.*)\}(?: as const)?$/s
    .exec(expression)?.[1]
    ?.split(',')
    .map((member) => member.trim());
  if (members === undefined) return false;
  return members.filter((member) => member !== '').every((member) => isGivenKnown(member.replace(/^\w+: /, ''), file));
}

describe('the table of collections', () => {
  let growth: FoundGrowth;
  before(() => {
    growth = findGrowth();
  });

  it('every collection has an entry', () => {
    const missing = growth.collections.filter(({ at }) => !isOwnProcess(at) && !AT.has(at));
    assert.deepEqual(
      missing.map(({ at, type }) => `${at}: ${type}`),
      [],
      'new collections: read who can add to each on every path, and say in test/hostile/collections.ts what keeps it small; ' +
        'where nothing does, give it a bound, and that a row in test/hostile/bounds/',
    );
  });

  it('every entry is one of a collection that is there', () => {
    const found = new Set(growth.collections.map(({ at }) => at));
    const gone = [...AT].filter((at) => !found.has(at) || isOwnProcess(at));
    assert.deepEqual(gone, [], 'these are gone from src, cannot grow, or moved');
  });

  it('a collection whose values are lists says what bounds each list', () => {
    const lists = new Map(growth.collections.map(({ at, holdsLists }) => [at, holdsLists]));
    const wrong = ENTRIES.filter(({ at, ofEach }) => lists.get(at) !== (ofEach !== undefined));
    assert.deepEqual(
      wrong.map(({ at }) => at),
      [],
    );
  });

  it('every entry names a bound of the table that its file uses, a collection with an entry, or a reason', () => {
    const problems = ENTRIES.flatMap(({ at, file, keeps, ofEach = [] }) =>
      [...keeps, ...ofEach].flatMap((keep) => {
        const problem = problemOf(keep, file);
        return problem === undefined ? [] : [`${at}: ${problem}`];
      }),
    );
    assert.deepEqual(problems, []);
  });

  it('size references contain no cycle', () => {
    assert.deepEqual(
      ENTRIES.flatMap(({ at }) => circleFrom(at)?.join(', as ') ?? []),
      [],
    );
  });

  it('every bound passed to a class of places, counts or records is in the table', () => {
    const unknown = growth.given
      .filter(({ file, expression }) => !isOwnProcess(file) && !isGivenKnown(expression, file))
      .map(({ file, expression }) => `${file} ${expression}`);
    assert.deepEqual(
      unknown.filter((one) => PASSED_ON[one] === undefined),
      [],
      'give them by a constant with a row, or list them in PASSED_ON of test/hostile/collections.ts',
    );
    const gone = Object.keys(PASSED_ON).filter((one) => !unknown.includes(one));
    assert.deepEqual(gone, [], 'take these out of PASSED_ON');
  });

  it('every class that takes a bound is checked where it is constructed', () => {
    const unknown = growth.unknownTakers.filter((at) => !isOwnProcess(at));
    assert.deepEqual(unknown, [], 'add them to TAKERS of test/hostile/collection-scan.ts');
  });

  it('every constant that a size is compared with is in the table, under any name', () => {
    const unknown = findComparedSizes().filter((at) => !isKnown(at));
    assert.deepEqual(
      unknown,
      [],
      'give each a row in test/hostile/bounds/, or list it in PLAIN of test/hostile/bounds.ts',
    );
  });
});

describe('the faults of an entry', () => {
  const cases: readonly (readonly [what: string, keep: string, problem: string | undefined])[] = [
    ['nothing, where its file checks a bound of the table', 'TOKENS_MAX', undefined],
    ['nothing, where another file does', 'dhcp/leases/offers.ts OFFERS_MAX', undefined],
    ['nothing, where it says a reason', 'configured', undefined],
    ['nothing, where another collection is as large', 'as boot/seen-addresses.ts #byMac', undefined],
    ['a bound that is not a constant', 'PLACES_MAX', 'no constant boot/boot-tokens.ts PLACES_MAX'],
    ['a constant that is not a bound', 'TOKEN_BYTES', 'boot/boot-tokens.ts TOKEN_BYTES is not in the table of bounds'],
    [
      'a bound that the file declares and does not use',
      'dns/flights.ts STREAMS_MAX',
      'STREAMS_MAX is not used in dns/flights.ts',
    ],
    ['a collection that has no entry', 'as #taken', 'no collection boot/boot-tokens.ts #taken'],
    ['a word that is not a reason', 'small', 'no constant boot/boot-tokens.ts small'],
  ];
  for (const [what, keep, problem] of cases) {
    it(what, () => assert.equal(problemOf(keep, 'boot/boot-tokens.ts'), problem));
  }
});

/** A file with collections that can grow. */
const SAMPLE = `
type Alias = Map<string, number>;
interface Entry { readonly keys: Set<string>; readonly fixed: readonly string[]; readonly name?: string; later?: number[] }
const WRITTEN = new Set(['a']);
const filled = new Map<string, Entry>();
filled.set('a', { keys: WRITTEN, fixed: [] });
const weak = new WeakMap<object, string>();
let list: readonly string[] = [];
export class Kept {
  readonly #alias: Alias = new Map();
  readonly #given: Map<string, string[]>;
  readonly #fixed: ReadonlyMap<string, number>;
  #replaced: readonly string[] = [];
  #maybe: Set<string> | undefined;
  readonly heap = new DeadlineQueue<string>();
  readonly #byKey: Record<string, number> = {};
  readonly #facts: Readonly<Record<string, number>> = {};
  #line = '';
  #bytes: Uint8Array = new Uint8Array();
  #count = 0;
  #name = '';
  read(more: string) { this.#line += more; this.#count += 1; this.#name = more; this.#bytes = concat([this.#bytes, more]); }
  readonly #rows: { readonly names: readonly string[] }[] = [];
  static shared: string[] = [];
  readonly #places = new FairShares<string>({ max: PLACES_MAX, addressMax: 3, networkOf: String });
  constructor(given: Map<string, string[]>) { this.#given = given; const own = new Map(); own.set(1, 2); }
}
class DeadlineQueue<T> { readonly heap: T[] = []; }
class FairShares<T> { constructor(bounds: { max: number; addressMax: number; networkOf: (of: T) => string }) { void bounds; } }
declare function concat(of: readonly unknown[]): Uint8Array;
class Cellar { constructor(bottlesMax: number, openMsMax: number) { void bottlesMax; void openMsMax; } }
const PLACES_MAX = 8;
export function keeper() {
  const kept = new Map<string, number>();
  const own: string[] = [];
  own.push('a');
  return (key: string) => { kept.set(key, own.length); };
}
export const all = [weak, list, Cellar];
`;

describe('finding collections that can grow', () => {
  let growth: FoundGrowth;
  before(() => {
    const sample = writeTypedSample({ 'file.ts': SAMPLE });
    try {
      growth = findGrowth(sample.project, sample.folder);
    } finally {
      sample.remove();
    }
  });

  it('fields, members of interfaces, variables of a file and those that a function within adds to, by their types, and whether they hold lists', () => {
    const found = growth.collections.map(({ at, holdsLists }) => `${at}${holdsLists ? ' of lists' : ''}`);
    assert.deepEqual(found, [
      'file.ts Entry.keys',
      'file.ts Entry.later',
      'file.ts filled',
      'file.ts weak',
      'file.ts list',
      'file.ts #alias',
      'file.ts #given of lists',
      'file.ts #replaced',
      'file.ts #maybe',
      'file.ts Kept.heap',
      'file.ts #byKey',
      'file.ts #line',
      'file.ts #bytes',
      'file.ts #rows of lists',
      'file.ts shared',
      'file.ts DeadlineQueue.heap',
      'file.ts keeper.kept',
    ]);
  });

  it('bounds by the places and the names by which they are given, and classes that take some', () => {
    assert.deepEqual(
      growth.given.map(({ expression }) => expression),
      ['PLACES_MAX', '3'],
    );
    assert.deepEqual(growth.unknownTakers, ['file.ts Cellar']);
  });
});
