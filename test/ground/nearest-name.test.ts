// The name that was probably meant: one with few typing mistakes, a longer one, or one that was abbreviated.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composeNearestHint, findNearestName } from '../../src/ground/nearest-name.ts';

const COMMANDS = ['machines', 'events', 'power', 'users', 'images', 'log-level', 'help', 'password', 'leases'];

test('a name is found by its mistakes, its beginning, or its first letters in order', () => {
  const cases: readonly (readonly [typed: string, meant: string | undefined])[] = [
    ['evnt', 'events'],
    ['pwr', 'power'],
    ['usr', 'users'],
    ['imgs', 'images'],
    ['hlep', 'help'],
    ['mach', 'machines'],
    ['pass', 'password'],
    ['leaess', 'leases'],
    ['pw', undefined],
    ['wer', 'power'],
    ['xyz', undefined],
    ['frobnicate', undefined],
  ];
  for (const [typed, meant] of cases) assert.equal(findNearestName(typed, COMMANDS), meant, typed);
});

test('the hint asks for the nearest name, or is empty', () => {
  assert.equal(composeNearestHint('wise-sprce', ['calm-ibis', 'wise-spruce']), 'did you mean wise-spruce? ');
  assert.equal(composeNearestHint('wise-sprce', ['calm-ibis']), '');
});
