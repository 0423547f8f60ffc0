// The virtual machine of a lab that is killed ends with it. A script stands in for QEMU.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';

const CHILD = join(import.meta.dirname, 'lab-machine-child.ts');
const isAlive = (pid: number): boolean => {
  try {
    // A process that has ended and is not awaited yet counts as ended.
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

test('a virtual machine ends with the lab that is killed', {
  skip: missing('linux', 'root', 'ip', 'setpriv'),
}, async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-killed-'));
  const name = `rb-killed-${process.pid}`;
  const reported = join(place, 'pid');
  const program = `#!/bin/sh\necho $$ >${reported}.part && mv ${reported}.part ${reported} && exec sleep 300\n`;
  writeFileSync(join(place, 'qemu-system-x86_64'), program, { mode: 0o755 });
  const env = { ...process.env, PATH: `${place}:${process.env.PATH}` };
  const child = spawn(process.execPath, [CHILD, name, place], { stdio: ['ignore', 'ignore', 'inherit'], env });
  try {
    await eventually('the machine', () => existsSync(reported));
    const pid = Number(readFileSync(reported, 'utf8'));
    assert.ok(isAlive(pid));
    await endProgram(child, 'SIGKILL');
    await eventually('its end', () => !isAlive(pid));
  } finally {
    await endProgram(child, 'SIGKILL');
    execFileSync('ip', ['netns', 'delete', name]);
    rmSync(place, { recursive: true });
  }
});
