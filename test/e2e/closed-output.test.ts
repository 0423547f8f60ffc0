// `rackboot … | head -1`: a command whose output is no longer read ends silently.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { runAndLeave } from '../support/closed-output.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { RunningRack } from '../support/running-rack.ts';

/** 128 and the number of SIGPIPE, as a shell reports a program that this signal ended. */
const CLOSED = 141;

describe('a command whose output is no longer read ends quietly', { skip: missing('linux') }, () => {
  const rack = new RunningRack(labPlace(18));
  before(() => rack.startWhole());
  after(() => rack.remove());

  const commands = [['status'], ['doctor'], ['machines', 'list'], ['leases', 'list', '--json']];
  for (const words of !HAS_MANY_ROUNDS ? commands.slice(0, 1) : commands) {
    test(`${words.join(' ')}, before its first line`, async () => {
      const { code, complaints } = await runAndLeave([...words, '--config', rack.configFile], 0);
      assert.equal(complaints, '');
      assert.equal(code, CLOSED);
    });
  }

  test('doctor, after its first line', async () => {
    const { code, complaints, output } = await runAndLeave(['doctor', '--config', rack.configFile], 1);
    assert.match(output, /^(ok|BAD) /);
    assert.equal(complaints, '');
    assert.equal(code, CLOSED);
  });
});
