// The commands on the host of a running rack, with all their words; and further commands that nobody has.
// @host alone

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testRackCommands } from '../cases/rack-commands.ts';
import { missing } from '../support/needs.ts';
import { runRackboot } from '../support/running-rack.ts';

const MS_MAX = 60_000;

testRackCommands('all');

for (const [words, expected] of [
  [['frobnicate'], /frobnicate/],
  [['machines'], /name what to do: list, show/],
  [['config'], /show, get, set, unset or export/],
  [['leases', 'lst'], /Did you mean list\?\nSee .*rackboot(?:\.js)? leases --help/],
  [['machines', 'lst'], /Did you mean list\?/],
  [['leases', 'list', '--vendor-clas', 'x'], /no "vendor-clas" here. Did you mean --vendor-class\?/],
] as const)
  test(`${words.join(' ')} ends with 2 and points to the help`, {
    skip: missing('linux'),
    timeout: MS_MAX,
  }, async () => {
    const { code, complaints } = await runRackboot(words);
    assert.equal(code, 2);
    const said = complaints.join('\n');
    assert.match(said, expected);
    assert.match(said, /See .*rackboot.* --help/);
  });
