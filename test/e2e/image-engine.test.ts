// Commands that change images while a daemon owns the boot tree: the daemon does the work, shows its progress, and refuses as a command alone
// would. Killed clients, a killed daemon, and two commands without a daemon. Real processes, by any user.
// @host waits

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engineSocket } from '../../src/images/engine/protocol.ts';
import { readImages } from '../../src/images/store/image-store.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { missing } from '../support/needs.ts';
import { type Ended, eventually, MAIN, RunningRack, runRackboot, well } from '../support/running-rack.ts';

const PLACE = labPlace(107);
const MIB = 1024 * 1024;

describe('commands on the images of a running daemon', { skip: missing('linux') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-engine-'));
  const rack = new RunningRack(PLACE);
  const disk = join(scratch, 'site.img');
  const images = (...words: readonly string[]): Promise<Ended> =>
    runRackboot(['images', ...words, '--config', rack.configFile]);
  const add = (release: string, ...words: readonly string[]): Promise<Ended> =>
    images('add', disk, '--os', 'custom', '--release', release, ...words);
  const names = (): readonly string[] => readImages(rack.tree).images.map(({ os, release }) => `${os}/${release}`);
  const copies = (): readonly string[] => {
    const directory = join(rack.tree, 'images');
    return existsSync(directory) ? readdirSync(directory).filter((name) => name.startsWith('.part-')) : [];
  };

  before(async () => {
    writeFileSync(disk, makeSystemDisk(12 * MIB, 3));
    await rack.startWhole();
  });
  after(async () => {
    await rack.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('a disk image is added by the daemon, with its progress, and the same bytes again change nothing', async () => {
    const { code, output, complaints } = await add('one');
    assert.equal(code, 0, complaints.join('\n'));
    assert.match(output.join('\n'), /^50 % of 12\.0 MiB\n(?:.*\n)*Added custom\/one\/amd64\S* from a raw image: /m);
    assert.ok(statSync(engineSocket(rack.stateDir)).isSocket());
    assert.deepEqual([names(), copies()], [['custom/one'], []]);
    const again = await add('one', '--json');
    assert.deepEqual([again.code, JSON.parse(again.output.join('\n')).added], [0, false]);
  });

  test('a relative --tree is that of the command, also while the daemon owns it', async () => {
    const words = ['--tree', 'boot', '--config', rack.configFile];
    const here = (...given: readonly string[]): Promise<string> =>
      well(runRackboot(['images', ...given, ...words], { cwd: rack.directory }));
    await here('add', disk, '--os', 'custom', '--release', 'relative');
    assert.deepEqual(names().toSorted(), ['custom/one', 'custom/relative']);
    await here('fsck');
    await here('remove', 'custom/relative');
    assert.deepEqual(names(), ['custom/one']);
  });

  test('the root of a system in a directory is packed by the command, and added by the daemon', async () => {
    const root = join(scratch, 'root');
    for (const name of ['etc', 'usr']) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'etc/os-release'), 'ID=site\n');
    const { code, complaints } = await images('add', root, '--os', 'site', '--release', 'two');
    assert.equal(code, 0, complaints.join('\n'));
    assert.deepEqual(names().toSorted(), ['custom/one', 'site/two']);
  });

  test('what the daemon refuses ends the command with the reason', async () => {
    const text = join(scratch, 'text.img');
    writeFileSync(text, Buffer.alloc(MIB, 'x'));
    const { code, complaints } = await images('add', text, '--os', 'custom', '--release', 'bad');
    assert.equal(code, 2);
    assert.match(complaints.join('\n'), /text\.img cannot be added: /);
    assert.deepEqual(copies(), []);
  });

  test('images are removed and checked by the daemon', async () => {
    const removed = await images('remove', 'site/two');
    assert.equal(removed.code, 0, removed.complaints.join('\n'));
    assert.match(removed.output.join('\n'), /^Removed site\/two\S*\nFreed /m);
    const checked = await images('fsck');
    assert.equal(checked.code, 0, checked.complaints.join('\n'));
    assert.match(checked.output.join('\n'), /^Checked \d+ files?: all right\.$/m);
  });

  test('a bundle of exported images is taken in by the daemon', async () => {
    const bundle = join(scratch, 'one.tar');
    for (const words of [
      ['export', 'custom/one', bundle],
      ['remove', 'custom/one'],
      ['import', bundle],
    ]) {
      const { code, complaints } = await images(...words);
      assert.equal(code, 0, complaints.join('\n'));
    }
    assert.deepEqual([names().includes('custom/one'), copies()], [true, []]);
  });

  test('a killed command leaves nothing in the tree, and the daemon does the next work', async () => {
    const large = join(scratch, 'large.img');
    writeFileSync(large, makeSystemDisk(12 * MIB, 4));
    const words = ['images', 'add', large, '--os', 'custom', '--release', 'killed', '--config', rack.configFile];
    const command = spawn(process.execPath, [MAIN, ...words], { stdio: 'ignore' });
    await eventually('a copy begins, or the image is there', () =>
      copies().length > 0 || names().includes('custom/killed') ? true : undefined,
    );
    command.kill('SIGKILL');
    await once(command, 'exit');
    await eventually('nothing is left', () => (copies().length === 0 ? true : undefined));
    assert.equal((await add('after')).code, 0);
  });

  test('without a daemon a command does the work itself', async () => {
    await rack.stop();
    assert.equal((await add('alone')).code, 0);
    assert.ok(names().includes('custom/alone'));
  });
});
