// What `rackboot boot` decides by itself: when a machine has all files, and which loader goes with an old GRUB.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { awaitFiles, replaceOldGrubs } from '../../../src/cli/rack/boot.ts';
import { QUIET_MS } from '../../../src/observe/timeline.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const SIZES = new Map([
  ['boot/0-kernel', 100],
  ['boot/1-initrd', 50],
]);
const [ONE, OTHER] = ['52:54:00:77:40:02', '52:54:00:77:40:03'];

describe('a boot with --once', () => {
  const watched = (sizes: ReadonlyMap<string, number>, isDisc: boolean) => {
    const clock = new VirtualClock();
    const end = new AbortController();
    const onStep = awaitFiles(sizes, isDisc, clock, end);
    const load = (mac: string, file: string, bytes: number, kind = 'http.file-sent') =>
      onStep(mac, { kind, fields: { file, bytes } });
    return { clock, load, ends: () => end.signal.aborted };
  };

  test('ends when one machine has every byte of each file, in parts or by TFTP', () => {
    const { load, ends } = watched(SIZES, false);
    load(ONE, '/boot/0-kernel', 1);
    load(ONE, '/boot/1-initrd', 1);
    load(OTHER, '/boot/1-initrd', 50);
    load(ONE, '/boot/0-kernel', 99);
    assert.equal(ends(), false, 'the initrd is another machine’s');
    load(ONE, 'boot/1-initrd', 50, 'tftp.probed');
    load(ONE, '/boot/1-initrd', 50, 'http.aborted');
    assert.equal(ends(), false, 'that was not loaded');
    load(ONE, 'boot/1-initrd', 49, 'tftp.sent');
    assert.equal(ends(), true);
  });

  test('of a disc ends when nothing of it was read for QUIET_MS', () => {
    const { clock, load, ends } = watched(new Map([['boot/0-disc.iso', 1 << 30]]), true);
    clock.advance(QUIET_MS);
    load(ONE, '/boot/0-disc.iso', 2048);
    clock.advance(QUIET_MS - 1);
    load(ONE, '/boot/0-disc.iso', 2048);
    load(ONE, '/pxelinux.0', 2048);
    clock.advance(QUIET_MS - 1);
    assert.equal(ends(), false);
    clock.advance(1);
    assert.equal(ends(), true);
  });
});

describe('a GRUB of the host', () => {
  const directory = scratchDirectory();
  const grub = (version: string) => {
    const path = join(directory, version);
    writeFileSync(path, `sbat,1\ngrub,3,Free Software Foundation,grub,${version},https://gnu.org\n`);
    return path;
  };
  const IPXE = 'ipxe.efi';
  for (const [name, version, other, isServer, loaders, notes] of [
    ['that is too old gives way to iPXE', '2.06', IPXE, false, { 7: IPXE, 9: IPXE, 16: IPXE, 17: IPXE }, 1],
    [
      'that is too old stays where this host gives the addresses, but for HTTP boot',
      '2.06',
      IPXE,
      true,
      { 16: IPXE, 17: IPXE },
      1,
    ],
    ['that is too old stays without iPXE', '2.06', 'pxelinux.0', false, {}, 1],
    ['that is new stays', '2.12', IPXE, false, {}, 0],
  ] as const) {
    test(name, () => {
      const told: string[] = [];
      const files = new Map([
        ['grubx64.efi', grub(version)],
        [other, '/other'],
      ] as const);
      assert.deepEqual(
        replaceOldGrubs(files, isServer, (note) => told.push(note)),
        loaders,
      );
      assert.equal(told.length, notes);
    });
  }
});
