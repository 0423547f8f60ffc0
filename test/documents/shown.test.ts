// The comparison with the pages: a shown line must be printed, and a printed one shown, unless a `…` is in its place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RunCommand, untrue } from './shown.ts';

const run = (command: string, output: readonly string[], printed: readonly string[]): RunCommand => ({
  command,
  line: 1,
  from: 0,
  to: output.length,
  output,
  code: 0,
  printed,
  shortened: printed,
  blockLine: 1,
});
const PRINTED = [
  'ok   dhcp: is offered 10.20.0.1',
  'note dhcp: is not signed',
  'ok   dns: is 10.20.0.1',
  'All is well.',
];
const [dhcp = '', signed = '', dns = '', end = ''] = PRINTED;

const CASES: readonly (readonly [name: string, shown: readonly string[], wrong: number])[] = [
  ['all that is printed', PRINTED, 0],
  ['other numbers than those that are printed', [dhcp.replace('10.20.0.1', '10.20.0.7'), signed, dns, end], 0],
  ['a line too few', [dhcp, dns, end], 1],
  ['a line too few, with a … elsewhere', [dhcp, dns, '…', end], 1],
  ['a line too few, and a … in its place', [dhcp, '…', dns, end], 0],
  ['the beginning alone', [dhcp, signed], 2],
  ['the beginning, and a …', [dhcp, '…'], 0],
  ['the end, and a …', ['…', end], 0],
  ['a line that is not printed', [...PRINTED, 'ok   tftp: answers'], 1],
  ['nothing', [], 0],
];

for (const [name, shown, wrong] of CASES) {
  test(`a page that shows ${name} has ${wrong} wrong`, () => {
    assert.equal(untrue(run('sudo rackboot doctor', shown, PRINTED)).length, wrong);
  });
}

test('output about the past may leave out values that differ each time', () => {
  assert.deepEqual(untrue(run('rackboot trace calm-ibis', [dhcp, dns], PRINTED)), []);
});
