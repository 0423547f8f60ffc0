// The doctor's judgement on a network on which the rack gave no offer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFullRange, judgeSilence, type RangeUse } from '../../src/doctor/silence.ts';

const COMMANDS = { start: 'sudo systemctl start rackboot', config: ' --config F' };
const range = (network: string, used: number, usable: number): RangeUse => ({ network, used, usable });
const UNKNOWN = /^no offer; .*`rackboot status --config F`$/;

const CASES: readonly (readonly [name: string, ranges: readonly RangeUse[], text: RegExp])[] = [
  ['no range is known', [], UNKNOWN],
  ['the range has room', [range('lab', 1, 2)], UNKNOWN],
  ['another network is full', [range('far', 2, 2), range('lab', 0, 2)], UNKNOWN],
  ['one of two ranges is full', [range('lab', 2, 2), range('lab', 0, 2)], UNKNOWN],
  ['the range is empty', [range('lab', 0, 0)], UNKNOWN],
  ['the range is full', [range('lab', 1, 1)], /^no offer: .*1 of 1 address of the dynamic range in use; /],
  [
    'both ranges are full',
    [range('lab', 1, 1), range('lab', 2, 2)],
    /: 3 of 3 addresses of the dynamic range in use; /,
  ],
];

for (const [name, ranges, expected] of CASES) {
  test(`no offer, and ${name}`, () => {
    const { text, fix } = judgeSilence('no offer', 'lab', ranges, COMMANDS);
    assert.match(text, expected);
    assert.equal(fix === COMMANDS.start, expected === UNKNOWN, 'a rack that is full runs already');
  });
}

test('a range whose every address is reserved has no room for a probe, whatever other networks have', () => {
  const lacks = (...ranges: readonly RangeUse[]): boolean => describeFullRange('lab', ranges) !== undefined;
  assert.equal(lacks(range('lab', 0, 0), range('far', 0, 2)), true);
  assert.equal(lacks(range('lab', 1, 1)), false, 'a full range is a fault');
  assert.equal(lacks(range('lab', 0, 0), range('lab', 0, 2)), false);
  assert.equal(lacks(range('far', 0, 0)), false);
  assert.equal(lacks(), false, 'no rack was asked');
});
