// A value of the wrong kind or size is told in words of a configuration: its key, what is allowed, what was found. Never in the words of the
// validator, which names types of its language.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { writtenConfigSchema } from '../../src/config/written.ts';

const CASES: readonly (readonly [written: string, problem: string])[] = [
  ['metrics: 7', 'metrics: expected keys with values, such as { key: value }, found 7'],
  ['metrics: { listen: 7 }', 'metrics.listen: expected a list, such as [one, two], found 7'],
  [
    'dns: { listen: 10.20.0.1 }',
    'dns.listen: expected a list, such as [one, two], found "10.20.0.1"; write [10.20.0.1]',
  ],
  [
    'dns: { listen: null }',
    'dns.listen: expected a list, such as [one, two], found nothing; give it a value, or remove the key',
  ],
  [
    `dns: { listen: [${'x'.repeat(1000)}] }`,
    `dns.listen[0]: expected an IPv4 address such as 10.20.0.1, found "${'x'.repeat(60)}…"`,
  ],
  [
    'dns: { upstream: [192.0.2.1, my, router] }',
    'dns.upstream: expected upstream servers, each an address or address:port: a list, or one text with spaces between them, found "my"',
  ],
  ['state_dir: 7', 'state_dir: expected text, found 7; write "7"'],
  ['log: { file: here }', 'log.file: expected an absolute path, found "here"'],
  ['enlistment: { bmc_user: 7 }', 'enlistment.bmc_user: expected true or false, found 7'],
  ['boot: { loaders: [] }', 'boot.loaders: expected names with values, such as { name: value }, found a list'],
  ['region: { retries: 9 }', 'region.retries: expected a number of at most 5, found 9'],
  ['region: { retries: 1.5 }', 'region.retries: expected a whole number, found 1.5'],
  ['region: { import_keep: 0 }', 'region.import_keep: expected a number of at least 1, found 0'],
  ['region: { import_keep: 101 }', 'region.import_keep: expected a number of at most 100, found 101'],
  ['region: { retries: many }', 'region.retries: expected a number, found "many"'],
  ['region: { new_machines_max: 0 }', 'region.new_machines_max: expected a number of at least 1, found 0'],
  [
    'region: { public_url: x }',
    'region.public_url: expected a URL, such as http://rack.example:5240/MAAS, without a user name and password and without ? and #, found "x"',
  ],
  ['region: { tls: { cert: /c } }', 'region.tls.key: missing: expected text'],
  ['tftp: { listen_port: 0 }', 'tftp.listen_port: expected a port number, 1 to 65535, found 0'],
  [
    'dhcp: { new_clients_per_second: -1 }',
    'dhcp.new_clients_per_second: expected the number of new clients per second, 0 to 1000000, found -1; 0: no limit',
  ],
  [
    'dns: { records: [{ name: x, type: LOC, data: y }] }',
    'dns.records[0].type: expected one of A, AAAA, CNAME, TXT, MX, NS, SRV, SSHFP, CAA, PTR, found "LOC"',
  ],
  ['dhcp: { options: [{ name: 7 }] }', 'dhcp.options[0].name: expected text, found 7; write "7"'],
  [
    `metrics: { listen: [${Array.from({ length: 17 }, (_, index) => `"127.0.0.1:${index + 1}"`).join(', ')}] }`,
    'metrics.listen: expected at most 16 entries, found 17',
  ],
];

for (const [written, problem] of CASES)
  test(`${written.slice(0, 60)} is explained in plain words`, () => {
    const parsed = parseConfig(written);
    const reported = parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path}: ${message}`);
    assert.deepEqual(reported, [problem]);
  });

/** Every key of the file, down to those of entries of lists. */
function* keysOf(value: unknown, path: readonly string[]): Generator<readonly string[], void> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, below] of Object.entries(value)) {
    yield [...path, key];
    yield* keysOf(below, [...path, key]);
  }
}

test('no wrong value of any key brings the words of the validator', () => {
  const wrong = ['7.5', '-1', '"\\u0001"', '[]', '[[]]', '[7]', '{}', '{ x: 7 }', 'null', 'true'];
  const keys = [
    ...keysOf(writtenConfigSchema.parse({}), []),
    ...Object.keys(writtenConfigSchema.shape).map((key) => [key]),
  ];
  let reported = 0;
  for (const key of keys)
    for (const value of wrong) {
      const nested = key.reduceRight<unknown>((below, name) => ({ [name]: below }), parse(value));
      const parsed = parseConfig(JSON.stringify(nested));
      for (const { path, message } of parsed.ok ? [] : parsed.problems) {
        reported += 1;
        assert.doesNotMatch(
          message,
          /Invalid|Too (?:big|small)|received|undefined|expected (?:string|array|object|int)/,
          `${path}, for ${value}`,
        );
      }
    }
  assert.ok(reported > 200, `${reported} problems`);
});
