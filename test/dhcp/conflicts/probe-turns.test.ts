import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROBES_RUNNING_MAX, PROBES_WAITING_MAX, ProbeTurns } from '../../../src/dhcp/conflicts/conflict-check.ts';
import { settle } from '../lab.ts';

/** Turns of which none is left. */
function busy() {
  const turns = new ProbeTurns();
  for (let probe = 0; probe < PROBES_RUNNING_MAX; probe += 1) assert.equal(turns.take('eth1'), true);
  const begun: string[] = [];
  /** @returns false: it may not even wait */
  const wait = (wire: string): boolean => {
    const turn = turns.take(wire);
    assert.notEqual(turn, true);
    if (turn !== false && turn !== true) void turn.then(() => begun.push(wire));
    return turn !== false;
  };
  const end = async (count: number): Promise<readonly string[]> => {
    for (let probe = 0; probe < count; probe += 1) turns.end();
    await settle();
    return begun.splice(0);
  };
  return { turns, wait, end };
}

test('a client without a turn waits until a probe ends', async () => {
  const { turns, wait, end } = busy();
  assert.ok(wait('eth1'));
  assert.deepEqual(await end(0), []);
  assert.deepEqual(await end(1), ['eth1']);
  assert.notEqual(turns.take('eth1'), true, 'the turn was handed on');
});

test('a turn that no client waits for is free', async () => {
  const { turns, end } = busy();
  await end(1);
  assert.equal(turns.take('eth1'), true);
});

test('PROBES_WAITING_MAX clients of a shared network wait, and those of another have their own places and every second turn', async () => {
  const { wait, end } = busy();
  for (let client = 0; client < PROBES_WAITING_MAX; client += 1) assert.ok(wait('eth1'));
  assert.equal(wait('eth1'), false);
  for (let client = 0; client < 3; client += 1) assert.ok(wait('eth2'));
  assert.deepEqual(await end(6), ['eth1', 'eth2', 'eth1', 'eth2', 'eth1', 'eth2']);
  assert.equal((await end(PROBES_WAITING_MAX - 3)).length, PROBES_WAITING_MAX - 3);
  assert.deepEqual(await end(1), []);
});
