// Every regular expression of the product takes linear time on long texts, unless its text is known to be short.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { createContext, Script } from 'node:vm';
import { judgeIpmitool } from '../src/power/ipmi.ts';
import { bootsFromNetwork, parseGuests } from '../src/power/virsh-words.ts';
import { cellText } from '../src/region/page/frame/values.ts';

const ROOT = dirname(import.meta.dirname);
/** As Biome formats them, a literal stands behind one of these. */
const LITERAL =
  /(?<=(?:[=(,:[!&|?{};>]|\breturn)\s*)\/(?![/*])((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)/g;
const COMMENT = /^\s*(?:\/\/|\*|\/\*)/;

/** An expression of the code. */
interface FoundRegExp {
  /** The file below the root. */
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

/** Every literal of the files that may repeat something without bound, each once in a file. */
function findRegExps(): readonly FoundRegExp[] {
  const found = new Map<string, FoundRegExp>();
  for (const file of globSync('src/**/*.ts', { cwd: ROOT }).sort()) {
    for (const one of regExpsIn(file, readFileSync(join(ROOT, file), 'utf8'))) {
      found.set(`${file} ${one.source}`, one);
    }
  }
  return [...found.values()];
}

/** The same for one text. */
function regExpsIn(file: string, text: string): readonly FoundRegExp[] {
  const code = text
    .split('\n')
    .filter((line) => !COMMENT.test(line))
    .join('\n');
  return [...code.matchAll(LITERAL)].flatMap(([, source = '', flags = '']) =>
    /[*+]|\d,\}/.test(source) ? [{ file, source, flags }] : [],
  );
}

const CLASSES: Readonly<Record<string, string>> = {
  d: '1',
  w: 'a',
  s: ' ',
  n: '\n',
  t: '\t',
  r: '\r',
  S: 'a',
  D: 'a',
  W: '!',
};
const SAMPLES = ['a', '1', ' ', '\n', '-', '.', '/', '"', '\\'];

/** The parts of an expression: its characters, its words, and the members of its classes. */
function piecesOf(source: string): readonly string[] {
  const words: string[] = [];
  const singles = new Set<string>(SAMPLES);
  let word = '';
  const endWord = (): void => {
    if (word !== '') words.push(word);
    word = '';
  };
  for (const [token] of source.matchAll(/\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\.|[^\\]/gi)) {
    const plain = /^\\[ux]/.test(token) ? String.fromCharCode(Number.parseInt(token.slice(2), 16)) : token.slice(-1);
    const meant = token.length === 2 ? (CLASSES[plain] ?? plain) : plain;
    if (token.length > 1 || !/[()[\]{}*+?|^$]/.test(token)) {
      singles.add(meant);
      if (/^\\[dwsSDW]/.test(token)) endWord();
      else word += meant;
    } else endWord();
  }
  endWord();
  return [...new Set([...singles, ...words, words.join('')])].filter((piece) => piece !== '');
}

/** Long texts for an expression: a beginning, one of its pieces or two of them again and again, and an end that fits nothing. */
function* hostileTexts({ source }: Pick<FoundRegExp, 'source'>, characters: number): Generator<string> {
  const pieces = piecesOf(source).slice(0, 28);
  for (const pump of pieces) {
    const long = pump.repeat(Math.ceil(characters / pump.length));
    for (const start of ['', ...pieces]) {
      yield `${start}${long}\u0000`;
      if (start !== '') yield `${`${start}${pump}`.repeat(Math.ceil(characters / (start.length + pump.length)))}\u0000`;
    }
  }
}

/** Expressions that take quadratic time on a run of characters, and why that run is always short. */
const SHORT: Readonly<Record<string, string>> = {
  'src/cli/images/disk-images.ts /\\/+$/': 'a URL that the operator typed',
  'src/config/resolve.ts /\\/+$/': 'a URL of the configuration',
  'src/dhcp/import/reservations.ts /("(?:\\\\.|[^"\\\\\\n])*")|\\/\\/[^\\n]*|#[^\\n]*|\\/\\*[\\s\\S]*?\\*\\//':
    'a configuration of this host, which its administrator names',
  'src/dns/name.ts /-+$/': 'a label, in which a run is one hyphen by then',
  'src/doctor/dhcp-probe.ts /\\0+$/': 'a field of 64 or 128 bytes',
  'src/lab/dhcp-client.ts /\\0+$/': 'a field of 64 or 128 bytes',
  'src/lab/simulated-machine.ts /^[\\s-]+/': 'a text of the lab itself',
  'src/net/linux/notify-socket.ts /\\ufffd+$/': 'our own status, cut in the middle of a character',
  'src/region/http/preseed-routes.ts /\\/+$/': 'a URL of 1024 characters that an administrator sent',
  'src/region/identity/hostname.ts /-+$/': 'a label of a hostname',
  'src/region/preseed/template.ts /\\s*,\\s*/': 'names of a loop in a template of an administrator',
  'src/region/preseed/variables.ts /\\/+$/': 'a URL of the configuration',
  'src/uplink/http-transport.ts /\\/+$/': 'a URL of the configuration',
};

const place: Record<string, unknown> = {};
const context = createContext(place);
const RUN = new Script('for (const text of texts) new RegExp(source, flags).test(text)');
/** One pass over a text of this length takes microseconds, and quadratic time takes milliseconds. */
const LONG_TEXT = 8192;
const SLOW_US = 3000;

/** True if every hostile text takes linear time. */
function isLinear(one: FoundRegExp): boolean {
  // Short texts reveal cubic and exponential time; longer ones would take minutes.
  Object.assign(place, { texts: [...hostileTexts(one, 128)], source: one.source, flags: one.flags });
  try {
    RUN.runInContext(context, { timeout: 1000 });
  } catch {
    return false;
  }
  const expression = new RegExp(one.source, one.flags.replace('g', ''));
  const costUs = (text: string): number => {
    const before = process.threadCpuUsage();
    expression.lastIndex = 0;
    expression.test(text);
    const { user, system } = process.threadCpuUsage(before);
    return user + system;
  };
  // Three tries: compilation or garbage collection may slow one of them.
  return hostileTexts(one, LONG_TEXT).every((text) => [1, 2, 3].some(() => costUs(text) < SLOW_US));
}

test('every expression takes linear time on texts made from its own words, except those whose text is short', () => {
  const found = findRegExps();
  assert.ok(found.length > 200, `${found.length} are found`);
  const nameOf = ({ file, source }: FoundRegExp): string => `${file} /${source}/`;
  const slow = found.filter((one) => !Object.hasOwn(SHORT, nameOf(one)) && !isLinear(one));
  assert.deepEqual(slow.map(nameOf), []);
  const files = new Set(found.map(nameOf));
  assert.deepEqual(
    Object.keys(SHORT).filter((one) => !files.has(one)),
    [],
    'is gone or has changed',
  );
});

for (const literal of ['status.*\\:.*running', '\\s*\\n\\s*', '/+$', '(a+)+$', '^(\\w|a)+$']) {
  test(`${literal} is reported as slow`, () => {
    const [one] = regExpsIn('x.ts', `const x = /${literal.replaceAll('/', '\\/')}/;`);
    assert.ok(one !== undefined && !isLinear(one));
  });
}

const LONG = 256 * 1024;
const ended = (out: string, code = 1) => ({ kind: 'ended', code, out, err: '' }) as const;
const READERS: readonly (readonly [name: string, read: () => unknown])[] = [
  ['a guest table with one long line', () => parseGuests(` 1  a${' '.repeat(LONG)}b`)],
  ['a definition with unclosed disks', () => bootsFromNetwork('<disk '.repeat(LONG / 6))],
  ["ipmitool's complaints", () => judgeIpmitool(ended('RAKP 3'.repeat(LONG / 6)), false, [])],
  ['an event of spaces', () => cellText(`a${' '.repeat(LONG)}b`)],
];
for (const [name, read] of READERS) {
  test(`${name} is read in milliseconds`, () => {
    const before = process.threadCpuUsage();
    read();
    const { user } = process.threadCpuUsage(before);
    assert.ok(user < 100_000, `${user} µs`);
  });
}
