// `rackboot lab --vm` as root has it: a virtual machine with real firmware boots in a private network and is enlisted, the terminal says each
// step, and Ctrl-C leaves neither a namespace nor a process nor a file. The long suite also interrupts its boot, and the build of its environment.
//
// 1. The lab runs in a network of this process, so its page's port is free.
// @host computes, 50 s
// @process own

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork } from '../support/own-network.ts';
import { BOOT_MS_MAX, BUILD_MS_MAX, Lab, MAC, MAIN, NEEDS, PAGE, START_MS_MAX } from '../support/vm-lab.ts';

/** The terminal's lines about a machine's boot, in this order. */
const STEPS: readonly RegExp[] = [
  /^ *[\d.]+ s {2}lab +A real virtual machine in a private network\.$/m,
  /^ *[\d.]+ s {2}lab +The page: http:\/\/127\.0\.0\.1:5240\/MAAS\/$/m,
  new RegExp(`^ *[\\d.]+ s {2}machine +virtual machine ${MAC} powers on with a blank disk`, 'm'),
  /^ *[\d.]+ s {2}rack +offers 10\.77\.0\.\d+ and \S+ \(DHCP\)$/m,
  /^ *[\d.]+ s {2}rack +has sent linux, [\d.]+ MB \(HTTP\)$/m,
  /^ *[\d.]+ s {2}rack +has sent initrd\.gz, [\d.]+ MB \(HTTP\)$/m,
  /^ *[\d.]+ s {2}region +\S+ is enlisted: the region knows it now, as New$/m,
  /^ *[\d.]+ s {2}lab +The machine reported itself and powered off\.$/m,
  /^What to try next$/m,
  /^Ctrl-C ends the lab and removes everything\.$/m,
];

describe('the lab with a virtual machine', { skip: missing(...NEEDS) }, () => {
  const labs: Lab[] = [];
  const start = (lab = new Lab()): Lab => {
    labs.push(lab);
    return lab;
  };
  before(
    async () => {
      await cachedBootTree(() => undefined);
      enterOwnNetwork();
    },
    { timeout: BUILD_MS_MAX },
  );
  after(async () => {
    for (const { child, place } of labs) {
      await endProgram(child, 'SIGKILL');
      rmSync(place, { recursive: true, force: true });
    }
  });

  test('boots it until the region lists it as New, prints each step, and leaves nothing behind', {
    timeout: BOOT_MS_MAX + 2 * START_MS_MAX,
  }, async () => {
    const lab = start();
    await lab.says(STEPS, BOOT_MS_MAX);
    const places = STEPS.map((step) => lab.text.search(step));
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
      lab.text,
    );
    assert.doesNotMatch(lab.text, /^ *[\d.]+ s {2}problem/m, lab.text);
    const name = /region +(\S+) is enlisted/.exec(lab.text)?.[1] ?? assert.fail(lab.text);
    const look = / {4}Look +sudo .*?(machines show .*)$/m.exec(lab.text)?.[1] ?? assert.fail(lab.text);
    const shown = execFileSync(process.execPath, [MAIN, ...look.split(' ')], { encoding: 'utf8' });
    assert.match(shown, /^Status +New$/m);
    assert.match(shown, new RegExp(`^Interfaces +\\S+ ${MAC}$`, 'm'));
    const page = await (await fetch(PAGE)).text();
    assert.ok(page.includes(name), 'the page shows it');
    assert.match(readFileSync(join(lab.directory, 'machine.console'), 'latin1'), /Powering off/);
    await lab.interrupt();
    await assert.rejects(fetch(PAGE));
  });
});
