// Which kernel the agent gives to the root of a system: the newest that the root contains, or the one that came with it; a chosen one comes first.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../../support/needs.ts';
import { SHELLS } from './shells.ts';

const SCRIPT = join(import.meta.dirname, '../../../src/images/agent/system.sh');
const OWN = ['vmlinuz-6.8.0', 'initrd.img-6.8.0'];
const CAME = { kernel_url: '/k', initrd_url: '/i' };

/** Runs the choice twice, as for laid-out disks. @returns the kernel, the initrd, and what was fetched */
function choose(shell: readonly string[], files: readonly string[], job: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'rackboot-kernel-'));
  mkdirSync(join(root, 'boot'));
  for (const name of files) writeFileSync(join(root, 'boot', name), 'x');
  const values = Object.entries(job).map(([name, text]) => `${name}) echo ${text} ;;`);
  const program = `
. ${SCRIPT}
root=${root}
job_value() { case $1 in ${values.join(' ')} esac; }
fail_job() { echo "$2"; exit 0; }
fetch_start_file() { printf 'fetched %s, ' "$1"; echo x >"$2"; }
choose_kernel
choose_kernel
echo "$kernel $initrd"`;
  const [command = '', ...words] = shell;
  try {
    return execFileSync(command, [...words, '-c', program], { encoding: 'utf8' }).trim();
  } finally {
    rmSync(root, { recursive: true });
  }
}

const FETCHED = 'fetched kernel, fetched initrd, /boot/vmlinuz-rackboot /boot/initrd.img-rackboot';
const CASES: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>, RegExp])[] = [
  ['its own kernel', OWN, CAME, /^\/boot\/vmlinuz-6\.8\.0 \/boot\/initrd\.img-6\.8\.0$/],
  ['the kernel that came with it, if it has none', [], CAME, new RegExp(`^${FETCHED}$`)],
  [
    'the kernel that came with it, if that was chosen',
    OWN,
    { ...CAME, kernel_chosen: '1' },
    new RegExp(`^${FETCHED}$`),
  ],
  ['none, and the deployment fails', [], {}, /^the system has no kernel in \/boot, and none came with it/],
];
for (const [shell, words] of SHELLS)
  for (const [name, files, job, expected] of CASES)
    test(`${shell}: the root of a system gets ${name}`, { skip: missing(words[0]) }, () => {
      assert.match(choose(words, files, job), expected);
    });
