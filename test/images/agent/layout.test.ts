// The agent's RAIDs, as it hands them to mdadm.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../../support/needs.ts';

const LAYOUT = join(import.meta.dirname, '../../../src/images/agent/layout.sh');
const PLAN = `raid 31 md0 1.2 52616b62-0000-4000-8000-000000000031 11 21
raid 32 data 1.0 52616b62-0000-4000-8000-000000000032 12 22 spare 13 23
`;
const SCRIPT = `. "$0"
run_mdadm() { echo "$*" >>"$work/made"; }
clear_device() { :; }
fail_job() { echo "$*" >&2; exit 1; }
make_raids
cat "$work/made"
`;

test('mdadm gets the members of a RAID, then its spares', { skip: missing('busybox') }, () => {
  const work = mkdtempSync(join(tmpdir(), 'rackboot-raids-'));
  try {
    writeFileSync(join(work, 'plan'), PLAN);
    writeFileSync(join(work, 'devices'), ['11 a1', '12 a2', '13 a3', '21 b1', '22 b2', '23 b3', ''].join('\n'));
    const env = { ...process.env, work, dev: '/dev', sys: work, tools: work };
    const made = execFileSync('busybox', ['sh', '-c', SCRIPT, LAYOUT], { env, encoding: 'utf8' });
    assert.deepEqual(
      made.split('\n').map((line) => line.replace(/--metadata.*--uuid=\S+ /, '')),
      [
        '--create /dev/md0 --run --level=1 --raid-devices=2 /dev/a1 /dev/b1',
        '--create /dev/md1 --run --level=1 --raid-devices=2 --spare-devices=2 /dev/a2 /dev/b2 /dev/a3 /dev/b3',
        '',
      ],
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
