import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { OUTPUT_BYTES_MAX, runProgram } from '../../src/power/program.ts';

test('OUTPUT_BYTES_MAX of each output stream are stored, and the program ends normally', async () => {
  const script = `head -c ${2 * OUTPUT_BYTES_MAX} /dev/zero; head -c ${OUTPUT_BYTES_MAX + 1} /dev/zero >&2`;
  const run = { clock: systemClock, signal: new AbortController().signal, timeMs: 20_000 };
  const end = await runProgram('sh', ['-c', script], run);
  assert.ok(end.kind === 'ended');
  assert.deepEqual([end.code, end.out.length, end.err.length], [0, OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX]);
});
