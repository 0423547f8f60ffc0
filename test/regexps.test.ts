// Every regular expression of the product takes linear time on long texts, unless its text is known to be short.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createContext, Script } from 'node:vm';
import { judgeIpmitool } from '../src/power/ipmi.ts';
import { bootsFromNetwork, parseGuests } from '../src/power/virsh-words.ts';
import { cellText } from '../src/region/page/values.ts';
import { type FoundRegExp, findRegExps, hostileTexts, regExpsIn } from './support/regexps.ts';

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
  'src/region/page/account-page.ts /=+$/': 'a digest of 32 bytes',
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
