import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { OUTPUT_BYTES_MAX, runProgram } from '../../src/power/program.ts';
import { ended } from '../support/child.ts';

test('OUTPUT_BYTES_MAX of each output stream are stored, and the program ends normally', async () => {
  const script = `head -c ${2 * OUTPUT_BYTES_MAX} /dev/zero; head -c ${OUTPUT_BYTES_MAX + 1} /dev/zero >&2`;
  const run = { clock: systemClock, signal: new AbortController().signal, timeMs: 20_000 };
  const end = await runProgram('sh', ['-c', script], run);
  assert.ok(end.kind === 'ended');
  assert.deepEqual([end.code, end.out.length, end.err.length], [0, OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX]);
});

test('a program that is missing or cannot be run is named', async () => {
  const run = { clock: systemClock, signal: new AbortController().signal, timeMs: 20_000 };
  assert.deepEqual(await runProgram('no-such-program', [], run), { kind: 'missing', program: 'no-such-program' });
  const end = await runProgram('/etc/passwd', [], run);
  assert.equal(end.kind, 'not-started');
});

test('a program ends at its limit even if the process that started it has died', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-program-'));
  const late = join(directory, 'late');
  const module = join(import.meta.dirname, '../../src');
  const script = `
    const { systemClock } = await import('${module}/ground/clock.ts');
    const { runProgram } = await import('${module}/power/program.ts');
    const run = { clock: systemClock, signal: new AbortController().signal, timeMs: 1000 };
    void runProgram('sh', ['-c', 'echo begun >&2; sleep 5; touch "$1"', 'sh', '${late}'], run);
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 500);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' });
  await ended(parent);
  assert.equal(parent.signalCode, 'SIGKILL');
  await sleep(6500);
  assert.equal(existsSync(late), false);
  rmSync(directory, { recursive: true, force: true });
});
