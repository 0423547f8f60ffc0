// The programs of power drivers: the message about a missing one, and that the documents name every driver and the same packages.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { POWER_DRIVERS } from '../../src/power/drivers.ts';
import { DRIVER_PROGRAMS, findMissingPrograms, installCommand, missingProgram } from '../../src/power/programs.ts';
import { textOf } from '../support/sentences.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const PROGRAMS = [...DRIVER_PROGRAMS.values()].flat();

test('every driver of the table is a driver', () => {
  const names = POWER_DRIVERS.map(({ name }) => name);
  for (const driver of DRIVER_PROGRAMS.keys()) assert.ok(names.includes(driver), driver);
});

test('the message about a missing program gives the command that installs it', () => {
  const text = (program: string): string => textOf({ detail: missingProgram(program) });
  assert.equal(text('ipmitool'), 'ipmitool is not installed: sudo apt-get install ipmitool');
  assert.equal(text('virsh'), 'virsh is not installed: sudo apt-get install libvirt-clients');
  for (const { program, package: name } of PROGRAMS) assert.ok(text(program).endsWith(` install ${name}`));
});

test('a package of several programs is named once', () => {
  const ssh = PROGRAMS.filter((one) => one.package === 'openssh-client');
  assert.equal(ssh.length, 2);
  assert.equal(installCommand(ssh), 'sudo apt-get install openssh-client');
});

test('a program is found in the given path', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-programs-'));
  try {
    const before = findMissingPrograms('ipmi', directory).length;
    writeFileSync(join(directory, 'ipmitool'), '');
    assert.equal(findMissingPrograms('ipmi', directory).length, before, 'a file that is not a program does not count');
    chmodSync(join(directory, 'ipmitool'), 0o755);
    assert.deepEqual(findMissingPrograms('ipmi', directory), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
  assert.deepEqual(findMissingPrograms('webhook', ''), []);
});

test('docs/power.md has a row for every driver', () => {
  const text = readFileSync(join(ROOT, 'docs/power.md'), 'utf8');
  for (const { name } of POWER_DRIVERS)
    assert.ok(text.includes(`\n| \`${name}\` |`), `${name}: add a row to the first table of docs/power.md`);
});

test('docs/power.md has a row for every program that Rackboot brings', () => {
  const text = readFileSync(join(ROOT, 'docs/power.md'), 'utf8');
  for (const name of readdirSync(join(ROOT, 'src', 'power', 'programs')))
    assert.ok(text.includes(`\n| \`${name}\` |`), `${name}: add a row to the table of programs in docs/power.md`);
});

for (const page of ['docs/power.md', 'docs/first-machine.md']) {
  test(`${page} names the package of every program`, () => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const named = [...text.matchAll(/apt-get install ([a-z0-9 -]+)/g)].flatMap(([, words = '']) => words.split(' '));
    for (const { package: name } of PROGRAMS)
      assert.ok(named.includes(name), `${page} does not say how to install ${name}`);
  });
}
